"""The beat of polling and the pauses after faults."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.schedule import Pause, aligned, following

INSTANTS = st.integers(0, 4 * 10**18)
LENGTHS = st.integers(1, 10**14)


@given(INSTANTS, LENGTHS)
def test_polls_are_aligned_and_in_the_future(now: int, every: int) -> None:
    due = aligned(now, every)
    assert due % every == 0
    assert now < due <= now + every


@given(INSTANTS, LENGTHS, st.integers(0, 10**6))
def test_polls_on_time_never_drift(start: int, every: int, late: int) -> None:
    due = aligned(start, every)
    late = min(late, every - 1)
    assert following(due, due + late, every) == due + every


@given(INSTANTS, LENGTHS, st.integers(0, 10**17))
def test_a_stall_gives_at_most_one_poll_at_once(start: int, every: int, stall: int) -> None:
    due = aligned(start, every)
    now = due + stall
    coming = following(due, now, every)
    assert coming % every == 0
    after = following(coming, max(now, coming), every)
    assert after > now


@given(INSTANTS, LENGTHS, st.integers(0, 10**17))
def test_a_clock_set_back_does_not_stop_polling(start: int, every: int, back: int) -> None:
    due = aligned(start, every)
    now = max(0, due - back)
    assert following(due, now, every) <= now + every


@given(st.integers(1, 10**9), st.integers(0, 8), st.floats(0, 1))
def test_pauses_double_up_to_the_longest_and_jitter_shortens_by_half_at_most(
    shortest: int, factor: int, jitter: float
) -> None:
    pause = Pause(shortest, shortest * 2**factor)
    for fault in range(12):
        pause.fault(0, jitter)
        length = min(shortest * 2**fault, shortest * 2**factor)
        assert pause.active(length // 2 - 1) or length < 2
        assert not pause.active(length)


def test_an_answer_ends_a_pause_and_the_next_is_short_again() -> None:
    pause = Pause(10, 1000)
    for _ in range(5):
        pause.fault(0, 0.0)
    assert pause.active(150)
    pause.clear()
    assert not pause.active(0)
    pause.fault(0, 0.0)
    assert not pause.active(10)


def test_a_clock_set_back_ends_a_pause() -> None:
    pause = Pause(10, 1000)
    pause.fault(10**9, 0.0)
    assert not pause.active(0)
