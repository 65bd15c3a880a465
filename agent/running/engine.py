"""From blocks to commits: the pure middle of the agent, which owns no clock, file or socket.

It feeds the pipeline, gathers closed windows into release windows, discloses and seals one record
for each, and hands out what must become durable as one `Commit`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from adapters.reading import NANOSECONDS, Block
from agent.disclosing.contracts import Contracts
from agent.disclosing.figure import Carry, Disclosure, disclose
from agent.disclosing.magnitude import (
    NOTHING_TOLD,
    Key,
    Magnitudes,
    Told,
    is_due,
    magnitudes,
    told_document,
)
from agent.disclosing.parts import parts_of
from agent.disclosing.policy import NOBODY, policy
from agent.disclosing.record import SealedRecord, Sealer
from agent.disclosing.sending import due
from agent.disclosing.yearly import TALLIES, TOLD, YEAR, Tally, tallied, tallies_document
from agent.keeping.remake import remade
from agent.keeping.tables import Commit, Unmade
from agent.measuring.pipeline import Pipeline
from agent.measuring.series import Held, Series, as_of, marked, renewed
from agent.measuring.total import Event, Total
from agent.measuring.track import LONGEST
from config.plan import PlantPlan, StreamPlan

if TYPE_CHECKING:
    from agent.disclosing.sealed_detail import SealedDetail

STREAM = "stream:"
CURSOR = "cursor:"
CARRY = "carry:"
CARRIED = "streams"
AHEAD = 86_400 * NANOSECONDS
"""Windows further ahead of a clock that is right than this are set aside; others are waited for."""
HORIZON = 300 * NANOSECONDS
"""How far ahead of the clock a live reading's time may be before the reading is refused."""


def carried(state: Mapping[str, Any]) -> dict[str, Carry]:
    """Give what a commit kept of batches that wait for the next release window."""
    return {
        name: Carry(tuple(body["key"]), body["quantity"], body["tickets"], tuple(body["marks"]))
        for name, body in state.get(CARRIED, {}).items()
    }


@dataclass(frozen=True, slots=True)
class Memory:
    """What was committed before: the state the engine goes on from."""

    streams: Mapping[str, Any] = field(default_factory=dict)
    cursors: Mapping[str, str] = field(default_factory=dict)
    totals: tuple[Total, ...] = ()
    closed_to: Mapping[str, int] = field(default_factory=dict)
    released_to: int | None = None
    last_sequence: int = 0
    run: int | None = None
    carried: Mapping[str, Carry] = field(default_factory=dict)
    series: tuple[Held, ...] = ()
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    told: Mapping[Key, Told] = field(default_factory=lambda: NOTHING_TOLD)


