"""The contract of a meter: what turns readings of its inputs into contributions to windows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from adapters.reading import Fault, Quality, Value
from agent.measuring.total import EventKind
from agent.measuring.window import CLOCK_STEP, LATE, NEVER

Input = tuple[str, Value, Fault | None]
"""A reading of one input: its role, its value in the point's own unit, what is wrong with it."""

NOT_A_NUMBER = "not-a-number"
CLOCK_STEP_RUN = 3
"""So many readings in a row, each behind the last counted one, are a clock that was set back."""


class Book(Protocol):
    """Where a meter puts what it makes: `agent.measuring.window.Windows`, or a list in a test."""

    def add(
        self,
        start: int,
        end: int,
        steady: float,
        ramp: float = 0.0,
        doubt: bool = False,
        spread: bool = False,
        warmth: tuple[float, float] | None = None,
    ) -> None:
        """Take a contribution: `steady`·x + `ramp`·x² over [start, end)."""

    def put(self, time: int, quantity: float, tickets: int, spread: bool = False) -> None:
        """Take a quantity that came at an instant as so many batches, covering no time."""

    def count(self, time: int, reason: str) -> None:
        """Count a reading that was not good."""

    def note(self, time: int, kind: EventKind, detail: str) -> None:
        """Mark an instant and log an event."""


class Meter(Protocol):
    """A meter: fed in the order of arrival, one instant a call, it writes into a book."""

    def take(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take the readings of one instant; at least one, `status` not among them."""

    def reached(self) -> int:
        """Give the instant before which nothing can be contributed any more."""

    def newest(self) -> int:
        """Give the instant of the newest reading of any quality."""

    def set_back(self, now: int) -> None:
        """Forget instants after `now`, to which the clock was set back; a baseline stays."""

    def snapshot(self) -> dict[str, Any]:
        """Give the meter's state, fit for JSON."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""


def numeric(time: int, value: Value, fault: Fault | None, book: Book) -> float | int | None:
    """Give a usable number, or None; what is not good is counted by its reason."""
    if fault is not None:
        book.count(time, fault.reason)
        if fault.quality is Quality.BAD:
            return None
    if type(value) is float and -math.inf < value < math.inf:
        return value
    if type(value) is int:
        return value
    book.count(time, NOT_A_NUMBER)
    return None


class Order:
    """Watches one input's readings that are behind its last counted one."""

    __slots__ = ("last", "run")

    def __init__(self) -> None:
        self.last = NEVER
        self.run = 0

    def behind(self, time: int, counted: int, book: Book) -> None:
        """Take a reading at or before the last counted one: a repeat, late, or a clock set back.

        None of them contributes: time that was counted is never counted again.
        """
        if time == counted:
            return
        self.run = self.run + 1 if time > self.last else 1
        self.last = time
        book.count(time, LATE)
        if self.run == CLOCK_STEP_RUN:
            behind = (counted - time) / 1e9
            book.note(time, CLOCK_STEP, f"readings are {behind:g} s behind the last counted")

    def set_back(self, now: int) -> None:
        """Forget what came after `now`."""
        self.last, self.run = min(self.last, now), 0

    def snapshot(self) -> list[int]:
        """Give the state, fit for JSON."""
        return [self.last, self.run]

    def restore(self, state: Sequence[int]) -> None:
        """Go on from a snapshot."""
        self.last, self.run = state
