"""The plant's durable memory: meter state, totals, records and events, committed together.

One SQLite file in WAL mode with synchronous=FULL: what a commit returned from survives a power cut,
and state, totals and records are never apart. A record leaves on the hub's receipt; what the bounds
push out is counted and logged.
"""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from adapters.errors import PermanentError, TransientError
from agent.figure import Step
from agent.record import SealedRecord
from agent.total import Event, Total
from config.plan import OutboxPlan

SCHEMA_VERSION = 1
FILE = "state.sqlite"
"""Name of the file in the state directory."""
KEEP_EVENTS = 10_000
RecordStatus = Literal["queued", "receipted", "refused", "dropped"]

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE state (name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE totals (
  stream TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, quantity REAL NOT NULL,
  unit TEXT NOT NULL, coverage REAL NOT NULL, uncertain REAL NOT NULL, band TEXT,
  marks TEXT NOT NULL, reasons TEXT NOT NULL, PRIMARY KEY (stream, start)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
  sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, start INTEGER NOT NULL,
  "end" INTEGER NOT NULL, pseudonym TEXT NOT NULL, plain TEXT NOT NULL, payload BLOB NOT NULL,
  steps TEXT NOT NULL, due INTEGER NOT NULL, queued INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'queued',
  settled INTEGER, reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX records_queued ON records (start) WHERE status = 'queued';
CREATE TABLE events (
  id INTEGER PRIMARY KEY, time INTEGER NOT NULL, stream TEXT NOT NULL, kind TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""

_OLDEST = """
SELECT sequence, id, start, "end", pseudonym, payload, due FROM records
WHERE status = 'queued' AND due <= ? ORDER BY start LIMIT ?
"""
_WAITING = """
SELECT id, queued, length(payload) FROM records WHERE status = 'queued' ORDER BY start
"""
_NEWEST = _OLDEST.replace("ORDER BY start", "ORDER BY start DESC")


@dataclass(frozen=True, slots=True)
class Commit:
    """What one transaction makes durable; `state` holds only what changed."""

    state: Mapping[str, Any] = field(default_factory=dict)
    totals: Sequence[Total] = ()
    records: Sequence[tuple[SealedRecord, int]] = ()
    events: Sequence[Event] = ()
    released_to: int | None = None

    def followed_by(self, later: "Commit") -> "Commit":
        """Join two changes in order, so that one transaction makes up for a failed one."""
        return Commit(
            state={**self.state, **later.state},
            totals=(*self.totals, *later.totals),
            records=(*self.records, *later.records),
            events=(*self.events, *later.events),
            released_to=self.released_to if later.released_to is None else later.released_to,
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


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits: records, bytes, the start of the oldest window, and how records ended."""

    records: int
    bytes: int
    oldest: int | None
    by_status: Mapping[str, int]
    last_receipt: int | None


class Outbox:
    """The file and every way into it. Methods block on the disk; call them from a worker thread.

    Raises `TransientError` when the disk refuses (full, input/output error) and `PermanentError`
    when the file is not ours to use.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.set_aside: str = ""
        try:
            self._db = self._open(read_only)
        except sqlite3.DatabaseError as error:
            if read_only or not _is_corrupt(error):
                raise self._explain(error) from error
            self.set_aside = self._set_aside(error)
            self._db = self._open(read_only)

    def _open(self, read_only: bool) -> sqlite3.Connection:
        if read_only:
            uri = f"{self.path.absolute().as_uri()}?mode=ro"
            db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(db, read_only)
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection, read_only: bool) -> None:
        db.execute("PRAGMA busy_timeout = 5000")
        if not read_only:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise sqlite3.DatabaseError("database disk image is malformed")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not read_only:
            db.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        elif version != SCHEMA_VERSION:
            raise PermanentError(
                f"state file of version {version}, this program reads {SCHEMA_VERSION}",
                where=str(self.path),
                mend="install the program version that wrote it, or move the file away",
            )

    def _set_aside(self, error: sqlite3.DatabaseError) -> str:
        """Move a corrupt file out of the way; a crash loop would measure nothing at all."""
        number = 1
        while (kept := self.path.with_name(f"{self.path.name}.corrupt-{number}")).exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            old = self.path.with_name(self.path.name + suffix)
            with contextlib.suppress(FileNotFoundError):
                old.rename(kept.with_name(kept.name + suffix))
        return f"{error}; kept as {kept.name}"

    def _explain(self, error: sqlite3.Error) -> TransientError | PermanentError:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_BUSY")):
            return TransientError(
                f"the state file cannot be written ({error})",
                where=str(self.path),
                mend="free space on its file system, or see `dmesg` for the disk's health",
            )
        return PermanentError(
            f"the state file cannot be used ({error})",
            where=str(self.path),
            mend="check that the service's user owns the directory and the file",
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._explain(error) from error

    def _rows(self, query: str, arguments: Sequence[object] = ()) -> list[Any]:
        with self._lock:
            try:
                return self._db.execute(query, arguments).fetchall()
            except sqlite3.Error as error:
                raise self._explain(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        with self._lock:
            self._db.close()

    # -- writing ---------------------------------------------------------------------------------

    def commit(self, change: Commit, now: int) -> None:
        """Make a change durable, all of it or nothing; `now` is when its records are queued."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO state VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
                [(name, json.dumps(body)) for name, body in change.state.items()],
            )
            db.executemany(
                "INSERT INTO totals VALUES (?,?,?,?,?,?,?,?,?,?)", map(_total_row, change.totals)
            )
            db.executemany(
                'INSERT INTO records (sequence, id, start, "end", pseudonym, plain, payload, steps,'
                " due, queued) VALUES (?,?,?,?,?,?,?,?,?,?)",
                [_record_row(record, due, now) for record, due in change.records],
            )
            self._add_events(db, change.events)
            if change.released_to is not None:
                _set_meta(db, "released_to", str(change.released_to))

    def _add_events(self, db: sqlite3.Connection, events: Sequence[Event]) -> None:
        if not events:
            return
        db.executemany(
            "INSERT INTO events (time, stream, kind, detail) VALUES (?,?,?,?)",
            [(event.time, event.stream, event.kind, event.detail) for event in events],
        )
        db.execute(
            "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (KEEP_EVENTS,)
        )

    def settle(
        self,
        stored: Iterable[str],
        refused: Iterable[tuple[str, str]],
        now: int,
    ) -> int:
        """Take records out of the queue: on the hub's receipt, or for good with a reason."""
        with self._transaction() as db:
            before = db.total_changes
            change = (
                "UPDATE records SET status = ?, settled = ?, reason = ?, payload = x''"
                " WHERE id = ? AND status = 'queued'"
            )
            db.executemany(change, [("receipted", now, "", record) for record in stored])
            done = db.total_changes - before
            if done:
                _set_meta(db, "last_receipt", str(now))
            db.executemany(change, [("refused", now, why, record) for record, why in refused])
            return db.total_changes - before - (1 if done else 0)

    def trim(self, bounds: OutboxPlan, now: int) -> list[Event]:
        """Drop the oldest waiting records past the bounds on age and size, with an event for each.

        Age counts from when a record was queued: recorded data may be old from the start.
        """
        with self._transaction() as db:
            dropped = _beyond(db.execute(_WAITING).fetchall(), bounds, now)
            events = [
                Event(now, "", "record-dropped", f"record {record} dropped: {why}")
                for record, why in dropped
            ]
            db.executemany(
                "UPDATE records SET status = 'dropped', settled = ?, reason = ?, payload = x''"
                " WHERE id = ?",
                [(now, why, record) for record, why in dropped],
            )
            self._add_events(db, events)
            return events

    # -- reading ---------------------------------------------------------------------------------

    def state(self, prefix: str) -> dict[str, Any]:
        """Give the committed state whose name starts with `prefix`, by the rest of the name."""
        rows = self._rows(
            "SELECT name, body FROM state WHERE substr(name, 1, ?) = ?", (len(prefix), prefix)
        )
        return {name[len(prefix) :]: json.loads(body) for name, body in rows}

    def meta(self, name: str) -> str | None:
        """Give one remembered value."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def last_sequence(self) -> int:
        """Give the highest sequence ever used (0: none)."""
        return int(self._rows("SELECT coalesce(max(sequence), 0) FROM records")[0][0])

    def totals(self, start: int, end: int, stream: str | None = None) -> list[Total]:
        """Give totals of windows in [start, end), in order of time, then stream."""
        rows = self._rows(
            'SELECT * FROM totals WHERE start >= ? AND "end" <= ? AND (?3 IS NULL OR stream = ?3)'
            " ORDER BY start, stream",
            (start, end, stream),
        )
        return [_total(row) for row in rows]

    def closed_to(self) -> dict[str, int]:
        """Give the end of the last closed window of each stream."""
        return dict(self._rows('SELECT stream, max("end") FROM totals GROUP BY stream'))

    def queued(self, now: int, limit: int, *, newest: bool) -> list[Queued]:
        """Give records that may be sent by `now`, newest or oldest window first."""
        query = _NEWEST if newest else _OLDEST
        rows = self._rows(query, (now, limit))
        return [Queued(*row) for row in rows]

    def pseudonyms(self) -> set[str]:
        """Give the pseudonyms whose records still wait: receipts come to these."""
        rows = self._rows("SELECT DISTINCT pseudonym FROM records WHERE status = 'queued'")
        return {str(row[0]) for row in rows}

    def released(self, start: int, end: int) -> list[Released]:
        """Give the release log of windows in [start, end)."""
        rows = self._rows(
            'SELECT sequence, id, start, "end", status, settled, reason, plain, steps'
            ' FROM records WHERE start >= ? AND "end" <= ? ORDER BY start',
            (start, end),
        )
        return [_released(row) for row in rows]

    def events(self, limit: int = 100) -> list[Event]:
        """Give the latest events, newest first."""
        rows = self._rows(
            "SELECT time, stream, kind, detail FROM events ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [Event(*row) for row in rows]

    def depth(self) -> Depth:
        """Measure what waits."""
        (waiting, size, oldest) = self._rows(
            "SELECT count(*), coalesce(sum(length(payload)), 0), min(start) FROM records"
            " WHERE status = 'queued'"
        )[0]
        statuses = dict(self._rows("SELECT status, count(*) FROM records GROUP BY status"))
        last = self.meta("last_receipt")
        return Depth(waiting, size, oldest, statuses, int(last) if last else None)


def _beyond(
    waiting: Sequence[tuple[str, int, int]], bounds: OutboxPlan, now: int
) -> list[tuple[str, str]]:
    """Choose what to drop from (id, queued, bytes), oldest window first, and say why."""
    dropped = []
    size = sum(length for _, _, length in waiting)
    for record, queued, length in waiting:
        if now - queued > bounds.max_age:
            dropped.append((record, "no receipt within the outbox's max_age"))
        elif size > bounds.max_bytes:
            dropped.append((record, "the outbox is at its max_size"))
        else:
            continue
        size -= length
    return dropped


def _is_corrupt(error: sqlite3.DatabaseError) -> bool:
    name = getattr(error, "sqlite_errorname", "")
    return name in {"SQLITE_CORRUPT", "SQLITE_NOTADB"} or "malformed" in str(error)


def _set_meta(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def _total_row(total: Total) -> tuple[object, ...]:
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
    )


def _total(row: Sequence[Any]) -> Total:
    stream, start, end, quantity, unit, coverage, uncertain, band, marks, reasons = row
    known = tuple(json.loads(marks))
    counts = json.loads(reasons)
    return Total(stream, start, end, quantity, unit, coverage, uncertain, band, known, counts)


def _released(row: Sequence[Any]) -> Released:
    sequence, record, start, end, status, settled, reason, plain, steps = row
    log = tuple(Step(**step) for step in json.loads(steps))
    return Released(sequence, record, start, end, status, settled, reason, json.loads(plain), log)


def _record_row(record: SealedRecord, due: int, now: int) -> tuple[object, ...]:
    return (
        record.sequence,
        record.id,
        record.start,
        record.end,
        record.pseudonym,
        record.plain,
        record.payload,
        json.dumps([asdict(step) for step in record.steps]),
        due,
        now,
    )