class Engine:
    """The plant's way from readings to records, one call at a time.

    `jitter` draws the delay of a record in nanoseconds, afresh for each record. `horizon` is how
    far ahead of the clock a reading may be (None: any distance, for recorded data). `withdrawn`
    names, when a record is made, the streams that were taken back, and what is told of each.
    """

    def __init__(
        self,
        plan: PlantPlan,
        sealer: Sealer | None,
        jitter: Callable[[], int],
        memory: Memory | None = None,
        horizon: int | None = HORIZON,
        withdrawn: Callable[[], Mapping[str, str]] = lambda: NOBODY,
        contracts: Contracts | None = None,
    ) -> None:
        memory = memory or Memory()
        self.plan = plan
        self._sealer = sealer
        self._jitter = jitter
        self._withdrawn = withdrawn
        self.contracts = contracts
        """Makes the messages for partners; None where there are none."""
        self.pipeline = Pipeline(
            plan.streams, plan.windows, memory.streams or None, horizon=horizon
        )
        self.cursors = dict(memory.cursors)
        self._closed_to = dict(memory.closed_to)
        self._released_to = memory.released_to
        self._sequence = memory.last_sequence
        self.run = memory.run
        """Number of the count the records' sequence is in."""
        self._carried = memory.carried
        self._tallies, self._told = memory.tallies, memory.told
        self._remembered = memory.series
        self._series: Mapping[str, Series] | None = None
        self._began: tuple[int, tuple[Held, ...]] | None = None
        self._waiting: dict[str, list[Total]] = {}
        self._totals: list[Total] = []
        self._records: list[tuple[SealedRecord, int]] = []
        self._details: list[tuple[SealedDetail, int]] = []
        self._events: list[Event] = []
        self._hastened: tuple[int, int] | None = None
        self._aside: tuple[int, int] | None = None
        self._written: dict[str, Any] = {CARRY + CARRIED: None} if memory.carried else {}
        for total in memory.totals:
            self._waiting.setdefault(total.stream, []).append(total)

    def take(self, block: Block) -> None:
        """Feed a block to the meters."""
        if self._series is None:
            self._begin(block.time)
        self.pipeline.take(block)
        if block.cursor is not None:
            self.cursors[block.source] = block.cursor

    def advance(self, now: int) -> None:
        """Close what is due at `now` and make the records that became complete."""
        if self._series is None:
            self._begin(now)
        self._collect(self.pipeline.close(now), now)

    def _begin(self, now: int) -> None:
        """See what the streams are since the last start, from the first instant heard of."""
        begun = max(now, self._released_to or 0)
        windows, streams = self.plan.windows, self.plan.streams
        found = renewed(streams, self._remembered, begun, windows.release)
        self._series, self._began = found.series, (begun, found.held)
        self._events += found.events

    def clock_step(self, now: int, step: int) -> None:
        """Take in that the clock was set by `step` nanoseconds to `now`; no record waits for it."""
        self.pipeline.clock_step(now, step)
        self.hasten(now)

    def begin(self, now: int) -> None:
        """Go on at `now`, whatever the clock said before."""
        self.pipeline.skip(now)
        self.hasten(now)

    def release_start(self, now: int) -> int:
        """Give the start of the release window of an instant."""
        return now - now % self.plan.windows.release

    def set_aside(
        self,
        now: int,
        later: Sequence[Total],
        receipted_to: int,
        tallies: Mapping[str, Tally] | None = None,
    ) -> None:
        """Begin anew at `now`, which is right; everything before must have been committed.

        `later` are the committed totals from `release_start(now)` on. `receipted_to` is how far the
        hub has records: what it has is not made again. `tallies` count what was before both.
        """
        self._tallies = tallies or {}
        floor = now - now % self.plan.windows.measure
        start = max(self.release_start(now), receipted_to)
        future: dict[str, list[Total]] = {}
        self._waiting = {}
        for total in later:
            if total.start >= floor:
                future.setdefault(total.stream, []).append(total)
            elif total.start >= start:
                self._waiting.setdefault(total.stream, []).append(total)
        self.pipeline.set_aside(now, future)
        self._closed_to = {name: min(end, floor) for name, end in self._closed_to.items()}
        if self._released_to is not None:
            self._released_to = min(self._released_to, start)
        if self.contracts is not None:
            self.contracts.set_aside(start)
        self._aside = (floor, start)
        self.hasten(now)

    def hasten(self, now: int) -> None:
        """Let no record wait longer than one made now would: the clock may have been ahead."""
        self._hastened = (now, self._jitter())

    def finish(self, now: int) -> None:
        """Close every whole window: the data has ended."""
        if self._series is None:
            self._begin(now)
        self._collect(self.pipeline.finish(now), now)

    def _collect(self, closed: list[Total], now: int) -> None:
        series = self._series or {}
        totals = [marked(total, series[total.stream]) for total in closed]
        for total in totals:
            self._waiting.setdefault(total.stream, []).append(total)
            self._closed_to[total.stream] = total.end
        self._totals += totals
        self._events += self.pipeline.drain_events()
        if totals:
            self._release(now)

    def _release(self, now: int) -> None:
        """Make a record for each release window that every stream has moved past."""
        length = self.plan.windows.release
        closed = min(
            (self._closed_to.get(stream.name, 0) for stream in self.plan.streams), default=0
        )
        if self._released_to is None:
            first = min(total.start for held in self._waiting.values() for total in held)
            self._released_to = first - first % length
        while closed >= self._released_to + length:
            self._release_one(self._released_to, self._released_to + length, now)
            self._released_to = self._beyond(self._released_to + length)

    def _beyond(self, end: int) -> int:
        """Give where release windows go on: after a hole without windows, there are none in it."""
        starts = [total.start for held in self._waiting.values() for total in held]
        if not starts or min(starts) - end <= LONGEST:
            return end
        return self.release_start(min(starts))

    def _release_one(self, start: int, end: int, now: int) -> None:
        totals = {
            name: [total for total in held if start <= total.start < end]
            for name, held in self._waiting.items()
        }
        self._waiting = {
            name: [total for total in held if total.start >= end]
            for name, held in self._waiting.items()
        }
        if self._sealer is None:
            return
        disclosure = self.disclose(totals, start)
        self._carried = disclosure.carried
        self._tallies = tallied(self._tallies, self._streams(start), totals, start)
        year = self.year(start, end)
        orders, more = (None, ()) if year is None else (year.items, year.steps)
        self._told = self._told if year is None else year.told
        self._sequence += 1
        record = self._sealer.seal(
            start,
            end,
            self._sequence,
            disclosure.figures,
            (*disclosure.steps, *more),
            self.run,
            orders,
            parts_of(disclosure.parts, year),
        )
        grace = self.plan.windows.grace
        self._records.append((record, due(end, grace, now, self._jitter())))
        if self.contracts is not None:
            rules = policy(self.plan, self._withdrawn())
            for detail in self.contracts.make(start, self._streams(start), totals, rules):
                self._details.append((detail, due(end, grace, now, self._jitter())))

    def remake(self, record: Unmade) -> SealedRecord:
        """Make a record again that was never sent, without what was withdrawn meanwhile."""
        if self._sealer is None:
            raise AssertionError  # records are made by a sealer alone
        withdrawn = self._withdrawn()
        return remade(self._sealer, record, withdrawn)

    def disclose(self, totals: Mapping[str, list[Total]], start: int) -> Disclosure:
        """Apply the disclosure policy to the totals of one release window, as of its start."""
        windows, rules = self.plan.windows, policy(self.plan, self._withdrawn())
        count = windows.release // windows.measure
        return disclose(self._streams(start), totals, count, self._carried, rules)

    def year(self, start: int, end: int) -> Magnitudes | None:
        """Apply the policy to the year, in a release window in which a month ends."""
        if not is_due(start, end):
            return None
        rules = policy(self.plan, self._withdrawn())
        return magnitudes(self._streams(start), self._tallies, end, self._told, rules)

    def _streams(self, start: int) -> list[StreamPlan]:
        series = self._series or {}
        return [
            as_of(one, series[one.name].at(start)) if one.name in series else one
            for one in self.plan.streams
        ]

    @property
    def restless(self) -> bool:
        """Whether something waits that must be committed without delay."""
        return bool(self._totals or self._records)

    def note(self, event: Event) -> None:
        """Take an event of the service's own into the next commit."""
        self._events.append(event)

    def forget_written(self) -> None:
        """Let the next commit hold the whole state: the file it went to is lost."""
        self._written = {}

    def commit(self) -> Commit:
        """Hand out all that changed since the last call; the caller makes it durable or stops."""
        state = {STREAM + name: body for name, body in self.pipeline.snapshot().items()}
        state |= {CURSOR + source: cursor for source, cursor in self.cursors.items()}
        if self._carried or CARRY + CARRIED in self._written:
            held = {name: asdict(carry) for name, carry in self._carried.items()}
            state[CARRY + CARRIED] = held
        if self._sealer is not None:
            state[YEAR + TALLIES] = tallies_document(self._tallies)
            state[YEAR + TOLD] = told_document(self._told)
        if self.contracts is not None:
            state |= self.contracts.state()
        changed = {name: body for name, body in state.items() if self._written.get(name) != body}
        commit = Commit(
            state=changed,
            totals=tuple(self._totals),
            records=tuple(self._records),
            events=tuple(self._events),
            released_to=self._released_to,
            hastened=self._hastened,
            aside=self._aside,
            series=self._began,
            details=tuple(self._details),
        )
        self._hastened = self._aside = self._began = None
        self._written |= changed
        self._totals, self._records, self._events, self._details = [], [], [], []
        return commit
