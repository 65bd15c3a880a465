"""The pipeline: blocks of readings go in, each stream's closed totals come out, each once."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from adapters.errors import PermanentError
from adapters.reading import NANOSECONDS, Block, Value
from agent.measuring.routes import Route, Routes
from agent.measuring.total import Event, Total
from agent.measuring.track import LONGEST, Track
from agent.measuring.window import CLOCK_STEP, NEVER
from config.plan import StreamPlan, WindowPlan

if TYPE_CHECKING:
    from agent.measuring.meter import Input

FUTURE = "future"
_NO_END = 1 << 63
"""An instant after the end of every window."""


class Pipeline:
    """Turns blocks into totals. Pure: all instants, `now` among them, are given to it.

    `now` must run on the readings' own time line: the agent's clock when live, the newest
    reading's time in a replay. `state` is what `snapshot` gave, by way of JSON or not. `horizon`,
    in nanoseconds, refuses readings further ahead of the last `now` given to `close`, so that one
    wrong time stamp cannot stop a meter; None refuses none. Raises `PermanentError` for a state it
    cannot read.

    A stream's windows begin at the first instant the pipeline hears of, whatever tells it.
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
        self._tracks = [Track(stream, windows.measure, self._log) for stream in streams]
        self._routes = Routes(self._tracks)
        self._seen = self._routes.seen
        self._earliest = NEVER
        self._changed: list[tuple[str, str]] = []
        for track in self._tracks:
            if state is not None and track.plan.name in state:
                self._restore(track, state[track.plan.name])

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
        routes = self._routes.find(block) if seen is None else seen[1]
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

    def take_run(self, blocks: Sequence[Block], at: int) -> int:
        """Take recorded blocks from a place on at once; says how many, 0 when none goes with it.

        They are those of the same points without faults, before any window may be due: to call
        `close` between them would change nothing. Totals and states are, bit by bit, those of
        `take` for each; what events several streams log on the way is in order for each stream.
        """
        if self._uneasy or self._horizon is not None:
            return 0
        times, rows = _alike(blocks, at, self._earliest)
        if len(times) > 1:
            seen = self._seen.get((blocks[at].source, id(blocks[at].points)))
            for route in self._routes.find(blocks[at]) if seen is None else seen[1]:
                route.take_all(times, rows)
            return len(times)
        return 0

    def _settle(self, routes: list[Route], time: int, ahead: int) -> None:
        """Follow a clock that may have been set back, until every stream has."""
        for route in routes:
            route.track.settle(time, ahead)
        self._uneasy = any(track.unsettled != NEVER for track in self._tracks)

    def _take_timed(self, routes: list[Route], block: Block, times: tuple[int, ...]) -> None:
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
    def _refuse(routes: list[Route]) -> None:
        """Count readings from too far ahead; their own window may never come."""
        for route in routes:
            for _ in route.picks:
                route.track.windows.count(NEVER, FUTURE)

    def clock_step(self, now: int, step: int) -> None:
        """Take in that the clock was set by `step` nanoseconds to `now`: marks, and one event."""
        if self._begun == NEVER:
            self._begin(now)
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

    def _close(self, due: Callable[[Track], bool]) -> list[Total]:
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

    def _restore(self, track: Track, state: Mapping[str, Any]) -> None:
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


def _alike(
    blocks: Sequence[Block], at: int, before: int
) -> tuple[list[int], list[tuple[Value, ...]]]:
    """Give instants and values of the blocks from a place on that are like the one there.

    They have the same points, one instant each, which is before another, and only good values.
    """
    source, _, points, *_ = blocks[at]
    times, rows = list[int](), list[tuple[Value, ...]]()
    for block in islice(blocks, at, None):
        each_source, time, names, values, faults, instants, _ = block
        if names is not points or each_source != source:
            break
        if faults or instants is not None or time >= before:
            break
        times.append(time)
        rows.append(values)
    return times, rows
