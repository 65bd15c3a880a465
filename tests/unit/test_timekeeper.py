"""Whether the agent's clock is good enough to measure by, and when it was set."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reading import NANOSECONDS
from agent.measuring.clock import STA_UNSYNC, Kernel, StepWatch, judged
from agent.running.timekeeper import FLAGS, Timekeeper, ask_kernel, uptime

S = NANOSECONDS
T0 = 1_772_323_200 * S
SET = Kernel(0, 0)
UNSET = Kernel(5, STA_UNSYNC)
DENIED = Kernel(refused="Operation not permitted")


class Computer:
    """A computer's clocks and what its kernel says of them."""

    def __init__(self, kernel: Kernel | None) -> None:
        self.offset, self.mono, self.kernel = T0, 0, kernel
        self.asked = 0

    def ask(self) -> Kernel | None:
        self.asked += 1
        return self.kernel

    def keeper(self, *flags: str, required: bool = True) -> Timekeeper:
        return Timekeeper(
            required=required,
            wall=lambda: self.offset + self.mono,
            mono=lambda: self.mono,
            kernel=self.ask,
            flags=flags,
        )


@pytest.mark.parametrize(
    ("kernel", "found", "verdict"),
    [
        (SET, "", True),
        (UNSET, "", False),
        (Kernel(0, STA_UNSYNC), "", False),
        (Kernel(5, 0), "", False),
        (Kernel(1, 0), "", True),
        (DENIED, "", None),
        (None, "", None),
        (UNSET, FLAGS[1], True),
        (DENIED, FLAGS[0], True),
    ],
)
def test_one_witness_is_enough_and_none_is_told_as_none(
    kernel: Kernel | None, found: str, verdict: bool | None
) -> None:
    sync = judged(kernel, found, FLAGS)
    assert sync.synchronised is verdict
    assert bool(sync.mend) == (verdict is not True)


def test_what_cannot_be_told_names_what_was_tried_and_the_mend() -> None:
    sync = judged(DENIED, "", FLAGS)
    assert "adjtimex: Operation not permitted" in sync.detail
    assert all(flag in sync.detail for flag in FLAGS)
    assert "require_clock_sync = false" in sync.mend


def test_the_kernel_answers_without_anything_being_set() -> None:
    answer = ask_kernel()
    assert answer is not None
    assert not answer.refused
    assert 0 <= answer.state <= 5
    assert uptime() <= uptime()


@pytest.mark.parametrize("kernel", [UNSET, DENIED, None])
def test_the_agent_waits_for_the_clock_and_is_told_once(
    kernel: Kernel | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    computer = Computer(kernel)
    keeper = computer.keeper()
    for _ in range(5):
        computer.mono += S
        keeper.look()
    assert not keeper.trusted
    assert keeper.told().waiting
    assert "require_clock_sync = false" in keeper.told().problem
    computer.kernel = SET
    keeper.look()
    assert (keeper.trusted, keeper.told().problem) == (True, "")
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "nothing is measured" in said[0]
    assert "measuring begins" in said[1]


def test_a_flag_file_is_enough_and_then_the_kernel_is_not_asked(tmp_path: Path) -> None:
    computer, flag = Computer(DENIED), tmp_path / "synchronised"
    keeper = computer.keeper(str(tmp_path / "other"), str(flag))
    assert not keeper.trusted
    flag.touch()
    before = computer.asked
    keeper.look()
    assert keeper.trusted
    assert computer.asked == before


def test_a_server_that_is_lost_later_is_logged_and_takes_nothing_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    computer = Computer(SET)
    keeper = computer.keeper()
    computer.kernel = UNSET
    for _ in range(130):
        computer.mono += S
        assert keeper.look() == 0
    assert keeper.trusted
    assert keeper.told().synchronised is False
    assert [record.getMessage() for record in caplog.records] == [
        "the clock is not synchronised any more; it runs on"
    ]


def test_where_it_is_not_required_nothing_waits() -> None:
    keeper = Computer(UNSET).keeper(required=False)
    assert keeper.trusted
    assert (keeper.told().waiting, keeper.told().problem) == (False, "")


@pytest.mark.parametrize("hours", [1, -1, 24 * 3652, -24 * 3652])
def test_a_step_is_told_once_with_its_size(hours: int) -> None:
    computer = Computer(SET)
    keeper = computer.keeper()
    computer.mono += S // 2
    computer.offset += hours * 3600 * S
    assert keeper.look() == hours * 3600 * S
    computer.mono += S // 2
    assert keeper.look() == 0


@given(st.integers(-83_333, 83_333), st.lists(st.integers(1, 120 * S), max_size=20))
def test_slewing_is_no_step_however_long_nobody_looked(ppm: int, waits: list[int]) -> None:
    watch, wall, mono = StepWatch(T0, 0), T0, 0
    for wait in waits:
        mono += wait
        wall += wait + wait * ppm // 1_000_000
        assert watch.look(wall, mono) == 0


@given(st.integers(1, S // 2), st.integers(2 * S, 10**18), st.booleans())
def test_a_step_beyond_two_seconds_is_seen_from_one_look_to_the_next(
    wait: int, size: int, back: bool
) -> None:
    step = -size if back else size
    assert StepWatch(T0, 0).look(T0 + wait + step, wait) == step


def test_a_repeated_second_is_no_step() -> None:
    watch = StepWatch(T0, 0)
    assert watch.look(T0 + S // 2 - S, S // 2) == 0


def test_clocks_read_with_a_pause_between_them_are_read_again() -> None:
    pauses = [3 * S, 0]
    now = [0]

    def wall() -> int:
        now[0] += pauses.pop(0) if pauses else 0
        return T0 + now[0]

    keeper = Timekeeper(
        required=False, wall=wall, mono=lambda: now[0], kernel=lambda: SET, flags=()
    )
    pauses[:] = [5 * S, 0]
    assert keeper.look() == 0
