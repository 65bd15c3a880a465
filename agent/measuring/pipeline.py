"""The pipeline: blocks of readings go in, each stream's closed totals come out, each once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from adapters.errors import PermanentError
from adapters.reading import NANOSECONDS, Block
from agent.measuring.attributes import Attributes
from agent.measuring.clock import TOLERANCE
from agent.measuring.crosscheck import CrossCheck
from agent.measuring.gate import Gate, ungated
from agent.measuring.meter import Book, Input
from agent.measuring.meters import METERS
from agent.measuring.total import Aggregation, Event, Total
from agent.measuring.window import CLOCK_STEP, NEVER, Windows
from config.plan import StreamPlan, WindowPlan

VERSION = 1
"""Version of the state of a stream."""
CARRYING = ("total", "batch")
"""Meters whose quantity is not lost when its window is closed."""
FUTURE = "future"
SKIPPED: Final = "windows-skipped"
LONGEST = 366 * 86_400 * NANOSECONDS
"""A hole in live measuring beyond this gets no windows: a clock that is years ahead would fill the
disk with empty ones."""
_MOST_LAYOUTS = 1024
_MOST_NAMES = 1 << 18
"""Most names of points in the layouts kept: a subscription may tell another group each time."""
_NO_END = 1 << 63
"""An instant after the end of every window."""
_Picks = tuple[tuple[str, int], ...]
_Take = Callable[[int, Sequence[Input], Book], None]


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
            attributes=Attributes.of(meter),
        )
        self._log = log
        self._check = (
            CrossCheck(meter, plan.unit, length) if CrossCheck.role in meter.inputs else None
        )
        self._gate = Gate(meter.gates, meter.max_gap)
        self.unsettled = NEVER

    @property
    def feed(self) -> _Take:
        """What takes the stream's readings: its meter, where nothing stands before it."""
        plain = self._check is None and not self._gate
        return self.meter.take if plain else self._guarded

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


