"""Which record goes next: live before backlog, nothing forgotten, nothing stormed."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from adapters.reading import NANOSECONDS
from agent.keeping.tables import Queued
from agent.running.dispatch import Dispatch

HOUR = 3_600 * NANOSECONDS


def record(hour: int, delay: int = 0) -> Queued:
    end = (hour + 1) * HOUR
    return Queued(hour, f"{hour:032x}", hour * HOUR, end, "p", b"", end + delay)


@given(st.sets(st.integers(0, 200), max_size=80), st.integers(1, 200))
def test_live_records_come_first_whatever_the_backlog(hours: set[int], present: int) -> None:
    dispatch = Dispatch(rate=5, live_for=2 * HOUR)
    now = (present + 1) * HOUR
    chosen = dispatch.choose([record(hour) for hour in hours], now)
    ages = [now - one.end for one in chosen]
    lives = [age <= 2 * HOUR for age in ages]
    assert lives == sorted(lives, reverse=True)
    assert {one.sequence for one in chosen if now - one.end <= 2 * HOUR} == {
        hour for hour in hours if 0 <= now - (hour + 1) * HOUR <= 2 * HOUR
    }


@given(st.integers(1, 50), st.integers(1, 20), st.integers(1, 30))
def test_the_backlog_never_exceeds_its_rate(waiting: int, rate: int, seconds: int) -> None:
    dispatch = Dispatch(rate=rate, live_for=HOUR)
    start = 1_000 * HOUR
    queue = [record(hour) for hour in range(waiting)]
    sent = 0
    for tick in range(seconds * 4 + 1):
        now = start + tick * NANOSECONDS // 4
        for one in dispatch.choose(queue, now):
            dispatch.sent(one, now)
            queue.remove(one)
            sent += 1
    assert sent <= 1 + rate * seconds
    assert sent >= min(waiting, rate * (seconds - 1))


@given(st.integers(1, 12))
def test_a_record_without_receipt_is_sent_again_ever_more_rarely(repeats: int) -> None:
    dispatch = Dispatch(rate=100, live_for=HOUR, first_repeat=60 * NANOSECONDS)
    one = record(10)
    times: list[int] = []
    now = one.end
    while len(times) <= repeats:
        if dispatch.choose([one], now):
            dispatch.sent(one, now)
            times.append(now)
        now += 10 * NANOSECONDS
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= 60 * NANOSECONDS
    assert max(gaps) <= 910 * NANOSECONDS


def test_a_record_is_not_sent_before_it_is_due() -> None:
    dispatch = Dispatch(rate=5, live_for=2 * HOUR)
    assert dispatch.choose([record(3, delay=5)], 4 * HOUR) == []
    assert dispatch.choose([record(3, delay=5)], 4 * HOUR + 5) != []


def test_a_settled_record_is_forgotten() -> None:
    dispatch = Dispatch(rate=5, live_for=2 * HOUR)
    one = record(3)
    dispatch.sent(one, one.end)
    dispatch.settled([one.id])
    assert dispatch.choose([one], one.end) == [one]
