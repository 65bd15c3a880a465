"""A track: one stream's way through the pipeline: its gate, its meter, its windows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.reading import NANOSECONDS
from agent.measuring.attributes import Attributes
from agent.measuring.clock import TOLERANCE
from agent.measuring.column import Columnar
from agent.measuring.crosscheck import CrossCheck
from agent.measuring.gate import Gate, ungated
from agent.measuring.meter import Book, Input
from agent.measuring.meters import METERS
from agent.measuring.total import Aggregation, Event, Total
from agent.measuring.window import CLOCK_STEP, NEVER, Windows
from config.plan import StreamPlan

VERSION = 1
"""Version of the state of a stream."""
CARRYING = ("total", "batch")
"""Meters whose quantity is not lost when its window is closed."""
SKIPPED: Final = "windows-skipped"
LONGEST = 366 * 86_400 * NANOSECONDS
"""A hole in live measuring beyond this gets no windows: a clock that is years ahead would fill the
disk with empty ones."""
Take = Callable[[int, Sequence[Input], Book], None]


def _aggregation(kind: str) -> Aggregation:
    return "mean" if kind == "stock" else "sum"


class Track:
    """One stream: the gate of its status points, its meter, its windows."""

    def __init__(self, plan: StreamPlan, length: int, log: list[Event]) -> None:
        meter = plan.meter
        self.plan = plan
        self.meter = METERS[meter.kind](meter)
        self.windows = Windows(
            plan.name,
            plan.unit,
            length,
            carries=meter.kind in CARRYING or meter.flow_is_total,
            banded=meter.kind == "heat",
            log=log,
            aggregation=_aggregation(meter.kind),
            uncertainty=meter.uncertainty,
            attributes=Attributes.of(meter),
        )
        self._log = log
        self._check = (
            CrossCheck(meter, plan.unit, length) if CrossCheck.role in meter.inputs else None
        )
        self._gate = Gate(meter.gates, meter.max_gap)
        self._plain = self._check is None and not self._gate
        self.unsettled = NEVER

    @property
    def feed(self) -> Take:
        """What takes the stream's readings: its meter, where nothing stands before it."""
        return self.meter.take if self._plain else self._guarded

    @property
    def column(self) -> Columnar | None:
        """The meter, where it has a quick way and nothing stands before it; not of a level."""
        columnar = self._plain and _aggregation(self.plan.meter.kind) == "sum"
        return self.meter if columnar and isinstance(self.meter, Columnar) else None

    def _guarded(self, time: int, inputs: Sequence[Input], book: Book) -> None:
        """Take the stream's readings of one instant, its status before the others."""
        if self._gate:
            inputs = self._gate.take(time, inputs)
        if self._check is not None:
            inputs = self._cross(self._check, time, inputs)
        if inputs:
            self.meter.take(time, inputs, book)

    def clock_set(self, now: int, step: int) -> None:
        """Mark the windows on both sides of a step of the clock; one back unsettles the meter."""
        if self.windows.floor != NEVER:
            self.windows.mark(now, CLOCK_STEP)
            self.windows.mark(now - step, CLOCK_STEP)
        self.unsettled = max(self.unsettled, now - step) if step < 0 else self.unsettled

    def skip(self, now: int) -> list[Total]:
        """Close what has something, and go on at `now`, after a hole too long for windows."""
        windows = self.windows
        target = now - now % windows.length
        if windows.floor == NEVER or now - windows.floor <= LONGEST:
            return []
        since, totals = windows.floor, []
        for start in windows.begun(target):
            windows.jump(start)
            totals.append(windows.close())
        windows.jump(target)
        if self._check is not None:
            self._check.jump(target)
        detail = (
            f"no windows for {(target - since) // (86_400 * NANOSECONDS)} days without readings"
        )
        self._log.append(Event(now, self.plan.name, SKIPPED, detail))
        return totals

    def restart(self, now: int, moved: Sequence[Total]) -> None:
        """Begin anew at `now`, with what was counted by a clock that was ahead."""
        self.windows.restart(now, moved)
        self.meter.set_back(now)
        self._gate.set_back(now)
        if self._check is not None:
            self._check.set_back(now)
            self._check.jump(self.windows.next_end)
        self.unsettled = NEVER

    def unsettle(self) -> None:
        """See at the next reading whether the clock was set back while nobody looked."""
        self.unsettled = max(self.unsettled, NEVER + 1)

    def settle(self, time: int, ahead: int) -> None:
        """Follow a clock that was set back: what is counted again stays counted once.

        `ahead` is by how much the newest reading may truly be ahead of one at `time`.
        """
        if self.unsettled == NEVER:
            return
        newest = self.meter.newest()
        if newest - time > max(ahead, TOLERANCE):
            self.windows.fence(newest)
            self.meter.set_back(time - 1)
            self._gate.set_back(time - 1)
            if self._check is not None:
                self._check.set_back(time - 1)
            if self.windows.floor != NEVER:
                detail = f"readings go on {(newest - time) / NANOSECONDS:g} s before the newest"
                self.windows.note(time, CLOCK_STEP, detail)
        elif time > self.unsettled:
            self.unsettled = NEVER

    @staticmethod
    def _cross(check: CrossCheck, time: int, inputs: Sequence[Input]) -> list[Input]:
        """Hand the check what is its own, and give the others."""
        others = [one for one in inputs if one[0] != check.role]
        for one in inputs:
            if one[0] == check.role:
                check.take(time, one)
        for _, value, _ in others:
            check.counted(value)
        return others

    def begin(self, instant: int) -> None:
        """Open the window an instant lies in, unless windows have begun before."""
        self.windows.begin(instant)
        if self._check is not None:
            self._check.begin(max(instant, self.windows.floor))

    def close(self) -> Total:
        """Close the first open window for good."""
        total = self.windows.close()
        if self._check is not None:
            total, event = self._check.compare(total)
            self._log += [event] if event else []
        return total

    def due(self, now: int, resumed: int, grace: int) -> bool:
        """Tell whether the first open window is to be closed."""
        end = self.windows.next_end
        if now < end:
            return False
        return now >= max(end, resumed) + grace or self._reached() >= end

    def _reached(self) -> int:
        reached = self.meter.reached()
        if self._check is not None:
            reached = min(reached, self._check.reached())
        return min(reached, self._gate.reached()) if self._gate else reached

    def _inputs(self) -> dict[str, list[str]]:
        inputs = ungated(self.plan.meter.inputs).items()
        return {role: [one.source, one.point] for role, one in inputs if role != CrossCheck.role}

    def _measures(self) -> str:
        return self.plan.meter.measures or self.plan.unit

    def snapshot(self) -> dict[str, Any]:
        """Give the stream's state, fit for JSON, with what it is only valid for."""
        return {
            "version": VERSION,
            "unit": self.plan.unit,
            "kind": self.plan.meter.kind,
            "measures": self._measures(),
            "inputs": self._inputs(),
            "gate": self._gate.snapshot(),
            "meter": self.meter.snapshot(),
            "windows": self.windows.snapshot(),
            "check": None if self._check is None else self._check.snapshot(),
        }

    def restore(self, state: Mapping[str, Any]) -> str:
        """Go on from a snapshot; says what was left behind because the plan has changed.

        Raises KeyError, TypeError or ValueError for what is no snapshot.
        """
        if state["version"] != VERSION:
            raise ValueError(f"it is of version {state['version']!r}, this is {VERSION}")
        self._gate.restore(state["gate"])
        kind = self.plan.meter.kind
        unit_changed = state["unit"] != self.plan.unit
        unit_changed |= _aggregation(state["kind"]) != _aggregation(kind)
        windows = state["windows"]
        self.windows.restore({**windows, "open": []} if unit_changed else windows)
        if unit_changed:
            return (
                f"open windows of a {state['kind']} in {state['unit']} are left behind: "
                f"it is a {kind} in {self.plan.unit}"
            )
        if (state["kind"], ungated(state["inputs"])) != (kind, self._inputs()):
            return "the meter starts anew: its kind or its points are others"
        same = state.get("measures", state["unit"]) == self._measures()
        if not same and kind != "total":
            return f"the meter starts anew: it measures in {self._measures()} now"
        self.meter.restore(state["meter"])
        if self._check is not None and same and state.get("check"):
            self._check.restore(state["check"])
        return ""
