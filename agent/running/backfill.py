"""A historian's readings through a live plant's own meters, for a span that has no totals yet.

Pure: blocks go in, commits come out. Totals are those that the agent would have closed on the same
readings; they become no records. Its place in the file and its meters' state are part of each
commit, apart from the live meters' own, so that it goes on to the same bits where it was stopped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from adapters.errors import PermanentError
from adapters.reading import Block
from agent.disclosing.yearly import TALLIES, YEAR
from agent.keeping.tables import Commit
from agent.measuring.pipeline import Pipeline
from agent.measuring.series import marked
from agent.measuring.total import Event, Total
from agent.measuring.window import NEVER
from config.plan import PlantPlan, StreamPlan, WindowPlan
from gateway.wire import rfc3339

BACKFILL = "backfill:"
"""How the names of backfills begin in the state file; the rest is the source's name."""
_GAPS = 3


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be filled: [start, end) in nanoseconds, from a file, as if from a source.

    `every` is the time between two rows in nanoseconds where it is longer than the source's own;
    0: as the source is read.
    """

    source: str
    file: str
    start: int
    end: int
    streams: tuple[str, ...]
    every: int = 0

    def document(self) -> dict[str, Any]:
        """Give the task, fit for JSON."""
        return {**asdict(self), "streams": list(self.streams)}


@dataclass(frozen=True, slots=True)
class Known:
    """What the state file holds.

    The live meters' state by stream, the start of the first total, how far records were made, and
    the totals that the task's streams have in its span.
    """

    streams: Mapping[str, Any]
    first: int | None
    released_to: int | None
    overlap: Sequence[Total]


def chosen(plan: PlantPlan, source: str, wanted: Sequence[str]) -> tuple[StreamPlan, ...]:
    """Give the streams that a source's points alone measure, or those wanted of them.

    Raises `PermanentError` when there is none, or one is wanted that is not among them.
    """
    able = {
        stream.name: stream
        for stream in plan.streams
        if {one.source for one in stream.meter.inputs.values()} == {source}
    }
    lacking = [name for name in wanted if name not in able]
    if lacking or not able:
        named = ", ".join(able) or "none"
        raise PermanentError(
            f"{', '.join(lacking) or 'no stream'} can be filled from source {source} alone",
            where=plan.name,
            mend=f"choose a source and streams that it alone measures; of this one: {named}",
        )
    return tuple(able[name] for name in (dict.fromkeys(wanted) or able))


def admit(plan: PlantPlan, task: Task, known: Known, now: int) -> int:
    """Give how far records are then made; raises `PermanentError` when the span cannot be filled.

    A span ends where live windows begin, and before what may still become a record: history never
    leaves the plant.
    """
    windows = plan.windows
    if task.start % windows.measure or task.end % windows.measure or task.start >= task.end:
        raise _refused(
            "the span is not whole measurement windows",
            f"give --from and --to, the later one last, on multiples of {windows.measure / 6e10:g}"
            " min in UTC",
        )
    if known.overlap:
        first = known.overlap[0]
        raise _refused(
            f"{len(known.overlap)} windows of the span are closed already, the first of stream "
            f"{first.stream} at {rfc3339(first.start)}; a closed window is never changed",
            "choose a span, or streams by --stream, without totals: `sidestream report` shows them",
        )
    floors = {name: int(held["windows"]["floor"]) for name, held in known.streams.items()}
    begun = {name: floor for name, floor in floors.items() if floor != NEVER}
    released_to = _released_to(plan, known, list(begun.values()), now)
    limits = [now - now % windows.measure]
    limits += [begun[name] for name in task.streams if name in begun]
    limits += [released_to] if begun else []
    if task.end > min(limits):
        raise _refused(
            f"the span ends after {rfc3339(min(limits))}, where live windows begin",
            f"end it there: --to {rfc3339(min(limits))}",
        )
    return released_to


def _released_to(plan: PlantPlan, known: Known, floors: Sequence[int], now: int) -> int:
    """Say where records go on, or will begin.

    That is where they would without a backfill; on a plant that has not run, the next release
    window.
    """
    length = plan.windows.release
    if not floors:
        return max(known.released_to or 0, -(-now // length) * length)
    if known.released_to is not None:
        return known.released_to
    first = min([*floors, *([] if known.first is None else [known.first])])
    return first - first % length


def _refused(what: str, mend: str) -> PermanentError:
    return PermanentError(what, where="backfill", mend=mend)


class Backfill:
    """One task under way. `state` is what an earlier commit of it held, or None to begin.

    Raises `PermanentError` for a state of another task, or one that cannot be read.
    """

    def __init__(
        self,
        task: Task,
        streams: Sequence[StreamPlan],
        windows: WindowPlan,
        released_to: int | None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        gap = _GAPS * task.every
        meters = [
            replace(one, meter=replace(one.meter, max_gap=max(one.meter.max_gap, gap)))
            for one in streams
        ]
        patient = replace(windows, grace=max(windows.grace, gap))
        self.task = task
        self.done = False
        self.cursor: str | None = None
        self.written = 0
        self._released_to = released_to
        self._begun = self._now = NEVER
        self._closed = dict.fromkeys((one.name for one in streams), NEVER)
        self._totals: list[Total] = []
        self._series = {one.name: one.series for one in streams if one.series is not None}
        self._pipeline = Pipeline(meters, patient, state["meters"] if state else None)
        if state is not None:
            self._resume(state)

    def _resume(self, state: Mapping[str, Any]) -> None:
        if state["task"] != self.task.document():
            held = state["task"]
            span = f"{rfc3339(held['start'])} to {rfc3339(held['end'])}"
            raise _refused(
                f"another backfill of source {held['source']} is unfinished: {held['file']}, "
                f"{span}, streams {', '.join(held['streams'])}",
                "give the same command again to finish it, or --forget to leave it as it is",
            )
        self.cursor, self.written = state["cursor"], int(state["written"])
        self._begun, self._now = int(state["begun"]), int(state["now"])
        self._closed |= state["closed"]
        if self._begun != NEVER:
            # Patience is counted from the first reading, as if there had been no stop.
            self._pipeline.close(self._begun)

    def take(self, block: Block) -> None:
        """Take a block: what was due before its time closes without it, as it would have live."""
        if self._begun == NEVER:
            self._begun = block.time
        elif block.time > self._now:
            self._keep(self._pipeline.close(block.time - 1))
        self._pipeline.take(block)
        self._now = max(self._now, block.time)
        self._keep(self._pipeline.close(self._now))
        self.cursor = block.cursor

    def take_all(self, blocks: Sequence[Block]) -> None:
        """Take blocks in a row, until the task is done: as `take` would, in a third of the time."""
        at = 0
        while at < len(blocks) and not self.done:
            taken = self._pipeline.take_run(blocks, at)
            if taken:
                times = [block.time for block in blocks[at : at + taken]]
                self._now = max(self._now, *times)
                self.cursor = blocks[at + taken - 1].cursor
            else:
                self.take(blocks[at])
            at += taken or 1

    def finish(self) -> None:
        """Close every whole window of the file, which has ended; later ones get no totals."""
        if self._begun != NEVER:
            self._keep(self._pipeline.finish(self._now))
        self.done = True

    def _keep(self, totals: Sequence[Total]) -> None:
        if not totals:
            return
        for total in totals:
            self._closed[total.stream] = total.end
            if self.task.start <= total.start and total.end <= self.task.end:
                series = self._series.get(total.stream)
                self._totals.append(marked(total, series) if series else total)
        self.done = all(end >= self.task.end for end in self._closed.values())

    @property
    def waiting(self) -> int:
        """Totals that are not committed."""
        return len(self._totals)

    def commit(self) -> Commit:
        """Hand out what has changed since the last call; the caller makes it durable or stops."""
        totals, self._totals = self._totals, []
        self.written += len(totals)
        events = [each for each in self._pipeline.drain_events() if self._within(each)]
        return Commit(
            # The agent then counts the year anew, with what is filled in.
            state={BACKFILL + self.task.source: self._state(), YEAR + TALLIES: {}},
            totals=totals,
            events=events,
            released_to=self._released_to,
        )

    def _within(self, event: Event) -> bool:
        return self.task.start <= event.time <= self.task.end

    def _state(self) -> dict[str, Any]:
        if self.done:
            return {"task": self.task.document(), "done": True}
        return {
            "task": self.task.document(),
            "done": False,
            "cursor": self.cursor,
            "written": self.written,
            "begun": self._begun,
            "now": self._now,
            "closed": dict(self._closed),
            "meters": self._pipeline.snapshot(),
        }
