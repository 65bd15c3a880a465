"""The rate meter: a quantity per time, integrated between consecutive usable readings.

A stock's level is integrated in the same way: its windows divide by the time it was observed for.
"""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from adapters.reading import NANOSECONDS
from agent.measuring.column import Rows
from agent.measuring.meter import Book, Input, Order, numeric
from agent.measuring.window import NEVER, Windows
from config.plan import MeterPlan


class RateMeter:
    """Integrates by trapezoid, or holds the earlier value until the next reading.

    Readings further apart than `max_gap` are not bridged. Readings within it are, also across bad
    ones; the interval then counts as observed with doubt, as it does when a reading at either end
    is in doubt.
    """

    role = "rate"

    def __init__(self, plan: MeterPlan) -> None:
        point = plan.inputs[self.role]
        self._factor, self._offset = point.factor, point.offset
        self._max_gap, self._hold = plan.max_gap, plan.hold
        self._order = Order()
        self._time, self._value, self._doubt = NEVER, 0.0, False
        self._bad = NEVER

    def take(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take one reading and contribute the interval since the last usable one."""
        _, value, fault = inputs[0]
        number = numeric(time, value, fault, book)
        if number is None:
            self._bad = max(self._bad, time)
            return
        elapsed = time - self._time
        if elapsed <= 0:
            self._order.behind(time, self._time, book)
            return
        rate = number * self._factor + self._offset
        doubt = fault is not None
        if elapsed <= self._max_gap:
            seconds = elapsed / NANOSECONDS
            ramp = 0.0 if self._hold else (rate - self._value) / 2 * seconds
            unsure = doubt or self._doubt or self._bad > self._time
            book.add(self._time, time, self._value * seconds, ramp, unsure)
        self._time, self._value, self._doubt = time, rate, doubt
        self._order.run = 0

    def go_on(self, rows: Rows, windows: Windows) -> tuple[int, Any] | None:
        """Take readings at once while each goes on from the last within one window."""
        begun = since = self._time
        if self._doubt or self._bad > since:
            return next(rows, None)
        before, until, quantities = self._value, windows.until(since), list[float]()
        factor, offset, max_gap, hold = self._factor, self._offset, self._max_gap, self._hold
        odd = None
        for row in rows:
            time, number = row
            kind, elapsed = type(number), time - since
            if (
                (kind is not float and kind is not int)
                or not -inf < number < inf
                or not 0 < elapsed <= max_gap
                or time > until
            ):
                odd = row
                break
            rate, seconds = number * factor + offset, elapsed / NANOSECONDS
            ramp = 0.0 if hold else (rate - before) / 2 * seconds
            quantities.append(before * seconds + ramp)
            since, before = time, rate
        if quantities:
            windows.add_all(begun, since, quantities)
            self._time, self._value, self._order.run = since, before, 0
        return odd

    def reached(self) -> int:
        """Give the last usable reading's instant, or a bad one's too late to be bridged."""
        return self._time if self._bad - self._time <= self._max_gap else self._bad

    def newest(self) -> int:
        """Give the instant of the newest reading of any quality."""
        return max(self._time, self._bad)

    def set_back(self, now: int) -> None:
        """Forget a reading from after `now`: it is no beginning of an interval."""
        if self._time > now:
            self._time = NEVER
        self._bad = min(self._bad, now)
        self._order.set_back(now)

    def snapshot(self) -> dict[str, Any]:
        """Give the last usable reading and what came after it."""
        return {
            "last": [self._time, self._value, self._doubt],
            "bad": self._bad,
            "order": self._order.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._time, self._value, self._doubt = state["last"]
        self._bad = state["bad"]
        self._order.restore(state["order"])


class StockMeter(RateMeter):
    """Contributes a level times the seconds it held: a silo, a tank, a heap, in a quantity."""

    role = "level"
