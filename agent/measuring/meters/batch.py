"""The batch meter: single weighings of a weighbridge, a hopper or a tipping scale."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.reading import Fault, Value
from agent.measuring.meter import Book, Input, numeric
from agent.measuring.meters.batches import Batches, Loads, Shown, Tickets
from agent.measuring.meters.samples import Sample, Samples
from agent.measuring.window import LATE, NEVER
from config.plan import MeterPlan

_FLAGS = ("stable", "void")


class BatchMeter:
    """Puts each batch into the window of its time, and covers the time its scale was read.

    A scale that is read and shows nothing new is observed: a true zero. Read means: all inputs
    usable and none older than `max_gap`. With a ticket number, values that are read one after the
    other count when each has been read since the last change of any; with a stable flag, a weight
    counts when the flag was read with it or after it.
    """

    def __init__(self, plan: MeterPlan) -> None:
        self._inputs = {role: one for role, one in plan.inputs.items() if role != "status"}
        self._max_gap = plan.max_gap
        self._ticketed = "ticket" in self._inputs
        self._batches: Batches = Tickets(plan.remember) if self._ticketed else Loads(plan.empty)
        self._samples = Samples(self._inputs)
        self._last, self._doubt = NEVER, False
        self._changed = NEVER
        self._known: list[float] = []

    def take(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take the readings of one instant."""
        usable: dict[str, Sample] = {}
        for role, value, fault in inputs:
            number = self._number(time, role, value, fault, book)
            if number is None:
                self._samples.spoil(time, role)
            else:
                usable[role] = Sample(time, number, fault is not None)
        fresh = {role: one for role, one in usable.items() if time > self._samples[role].time}
        if usable and not fresh:
            self._behind(time, usable, book)
            return
        for role in usable:
            if role in fresh:
                self._samples[role], self._samples.orders[role].run = fresh[role], 0
            else:
                self._samples.orders[role].behind(time, self._samples[role].time, book)
        if fresh and time > self._last:
            self._evaluate(time, book)

    def _number(
        self, time: int, role: str, value: Value, fault: Fault | None, book: Book
    ) -> float | None:
        if role in _FLAGS and type(value) is bool:
            value = int(value)
        number = numeric(time, value, fault, book)
        plan = self._inputs[role]
        return None if number is None else number * plan.factor + plan.offset

    def _behind(self, time: int, usable: Mapping[str, Sample], book: Book) -> None:
        """Take readings of the past: a whole ticket of the past may still be a new one."""
        if any(time == self._samples[role].time for role in usable):
            return
        if len(usable) == len(self._inputs):
            self._batches.late(self._shown(time, usable, steady=True, gap=False), book)
        else:
            book.count(time, LATE)

    def _evaluate(self, time: int, book: Book) -> None:
        samples = self._samples
        values = [one.value for one in samples.values() if one.value is not None]
        oldest = min(one.time for one in samples.values())
        if len(values) < len(samples) or time - oldest > self._max_gap:
            return
        doubt = any(one.doubt for one in samples.values())
        gap = time - self._last > self._max_gap
        if not gap:
            unsure = doubt or self._doubt or self._samples.bad >= self._last
            book.add(self._last, time, 0.0, 0.0, unsure)
        if values != self._known:
            self._known, self._changed = values, time
        first, self._last, self._doubt = self._last == NEVER, time, doubt
        shown = self._shown(time, samples, self._steady(oldest), gap=gap and not first)
        self._batches.see(shown, book)

    def _steady(self, oldest: int) -> bool:
        if self._ticketed:
            return oldest >= self._changed
        stable, weight = self._samples["stable"], self._samples["weight"]
        return bool(stable.value) and stable.time >= weight.time

    @staticmethod
    def _shown(time: int, samples: Mapping[str, Sample], steady: bool, gap: bool) -> Shown:
        values = {role: one.value or 0.0 for role, one in samples.items()}
        return Shown(
            time=time,
            gross=values["weight"],
            net=values["weight"] - values.get("tare", 0.0),
            number=round(values.get("ticket", 0.0)),
            void=bool(values.get("void", 0.0)),
            steady=steady,
            gap=gap,
        )

    def reached(self) -> int:
        """Give the instant up to which batches are counted, or a bad reading's too late for it."""
        last = self._last if self._samples.bad - self._last <= self._max_gap else self._samples.bad
        pending = self._batches.pending()
        return last if pending is None else min(last, pending)

    def newest(self) -> int:
        """Give the instant of the newest reading of any quality."""
        return self._samples.newest()

    def set_back(self, now: int) -> None:
        """Forget readings from after `now`; batches that are known stay known."""
        self._samples.set_back(now)
        self._last = self._last if self._last <= now else NEVER
        self._changed = self._changed if self._changed <= now else NEVER
        self._batches.set_back(now)

    def snapshot(self) -> dict[str, Any]:
        """Give the last reading of each input and the batches that are known."""
        return {
            **self._samples.snapshot(),
            "last": [self._last, self._doubt],
            "changed": [self._changed, self._known],
            "batches": self._batches.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._samples.restore(state)
        self._last, self._doubt = state["last"]
        self._changed, self._known = state["changed"][0], list(state["changed"][1])
        self._batches.restore(state["batches"])
