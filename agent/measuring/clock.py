"""What the agent's own clock is worth: whether it is synchronised, and whether it was set."""

from dataclasses import dataclass
from typing import NamedTuple

from adapters.reading import NANOSECONDS

TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""
STA_UNSYNC = 0x0040
"""The bit of adjtimex's status that says the same."""
TOLERANCE = NANOSECONDS
"""A difference to the monotonic clock beyond this is a step; a leap second is not one."""
SLEW = 0.1
"""Fastest slewing that must not pass for a step; chrony's `maxslewrate` is 0.083 at most."""
UNSYNCHRONISED = "the clock is not synchronised"
_MEND = (
    "see `timedatectl` (chrony needs `rtcsync`); where there is no time server, set the clock and "
    "put require_clock_sync = false into [windows]"
)


class Kernel(NamedTuple):
    """What adjtimex(2) answered, or why it did not."""

    state: int = TIME_ERROR
    status: int = STA_UNSYNC
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Sync:
    """Whether the clock is synchronised (None: nothing can tell), why, and what to do."""

    synchronised: bool | None
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class ClockState:
    """The clock as the status tells it: synchronised (None: nothing can tell), and required to be.

    `waiting`: nothing is measured until it is. `problem` is empty when there is none.
    """

    synchronised: bool | None
    required: bool
    waiting: bool
    problem: str


def judged(kernel: Kernel | None, found: str, looked_for: tuple[str, ...]) -> Sync:
    """Judge the evidence; one witness that it is synchronised is enough.

    `found` is the flag file that is there, of those looked for. The kernel is asked where there is
    none: it says "not" as long as no time client has told it otherwise (adjtimex(2)).
    """
    if found:
        return Sync(True, f"{found} says so")
    if kernel is None or kernel.refused:
        why = kernel.refused if kernel else "not on this system"
        return Sync(
            None,
            f"nothing tells whether the clock is synchronised (adjtimex: {why}; no "
            f"{' and no '.join(looked_for)})",
            f"let `sidestream-clock.service` run beside the agent, or {_MEND}",
        )
    if kernel.state == TIME_ERROR or kernel.status & STA_UNSYNC:
        return Sync(False, UNSYNCHRONISED, _MEND)
    return Sync(True, "the kernel says so")


class StepWatch:
    """Tells steps of the wall clock, in nanoseconds, by the side of a clock that is never set."""

    __slots__ = ("_mono", "_wall")

    def __init__(self, wall: int, mono: int) -> None:
        self._wall, self._mono = wall, mono

    def look(self, wall: int, mono: int) -> int:
        """Give by how much the wall clock was set since the last look; 0: it was not.

        What slewing can do in that time, and up to a second more, is not told.
        """
        passed = mono - self._mono
        step = wall - self._wall - passed
        self._wall, self._mono = wall, mono
        return step if abs(step) > TOLERANCE + SLEW * passed else 0
