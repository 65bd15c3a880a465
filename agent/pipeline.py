"""The pipeline: blocks of readings go in, each stream's closed totals come out, each once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.errors import PermanentError
from adapters.reading import Block, Fault, Value
from agent.crosscheck import CrossCheck
from agent.gate import Gate, ungated
from agent.meter import Input
from agent.meters import METERS
from agent.total import Aggregation, Event, Total
from agent.window import NEVER, Windows
from config.plan import StreamPlan, WindowPlan

VERSION = 1
"""Version of the state of a stream."""
CARRYING = ("total", "batch")
"""Meters whose quantity is not lost when its window is closed."""
FUTURE = "future"
_MOST_LAYOUTS = 1024
_Picks = tuple[tuple[str, int], ...]


def _aggregation(kind: str) -> Aggregation:
    return "mean" if kind == "stock" else "sum"


class _Track:
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
        )
        self._log = log
        self._check = (
            CrossCheck(meter, plan.unit, length) if CrossCheck.role in meter.inputs else None
        )
        self._gate = Gate(meter.gates, meter.max_gap)

    def take(self, time: int, inputs: Sequence[Input]) -> None:
        """Take the stream's readings of one instant, its status before the others."""
        if self._gate:
            inputs = self._gate.take(time, inputs)
        if self._check is not None:
            inputs = self._cross(self._check, time, inputs)
        if inputs:
            self.meter.take(time, inputs, self.windows)

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

    def snapshot(self) -> dict[str, Any]:
        """Give the stream's state, fit for JSON, with what it is only valid for."""
        return {
            "version": VERSION,
            "unit": self.plan.unit,
            "kind": self.plan.meter.kind,
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
        self.meter.restore(state["meter"])
        if self._check is not None and state.get("check"):
            self._check.restore(state["check"])
        return ""


class Pipeline:
    """Turns blocks into totals. Pure: all instants, `now` among them, are given to it.

    `now` must run on the readings' own time line: the agent's clock when live, the newest
    reading's time in a replay. `state` is what `snapshot` gave, by way of JSON or not. `horizon`,
    in nanoseconds, refuses readings further ahead of the last `now` given to `close`, so that one
    wrong time stamp cannot stop a meter; None refuses none. Raises `PermanentError` for a state it
    cannot read.

    A stream's windows begin at the first instant the pipeline hears of, in `take` or `close`.
    After a restore no window is closed for being overdue until a grace after that instant.
    """

    def __init__(
        self,
        streams: Sequence[StreamPlan],
        windows: WindowPlan,
        state: Mapping[str, Any] | None = None,
        *,
        horizon: int | None = None,
    ) -> None:
        self._grace = windows.grace
        self._horizon = horizon
        self._limit: int | None = None
        self._begun = NEVER
        self._log: list[Event] = []
        self._tracks = [_Track(stream, windows.measure, self._log) for stream in streams]
        self._users = self._index()
        self._layouts: dict[tuple[str, tuple[str, ...]], list[tuple[_Track, _Picks]]] = {}
        self._changed: list[tuple[str, str]] = []
        for track in self._tracks:
            if state is not None and track.plan.name in state:
                self._restore(track, state[track.plan.name])

    def _index(self) -> dict[tuple[str, str], list[tuple[int, str]]]:
        """Say which streams use a point, and as what."""
        users: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for number, track in enumerate(self._tracks):
            for role, one in track.plan.meter.inputs.items():
                users.setdefault((one.source, one.point), []).append((number, role))
        return users

    def _begin(self, instant: int) -> None:
        """Start the time line: streams without windows open their first one."""
        self._begun = instant
        for track in self._tracks:
            track.begin(instant)
        for stream, detail in self._changed:
            self._log.append(Event(instant, stream, "meter-changed", detail))
        self._changed.clear()

    def take(self, block: Block) -> None:
        """Take a block; costs next to nothing when no stream uses any of its points."""
        key = (block.source, block.points)
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._lay_out(key)
        if self._begun == NEVER:
            self._begin(block.time)
        if not layout:
            return
        if block.times is not None:
            self._take_timed(layout, block, block.times)
            return
        time, values, fault = block.time, block.values, block.faults.get
        if self._limit is not None and time > self._limit:
            self._refuse(layout)
            return
        for track, picks in layout:
            track.take(time, [(role, values[at], fault(at)) for role, at in picks])

    def _lay_out(self, key: tuple[str, tuple[str, ...]]) -> list[tuple[_Track, _Picks]]:
        """Prepare which values of a block go to which stream; kept, for blocks repeat."""
        source, points = key
        picks: dict[int, list[tuple[str, int]]] = {}
        for at, point in enumerate(points):
            for number, role in self._users.get((source, point), ()):
                picks.setdefault(number, []).append((role, at))
        if len(self._layouts) >= _MOST_LAYOUTS:
            self._layouts.clear()
        layout = [(self._tracks[number], tuple(picks[number])) for number in sorted(picks)]
        self._layouts[key] = layout
        return layout

    def _take_timed(
        self, layout: list[tuple[_Track, _Picks]], block: Block, times: tuple[int, ...]
    ) -> None:
        """Take a block whose values have their own instants: each stream's in time order."""
        for track, picks in layout:
            instants: dict[int, list[tuple[str, Value, Fault | None]]] = {}
            for role, at in picks:
                if self._limit is not None and times[at] > self._limit:
                    self._refuse([(track, ((role, at),))])
                    continue
                one = (role, block.values[at], block.faults.get(at))
                instants.setdefault(times[at], []).append(one)
            for time in sorted(instants):
                track.take(time, instants[time])

    def _refuse(self, layout: list[tuple[_Track, _Picks]]) -> None:
        """Count readings from too far ahead; their own window may never come."""
        for track, picks in layout:
            for _ in picks:
                track.windows.count(NEVER, FUTURE)

    def close(self, now: int) -> list[Total]:
        """Close the windows that are due and give their totals, in time order.

        Due is a window past its end when the grace has passed too (after a restore: counted from
        the first instant heard of), or all that can be contributed to it has been.
        """
        if self._begun == NEVER:
            self._begin(now)
        if self._horizon is not None:
            self._limit = now + self._horizon
        return self._close(lambda track: track.due(now, self._begun, self._grace))

    def finish(self, now: int) -> list[Total]:
        """Close without waiting every window that ends by `now` or by the newest reading.

        For the end of a replay. A window that ends later stays open.
        """
        if self._begun == NEVER:
            self._begin(now)
        newest = max([now, *(track.meter.newest() for track in self._tracks)])
        return self._close(lambda track: track.windows.next_end <= newest)

    def _close(self, due: Callable[[_Track], bool]) -> list[Total]:
        totals: list[Total] = []
        for track in self._tracks:
            while due(track):
                totals.append(track.close())
        totals.sort(key=lambda total: total.end)
        return totals

    def drain_events(self) -> list[Event]:
        """Give the events since the last call; they are not part of a snapshot."""
        events = self._log.copy()
        self._log.clear()
        return events

    def open_windows(self) -> list[Total]:
        """Give the open windows as they stand, stream by stream."""
        return [total for track in self._tracks for total in track.windows.provisional()]

    def snapshot(self) -> dict[str, Any]:
        """Give each stream's state by its name, fit for JSON and sharing nothing with this one.

        A pipeline made with it goes on to the same bits.
        """
        return {track.plan.name: track.snapshot() for track in self._tracks}

    def _restore(self, track: _Track, state: Mapping[str, Any]) -> None:
        try:
            left = track.restore(state)
        except (KeyError, TypeError, ValueError) as error:
            raise PermanentError(
                f"the saved state cannot be read ({error})",
                where=f"stream {track.plan.name}",
                mend="go on with the version that wrote it, or restore the state from its copy",
            ) from error
        if left:
            self._changed.append((track.plan.name, left))