class _Route(NamedTuple):
    """Which values of a block go to a stream; `only` is the role and place of a single one."""

    track: _Track
    take: _Take
    book: Book
    picks: _Picks
    only: tuple[str, int] | None

    @classmethod
    def of(cls, track: _Track, picks: Sequence[tuple[str, int]]) -> "_Route":
        """Make the route of a stream."""
        only = picks[0] if len(picks) == 1 else None
        return cls(track, track.feed, track.windows, tuple(picks), only)


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
        self._uneasy = False
        self._skipped: list[Total] = []
        self._begun = NEVER
        self._log: list[Event] = []
        self._tracks = [_Track(stream, windows.measure, self._log) for stream in streams]
        self._users = self._index()
        self._layouts: dict[tuple[str, tuple[str, ...]], list[_Route]] = {}
        self._seen: dict[tuple[str, int], tuple[tuple[str, ...], list[_Route]]] = {}
        self._names = 0
        self._earliest = NEVER
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
        self._look_ahead()
        for stream, detail in self._changed:
            self._log.append(Event(instant, stream, "meter-changed", detail))
        self._changed.clear()

    def _look_ahead(self) -> None:
        """Find the first instant at which any window may be due."""
        self._earliest = min((track.windows.next_end for track in self._tracks), default=_NO_END)

    def take(self, block: Block) -> None:
        """Take a block; costs next to nothing when no stream uses any of its points."""
        seen = self._seen.get((block.source, id(block.points)))
        routes = self._routes(block) if seen is None else seen[1]
        if self._begun == NEVER:
            self._begin(block.time)
        if not routes:
            return
        _, time, _, values, faults, times, _ = block
        if times is not None:
            self._take_timed(routes, block, times)
            return
        if self._limit is not None and time > self._limit:
            self._refuse(routes)
            return
        if self._uneasy:
            self._settle(routes, time, 0)
        for _, take, book, picks, only in routes:
            if faults:
                take(time, [(role, values[at], faults.get(at)) for role, at in picks], book)
            elif only is not None:
                take(time, ((only[0], values[only[1]], None),), book)
            else:
                take(time, [(role, values[at], None) for role, at in picks], book)

    def _settle(self, routes: list[_Route], time: int, ahead: int) -> None:
        """Follow a clock that may have been set back, until every stream has."""
        for route in routes:
            route.track.settle(time, ahead)
        self._uneasy = any(track.unsettled != NEVER for track in self._tracks)

    def _routes(self, block: Block) -> list[_Route]:
        """Find the routes of a block whose tuple of points is another object than before."""
        self._names += len(block.points)
        if len(self._seen) >= _MOST_LAYOUTS or self._names > _MOST_NAMES:
            self._seen.clear()
            self._layouts.clear()
            self._names = len(block.points)
        key = (block.source, block.points)
        routes = self._layouts.get(key)
        if routes is None:
            routes = self._lay_out(key)
        # The tuple is kept beside its routes: no other object can take on its identity.
        self._seen[block.source, id(block.points)] = (block.points, routes)
        return routes

    def _lay_out(self, key: tuple[str, tuple[str, ...]]) -> list[_Route]:
        """Prepare which values of a block go to which stream; kept, for blocks repeat."""
        source, points = key
        picks: dict[int, list[tuple[str, int]]] = {}
        for at, point in enumerate(points):
            for number, role in self._users.get((source, point), ()):
                picks.setdefault(number, []).append((role, at))
        routes = [_Route.of(self._tracks[number], picks[number]) for number in sorted(picks)]
        self._layouts[key] = routes
        return routes

    def _take_timed(self, routes: list[_Route], block: Block, times: tuple[int, ...]) -> None:
        """Take a block whose values have their own instants: each stream's in time order."""
        for route in routes:
            instants: dict[int, list[Input]] = {}
            for role, at in route.picks:
                if self._limit is not None and times[at] > self._limit:
                    route.track.windows.count(NEVER, FUTURE)
                    continue
                one = (role, block.values[at], block.faults.get(at))
                instants.setdefault(times[at], []).append(one)
            for time in sorted(instants):
                if self._uneasy and self._limit is not None:
                    self._settle([route], time, self._limit - time)
                route.take(time, instants[time], route.book)

    @staticmethod
    def _refuse(routes: list[_Route]) -> None:
        """Count readings from too far ahead; their own window may never come."""
        for route in routes:
            for _ in route.picks:
                route.track.windows.count(NEVER, FUTURE)

    def clock_step(self, now: int, step: int) -> None:
        """Take in that the clock was set by `step` nanoseconds to `now`: marks, and one event."""
        for track in self._tracks:
            track.clock_set(now, step)
        self._uneasy |= step < 0
        self._begun = now  # sources are given a grace to speak, as after a restart
        self.skip(now)
        way = "back" if step < 0 else "forward"
        detail = f"the clock was set {way} by {abs(step) / NANOSECONDS:.1f} s"
        self._log.append(Event(now, "", CLOCK_STEP, detail))

    def close(self, now: int) -> list[Total]:
        """Close the windows that are due and give their totals, in time order.

        Due is a window past its end when the grace has passed too (after a restore: counted from
        the first instant heard of), or all that can be contributed to it has been.
        """
        if self._begun == NEVER:
            self._begin(now)
        if self._horizon is not None:
            self._limit = now + self._horizon
            self.skip(now)
        skipped, self._skipped = self._skipped, []
        if now < self._earliest:
            return skipped
        return skipped + self._close(lambda track: track.due(now, self._begun, self._grace))

    def skip(self, now: int) -> None:
        """Leave a hole too long for windows without; what was open is given by the next `close`."""
        if now - self._earliest > LONGEST:
            for track in self._tracks:
                self._skipped += track.skip(now)
            self._skipped.sort(key=lambda total: total.end)
            self._look_ahead()

    def ahead(self, now: int) -> int:
        """Give by how much the first open windows are ahead of the one of `now`; 0: not at all."""
        floors = [track.windows.floor for track in self._tracks]
        lengths = {track.windows.length for track in self._tracks}
        return max([0, *(floor - now + now % length for floor in floors for length in lengths)])

    def set_aside(self, now: int, moved: Mapping[str, Sequence[Total]]) -> None:
        """Begin anew at `now`, which is right: later windows were made by a clock that was ahead.

        `moved` are the closed ones by stream; what they and the open ones hold counts in the first
        window from now on.
        """
        far = self.ahead(now) // (86_400 * NANOSECONDS)
        for track in self._tracks:
            track.restart(now, moved.get(track.plan.name, ()))
        self._begun, self._uneasy = now, False
        self._look_ahead()
        count = sum(map(len, moved.values()))
        detail = f"{count} windows up to {far} days ahead of the clock, which is right, set aside"
        self._log.append(Event(now, "", CLOCK_STEP, detail))

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
        self._look_ahead()
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
        if self._horizon is not None:
            track.unsettle()
            self._uneasy = True
        if left:
            self._changed.append((track.plan.name, left))
