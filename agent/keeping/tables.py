"""What the state file holds: its tables, and rows from and to what the agent speaks of."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import Any, Literal

from agent.disclosing.parts import Parts, read, written
from agent.disclosing.policy import Step
from agent.disclosing.record import SealedRecord
from agent.disclosing.sealed_detail import SealedDetail
from agent.measuring.series import Held
from agent.measuring.total import Event, Total
from config.plan import Classification, OutboxPlan
from gateway.database import Layout

RecordStatus = Literal["queued", "receipted", "refused", "dropped", "remade", "withdrawn"]
"""How far a record is; `remade`: the hub had its window from before the plant lost its memory;
`withdrawn`: sent before a stream in it was withdrawn, not confirmed, and not sent again."""
REMADE: RecordStatus = "remade"
WITHDRAWN: RecordStatus = "withdrawn"
_DETAILS = """
CREATE TABLE details (
  id TEXT PRIMARY KEY, partner TEXT NOT NULL, contract TEXT NOT NULL, start INTEGER NOT NULL,
  "end" INTEGER NOT NULL, plain TEXT NOT NULL, payload BLOB NOT NULL, steps TEXT NOT NULL,
  labels TEXT NOT NULL, due INTEGER NOT NULL, queued INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'queued', settled INTEGER, reason TEXT NOT NULL DEFAULT '',
  sent INTEGER
) STRICT;
CREATE INDEX details_queued ON details (start) WHERE status = 'queued';
"""
LAYOUT = Layout(
    "state file",
    f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE state (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE totals (
  stream TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, quantity REAL NOT NULL,
  unit TEXT NOT NULL, coverage REAL NOT NULL, uncertain REAL NOT NULL, band TEXT,
  marks TEXT NOT NULL, reasons TEXT NOT NULL,
  tickets INTEGER NOT NULL DEFAULT 0, aggregation TEXT NOT NULL DEFAULT 'sum', closing REAL,
  spread REAL NOT NULL DEFAULT 0, uncertainty REAL, dry REAL, PRIMARY KEY (stream, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
  sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, start INTEGER NOT NULL,
  "end" INTEGER NOT NULL, pseudonym TEXT NOT NULL, plain TEXT NOT NULL, payload BLOB NOT NULL,
  steps TEXT NOT NULL, due INTEGER NOT NULL, queued INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'queued', settled INTEGER, reason TEXT NOT NULL DEFAULT '',
  sent INTEGER, parts TEXT
) STRICT;
CREATE INDEX records_queued ON records (start) WHERE status = 'queued';
CREATE TABLE series (
  stream TEXT NOT NULL, since INTEGER NOT NULL, code TEXT, status TEXT, treatment TEXT,
  ns9431 TEXT, direction TEXT NOT NULL, basis TEXT NOT NULL, PRIMARY KEY (stream, since)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, stream TEXT NOT NULL, kind TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
{_DETAILS}""",
    version=8,
    upgrades={
        1: "ALTER TABLE totals ADD COLUMN tickets INTEGER NOT NULL DEFAULT 0;",
        2: "ALTER TABLE totals ADD COLUMN aggregation TEXT NOT NULL DEFAULT 'sum';"
        " ALTER TABLE totals ADD COLUMN closing REAL;",
        3: "ALTER TABLE totals ADD COLUMN spread REAL NOT NULL DEFAULT 0;"
        " ALTER TABLE totals ADD COLUMN uncertainty REAL;",
        4: "ALTER TABLE totals ADD COLUMN dry REAL;",
        5: "CREATE TABLE series (stream TEXT NOT NULL, since INTEGER NOT NULL, code TEXT,"
        " status TEXT, treatment TEXT, ns9431 TEXT, direction TEXT NOT NULL, basis TEXT NOT NULL,"
        " PRIMARY KEY (stream, since)) STRICT, WITHOUT ROWID;",
        6: "ALTER TABLE records ADD COLUMN sent INTEGER;"
        " ALTER TABLE records ADD COLUMN parts TEXT;",
        7: _DETAILS,
    },
    # The system keeps what is read often as well; two megabytes would fill within days.
    cache=512,
)


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction makes durable; `state` holds only what changed."""

    state: Mapping[str, Any] = field(default_factory=dict)
    totals: Sequence[Total] = ()
    records: Sequence[tuple[SealedRecord, int]] = ()
    events: Sequence[Event] = ()
    released_to: int | None = None
    hastened: tuple[int, int] | None = None
    """Now, and the longest time (ns) that records queued before may still wait."""
    aside: tuple[int, int] | None = None
    """Instants from which totals and records are set aside: a clock that was ahead made them."""
    series: tuple[int, Sequence[Held]] | None = None
    """An instant, and all series: they take the place of what was to begin after it."""
    details: Sequence[tuple[SealedDetail, int]] = ()
    """Messages for partners, each with the instant it may first be sent at."""

    def followed_by(self, later: "Commit") -> "Commit":
        """Join two changes in order, so that one transaction makes up for a failed one."""
        return Commit(
            state={**self.state, **later.state},
            totals=(*self.totals, *later.totals),
            records=(*self.records, *later.records),
            details=(*self.details, *later.details),
            events=(*self.events, *later.events),
            released_to=self.released_to if later.released_to is None else later.released_to,
            hastened=later.hastened or self.hastened,
            aside=later.aside or self.aside,
            series=later.series or self.series,
        )


@dataclass(frozen=True, slots=True)
class Queued:
    """A record that waits for its receipt: `due` is when it may first be sent."""

    sequence: int
    id: str
    start: int
    end: int
    pseudonym: str
    payload: bytes
    due: int


@dataclass(frozen=True, slots=True)
class Unmade:
    """A record that waits to be made again, without the streams that were withdrawn."""

    sequence: int
    start: int
    end: int
    run: int | None
    parts: Parts
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Released:
    """A line of the release log: what left or waits to leave, and the steps that led to it."""

    sequence: int
    id: str
    start: int
    end: int
    status: RecordStatus
    settled: int | None
    reason: str
    plain: Mapping[str, Any]
    steps: tuple[Step, ...]
    text: str = ""
    """What was signed, as it was signed."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits: records, bytes, the start of the oldest window, and how records ended.

    `messages` wait for contract partners; `messages_dropped` made room.
    """

    records: int
    bytes: int
    oldest: int | None
    by_status: Mapping[str, int]
    last_receipt: int | None
    messages: int = 0
    messages_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Storage:
    """The state file on its disk, in bytes: what it takes, what is free, what the reserve holds.

    `details_dropped` counts release-log lines whose detail made room on a full disk, `damaged` says
    what became of a damaged file while it is still there.
    """

    bytes: int
    free: int
    reserve: int
    reserve_size: int
    details_dropped: int
    damaged: str


def total_row(total: Total) -> tuple[object, ...]:
    """Give a total as a row."""
    return (
        total.stream,
        total.start,
        total.end,
        total.quantity,
        total.unit,
        total.coverage,
        total.uncertain,
        total.band,
        json.dumps(total.marks),
        json.dumps(dict(total.reasons)),
        total.tickets,
        total.aggregation,
        total.closing,
        total.spread,
        total.uncertainty,
        total.dry,
    )


def total_of(row: Sequence[Any]) -> Total:
    """Give a row as a total; one of an older file may lack the last columns."""
    stream, start, end, quantity, unit, coverage, uncertain, band, marks, reasons, *more = row
    known = () if marks == "[]" else tuple(json.loads(marks))
    counts = {} if reasons == "{}" else json.loads(reasons)
    return Total(
        stream, start, end, quantity, unit, coverage, uncertain, band, known, counts, *more
    )


def held_row(held: Held) -> tuple[object, ...]:
    """Give a series as a row."""
    return held.stream, held.since, *astuple(held.classification)


def held_of(row: Sequence[Any]) -> Held:
    """Give a row as a series."""
    stream, since, *parts = row
    return Held(stream, since, Classification(*parts))


def record_row(record: SealedRecord, due: int, now: int) -> tuple[object, ...]:
    """Give a record as a row: `due` is when it may first be sent, `now` when it was queued."""
    return (
        record.sequence,
        record.id,
        record.start,
        record.end,
        record.pseudonym,
        record.plain,
        record.payload,
        steps_text(record.steps),
        due,
        now,
        written(record.parts),
    )


def steps_text(steps: Sequence[Step]) -> str:
    """Write steps for the release log."""
    return json.dumps([asdict(step) for step in steps])


def released_of(row: Sequence[Any]) -> Released:
    """Give a row of the release log."""
    sequence, record, start, end, status, settled, reason, plain, steps = row
    log = tuple(Step(**step) for step in json.loads(steps))
    found = json.loads(plain)
    return Released(sequence, record, start, end, status, settled, reason, found, log, plain)


def beyond(waiting: Sequence[Sequence[Any]], bounds: OutboxPlan, now: int) -> list[tuple[str, str]]:
    """Choose what to drop from rows of (id, queued, bytes), oldest window first, and say why."""
    dropped = []
    size = sum(length for _, _, length in waiting)
    for record, queued, length in waiting:
        if now - queued > bounds.max_age:
            dropped.append((str(record), "it waited longer than the outbox's max_age"))
        elif size > bounds.max_bytes:
            dropped.append((str(record), "the outbox is at its max_size"))
        else:
            continue
        size -= length
    return dropped


def unmade_of(row: Sequence[Any]) -> Unmade:
    """Give a row of a record that waits to be made again."""
    sequence, start, end, plain, parts, steps = row
    log = tuple(Step(**step) for step in json.loads(steps))
    return Unmade(sequence, start, end, json.loads(plain).get("run"), read(parts), log)
