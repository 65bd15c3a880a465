"""The cross-check of a totaliser against the integral of its rate, window by window."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from adapters.reading import Value
from agent.measuring.attributes import Attributes
from agent.measuring.meter import Input
from agent.measuring.meters.rate import RateMeter
from agent.measuring.total import Event, Total
from agent.measuring.window import CLOCK_STEP, NEVER, Windows
from config.plan import MeterPlan

CROSS_CHECK: Final = "cross-check"
OBSERVED = 0.99
"""Share of a window that both must have observed to be compared."""


class CrossCheck:
    """Integrates the rate beside a totaliser and compares each window that both observed.

    They may differ by `tolerance` of the larger one and, for a totaliser of whole counts, by one
    count: that much of a window's flow can be in its neighbour's.
    """

    role = "check"

    def __init__(self, plan: MeterPlan, unit: str, length: int) -> None:
        point = replace(plan.inputs[self.role], role="rate")
        self._meter = RateMeter(MeterPlan("rate", {"rate": point}, plan.max_gap))
        attributes = Attributes.of(plan)
        self._windows = Windows(
            "", unit, length, carries=False, banded=False, log=[], attributes=attributes
        )
        self._tolerance = plan.tolerance
        largest = 1.0 if plan.exchange is None else max(plan.exchange.values)
        self._step = abs(plan.inputs["total"].factor) * largest
        self._whole = False

    def take(self, time: int, reading: Input) -> None:
        """Take a reading of the rate."""
        if self._windows.floor != NEVER:
            self._meter.take(time, [reading], self._windows)

    def counted(self, value: Value) -> None:
        """See whether the totaliser counts in whole numbers."""
        if value is not None:
            self._whole = type(value) is int

    def begin(self, instant: int) -> None:
        """Open the window an instant lies in, unless windows have begun before."""
        self._windows.begin(instant)

    def compare(self, total: Total) -> tuple[Total, Event | None]:
        """Close the window of a total; mark it, with an event, when the two are too far apart."""
        if self._windows.floor == NEVER or self._windows.floor > total.start:
            return total, None
        other = self._windows.close()
        while other.start < total.start:
            other = self._windows.close()
        allowed = self._tolerance * max(abs(total.quantity), abs(other.quantity))
        allowed += self._step if self._whole else 0.0
        clear = not {"spread", CLOCK_STEP} & {*total.marks}
        seen = min(total.coverage, other.coverage) >= OBSERVED and clear
        if not seen or abs(total.quantity - other.quantity) <= allowed:
            return total, None
        detail = (
            f"the counter says {total.quantity:g} {total.unit}, "
            f"its rate {other.quantity:g} {total.unit}"
        )
        marks = tuple(sorted({*total.marks, CROSS_CHECK}))
        return replace(total, marks=marks), Event(total.end, total.stream, CROSS_CHECK, detail)

    def reached(self) -> int:
        """Give the instant before which nothing can be contributed any more."""
        return self._meter.reached()

    def set_back(self, now: int) -> None:
        """Forget readings from after `now`, and count no time twice."""
        self._windows.fence(self._meter.newest())
        self._meter.set_back(now)

    def jump(self, floor: int) -> None:
        """Go on at a window; what came before it is not compared."""
        self._windows.jump(floor)

    def snapshot(self) -> dict[str, Any]:
        """Give the state, fit for JSON."""
        return {
            "meter": self._meter.snapshot(),
            "windows": self._windows.snapshot(),
            "whole": self._whole,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._meter.restore(state["meter"])
        self._windows.restore(state["windows"])
        self._whole = state["whole"]
