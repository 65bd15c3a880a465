"""The heat meter on a totaliser: what a volume or mass counter counted, times what it was worth."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from adapters.reading import Fault, Quality
from agent.measuring.meter import Book, Input, numeric
from agent.measuring.meters.heat import KILOJOULES_PER_MWH, HeatMeter
from agent.measuring.meters.total import TotalMeter
from agent.measuring.total import EventKind
from agent.measuring.window import WILD
from config.plan import MeterPlan

UNSURE = Fault(Quality.UNCERTAIN, "unsure")


class Worth(NamedTuple):
    """What a unit of flow was worth at one instant: MW.h per m3 or kg; the supply in Celsius."""

    worth: float
    supply: float
    doubt: bool


class _Priced:
    """A book that turns counted flow into heat on its way to another book."""

    def __init__(self, book: Book, before: Worth, now: Worth, bad: int) -> None:
        self.before = before
        self._book, self._now, self._bad = book, now, bad

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
        """Take a flow: evenly over the time, while its worth went in a straight line."""
        del ramp, warmth
        before, now = self.before, self._now
        unsure = doubt or before.doubt or now.doubt or self._bad >= start
        ramp_heat = steady * (now.worth - before.worth) / 2
        supply = (before.supply, now.supply)
        self._book.add(start, end, steady * before.worth, ramp_heat, unsure, spread, supply)
        self.before = now

    def put(self, time: int, quantity: float, tickets: int, spread: bool = False) -> None:
        """Refuse a batch: a totaliser makes none."""
        raise AssertionError(f"a totaliser made a batch: {time} {quantity} {tickets} {spread}")

    def count(self, time: int, reason: str) -> None:
        """Count a reading that did not fit; what was bad has been counted before."""
        if reason == WILD:
            self._book.count(time, reason)

    def note(self, time: int, kind: EventKind, detail: str) -> None:
        """Hand on an event of the counter."""
        self._book.note(time, kind, detail)


class HeatTotalMeter(HeatMeter):
    """Contributes counted flow times the mean of its worth at both ends of the interval.

    The counter is judged as any totaliser is. Its readings count only when the states are
    usable and none is older than `max_gap`; else the difference waits, and comes with the next one
    that counts: no flow is lost, and an interval longer than `max_gap` is spread, with doubt.
    """

    def __init__(self, plan: MeterPlan) -> None:
        """Prepare the counter beside the medium; raises as `HeatMeter` does."""
        super().__init__(plan)
        self._counter = TotalMeter(
            MeterPlan(
                kind="total",
                inputs={"total": plan.inputs["flow"]},
                max_gap=plan.max_gap,
                modulus=plan.modulus,
                max_rate=plan.max_rate,
            )
        )
        self._count: tuple[int, float | int, bool] | None = None
        self._counted: float | int | None = None
        self._before: Worth | None = None

    def take(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take the readings of one instant; the counter's stays a whole number."""
        for role, value, fault in inputs:
            if role == "flow" and time > self._samples["flow"].time:
                number = numeric(time, value, fault, _Deaf())
                if number is not None:
                    self._count = (time, number, fault is not None)
        super().take(time, inputs, book)

    def _evaluate(self, time: int, book: Book) -> None:
        present = self._present(time)
        if present is None or self._count is None:
            return
        at, number, doubt = self._count
        if at != self._samples["flow"].time:
            return
        now = self._worth(present[0][1:])
        if now is None and number == self._counted:
            now = self._before  # nothing has flowed since, so that it has no worth to tell
        if now is None:
            self._refuse(time, book)
            return
        priced = _Priced(book, self._before or now, now, self._samples.bad)
        self._counter.take(at, [("total", number, UNSURE if doubt else None)], priced)
        self._count, self._counted, self._before = None, number, priced.before

    def _worth(self, values: Sequence[float]) -> Worth | None:
        """Give what a unit of flow is worth; None when the values are no state."""
        fall = self._medium.fall(values)
        if fall is None:
            return None
        unsure = any(self._samples[role].doubt for role in self._medium.roles)
        worth = fall.drop / fall.volume / KILOJOULES_PER_MWH
        return Worth(worth, fall.supply, unsure or self._unsure(fall))

    def reached(self) -> int:
        """Give the counter's last accepted reading."""
        return self._counter.reached()

    def set_back(self, now: int) -> None:
        """Forget readings from after `now`; the counter's baseline stays."""
        super().set_back(now)
        self._counter.set_back(now)
        self._count = None

    def snapshot(self) -> dict[str, Any]:
        """Give the counter beside the last readings."""
        return {
            **super().snapshot(),
            "counter": self._counter.snapshot(),
            "count": self._count,
            "counted": self._counted,
            "before": self._before,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot; one of a rate's heat starts the counter anew."""
        super().restore(state)
        if "counter" in state:
            self._counter.restore(state["counter"])
            self._count = state["count"] and tuple(state["count"])
            self._counted = state.get("counted")
            self._before = state["before"] and Worth(*state["before"])


class _Deaf:
    """A book for readings that are counted elsewhere."""

    def add(self, *_: object, **__: object) -> None:
        """Leave out."""

    def put(self, *_: object, **__: object) -> None:
        """Leave out."""

    def count(self, *_: object) -> None:
        """Leave out."""

    def note(self, *_: object) -> None:
        """Leave out."""
