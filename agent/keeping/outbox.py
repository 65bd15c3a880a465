"""The plant's durable memory: meter state, totals, records and events, committed together.

One SQLite file in WAL mode with synchronous=FULL: what a commit returned from survives a power cut,
and state, totals and records are never apart. A record leaves on the hub's receipt; what the bounds
push out is counted and logged.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from agent.disclosing.parts import streams_in, written
from agent.disclosing.policy import EVERY
from agent.disclosing.record import SealedRecord
from agent.disclosing.withdrawals import ENDED, Withdrawals
from agent.keeping import details
from agent.keeping.closed import ClosedWindows
from agent.keeping.recovery import RECOVERED, RUN, Beginning
from agent.keeping.room import DROPPED_DETAILS, give_way
from agent.keeping.rows import add_events, set_meta
from agent.keeping.tables import (
    LAYOUT,
    REMADE,
    Commit,
    Depth,
    Queued,
    Released,
    Storage,
    Unmade,
    beyond,
    held_of,
    released_of,
    steps_text,
    unmade_of,
)
from agent.keeping.withhold import Withheld, claim, withhold
from agent.keeping.writing import LAST, write
from agent.measuring.series import Held
from agent.measuring.total import Event
from config.plan import OutboxPlan
from gateway.database import Database, disk_space
from gateway.reserve import Reserve

FILE = "state.sqlite"
"""Name of the file in the state directory."""
_MISSING = "start the agent: `sidestream run`"
_OLDEST = """
SELECT sequence, id, start, "end", pseudonym, payload, due FROM records
WHERE status = 'queued' AND due <= ? AND length(payload) > 0 ORDER BY start LIMIT ?
"""
_NEWEST = _OLDEST.replace("ORDER BY start", "ORDER BY start DESC")
# A row's texts and bytes, and what its pages and indexes take beside them.
_WAITING = """
SELECT id, queued, length(payload) + length(plain) + length(steps) + 600
FROM records WHERE status = 'queued' ORDER BY start
"""
_SETTLE = """
UPDATE records SET status = ?, settled = ?, reason = ?, payload = x''
WHERE id = ? AND status IN ('queued', 'withdrawn')
"""


class Outbox:
    """The file and every way into it. Methods block on the disk; call them from a worker thread.

    Raises `TransientError` when the medium refuses (full, failing, not ours), `PermanentError`
    when the file is of another program version or a change would break its rules.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.withdrawals = Withdrawals(database.path.parent)
        """The streams that were taken back, in their own file beside this one."""
        self.ended = Withdrawals(database.path.parent, ENDED)
        """The contracts that were ended before their day, in a file of their own too."""
        self.details = details.Details(database)
        """The messages for partners."""
        self.windows = ClosedWindows(database)
        """The windows that were closed."""

    @classmethod
    def open(cls, directory: Path, now: int) -> Self:
        """Open the state file or make it; what can be read of a damaged one is taken over.

        `set_aside` tells what became of it.
        """
        beginning = Beginning(now)
        return cls(Database.create(directory / FILE, LAYOUT, now, beginning.write))

    def renew(self, reason: str, now: int, run: int | None) -> Event | None:
        """Set the file aside as damaged and go on with a new one, with what can be read of it.

        For an agent that has its state and `run` in memory. Gives the event that tells of it.
        """
        beginning = Beginning(now, run)
        self._database.renew(LAYOUT, reason, now, beginning.write)
        return beginning.event

    @classmethod
    def look_at(cls, directory: Path) -> Self:
        """Open the state file for looking only, while the agent may be writing it."""
        return cls(Database.look_at(directory / FILE, LAYOUT, _MISSING))

    @classmethod
    def join(cls, directory: Path) -> Self:
        """Open the state file, which is there, to change it while the agent may be running."""
        return cls(Database.join(directory / FILE, LAYOUT))

    @property
    def directory(self) -> Path:
        """The state directory."""
        return self._database.path.parent

    @property
    def set_aside(self) -> str:
        """Where a damaged state file went, and why; empty when it was sound."""
        return self._database.set_aside

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._database.close()

    # Writing.

    def commit(self, change: Commit, now: int) -> None:
        """Make a change durable, all of it or nothing; `now` is when its records are queued."""
        with self._database.change() as db:
            write(db, change, self.withdrawals, now)

    def without_known(self, change: Commit) -> Commit:
        """Give a change without the totals and records that are in the file already.

        A commit that failed on a failing medium may have taken place after all.
        """
        totals = {(row[0], row[1]) for row in self._rows("SELECT stream, start FROM totals")}
        records = {row[0] for row in self._rows("SELECT id FROM records")}
        return replace(
            change,
            totals=[one for one in change.totals if (one.stream, one.start) not in totals],
            records=[one for one in change.records if one[0].id not in records],
        )

    def settle(self, stored: Iterable[str], refused: Iterable[tuple[str, str]], now: int) -> int:
        """Take records out of the queue: on the hub's receipt, or for good with a reason.

        Gives how many were still waiting.
        """
        with self._database.change() as db:
            taken = _settle(db, [("receipted", now, "", record) for record in stored])
            if taken:
                set_meta(db, "last_receipt", str(now))
            ended = [
                (REMADE if why == REMADE else "refused", now, why, record)
                for record, why in refused
            ]
            return taken + _settle(db, ended)

    def withhold(self, now: int) -> tuple[Withheld, list[Event]]:
        """Hold back what waits and has a withdrawn stream in it; gives what to tell."""
        names = self.withdrawals()
        if not names:
            return Withheld(), []
        with self._database.change() as db:
            held, events = withhold(db, names, now)
            add_events(db, events)
            return held, events

    def note(self, event: Event) -> None:
        """Remember an event."""
        with self._database.change() as db:
            add_events(db, [event])

    def sending(self, records: Sequence[Queued], now: int) -> list[Queued]:
        """Note which records are about to be sent; gives those that may be."""
        if not records or EVERY in self.withdrawals():
            return []
        with self._database.change() as db:
            return [record for record in records if claim(db, record, now)]

    def left(self, stream: str) -> list[tuple[int, int]]:
        """Give the windows of the records that hold a stream and were sent, in order."""
        rows = self._rows(
            'SELECT start, "end", parts, steps FROM records'
            " WHERE sent IS NOT NULL OR status IN ('receipted', 'refused', 'remade')"
            " ORDER BY start"
        )
        return [
            (start, end) for start, end, parts, steps in rows if stream in streams_in(parts, steps)
        ]

    def holding(self, stream: str) -> list[int]:
        """Give the sequences of the records that hold a stream."""
        old = not self._rows("SELECT 1 FROM pragma_table_info('records') WHERE name = 'parts'")
        parts = "NULL" if old else "parts"
        rows = self._rows(f"SELECT sequence, {parts}, steps FROM records")  # noqa: S608 - constants
        return [sequence for sequence, held, steps in rows if stream in streams_in(held, steps)]

    def unmade(self) -> list[Unmade]:
        """Give the records that wait to be made again."""
        rows = self._rows(
            'SELECT sequence, start, "end", plain, parts, steps FROM records'
            " WHERE status = 'queued' AND length(payload) = 0 ORDER BY start"
        )
        return [unmade_of(row) for row in rows]

    def remade(self, record: SealedRecord) -> None:
        """Put a record that was made again in the place of what it was."""
        with self._database.change() as db:
            db.execute(
                "UPDATE records SET plain = ?, payload = ?, steps = ?, parts = ?"
                " WHERE sequence = ? AND status = 'queued' AND length(payload) = 0",
                (
                    record.plain, record.payload, steps_text(record.steps), written(record.parts),
                    record.sequence,
                ),
            )  # fmt: skip
            withhold(db, self.withdrawals(), 0)

    def trim(self, bounds: OutboxPlan, now: int) -> list[Event]:
        """Drop what waits past the bounds on age and size: partners' messages, then records.

        Of both the oldest go first, with an event for each record and one for all messages. Age
        counts from when it was queued: recorded data may be old from the start.
        """
        with self._database.change() as db:
            partners = details.sizes(db)
            past = beyond([*partners, *db.execute(_WAITING).fetchall()], bounds, now)
            named = {row[0] for row in partners}
            events = details.drop(db, [one for one in past if one[0] in named], now)
            dropped = [one for one in past if one[0] not in named]
            events += [
                Event(now, "", "record-dropped", f"record {record} dropped: {why}")
                for record, why in dropped
            ]
            _settle(db, [("dropped", now, why, record) for record, why in dropped])
            add_events(db, events)
            return events

    def give_way(self, room: int, now: int) -> list[Event]:
        """Make room in the file, of `room` bytes, on a disk that has none: see `room.py`."""
        return give_way(self._database, room, now)

    # Reading.

    def _rows(self, query: str, arguments: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._database.look() as db:
            return [tuple(row) for row in db.execute(query, arguments)]

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

    def run(self) -> int | None:
        """Give the number of this file's count of records; None in a file of an older program."""
        found = self.meta(RUN)
        return None if found is None else int(found)

    def free(self) -> int:
        """Give the bytes that the disk has left."""
        return disk_space(self._database.path.parent)

    def storage(self, reserve: Reserve) -> Storage:
        """Measure what the file takes, what its disk has left, and what became of a damaged one."""
        recovered = json.loads(self.meta(RECOVERED) or "{}")
        there = bool(recovered) and self._database.path.with_name(recovered["file"]).exists()
        return Storage(
            bytes=self._database.size(),
            free=self.free(),
            reserve=reserve.held(),
            reserve_size=reserve.size,
            details_dropped=int(self.meta(DROPPED_DETAILS) or 0),
            damaged=recovered["text"] if there else "",
        )

    def last_sequence(self) -> int:
        """Give the highest sequence ever used (0: none)."""
        highest = int(self._rows("SELECT coalesce(max(sequence), 0) FROM records")[0][0])
        return max(highest, int(self.meta(LAST) or 0))

    def receipted_to(self, start: int) -> int:
        """Give the end of the last window from `start` on that the hub has; `start` for none."""
        query = "SELECT max(\"end\") FROM records WHERE status = 'receipted' AND start >= ?"
        found = self._rows(query, (start,))[0][0]
        return start if found is None else int(found)

    def series(self) -> list[Held]:
        """Give what each stream was and is, as it came to hold; a file of before knows nothing."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'series'"):
            return []
        return [held_of(row) for row in self._rows("SELECT * FROM series ORDER BY stream, since")]

    def queued(self, now: int, limit: int, *, newest: bool) -> list[Queued]:
        """Give records that may be sent by `now`, newest or oldest window first."""
        query = _NEWEST if newest else _OLDEST
        return [Queued(*row) for row in self._rows(query, (now, limit))]

    def released(self, start: int, end: int) -> list[Released]:
        """Give the release log of windows in [start, end)."""
        rows = self._rows(
            'SELECT sequence, id, start, "end", status, settled, reason, plain, steps'
            ' FROM records WHERE start >= ? AND "end" <= ? ORDER BY start',
            (start, end),
        )
        return [released_of(row) for row in rows]

    def events(self, limit: int = 100, since: int = 0, kinds: Sequence[str] = ()) -> list[Event]:
        """Give the latest events from `since` on, newest first, of some kinds or (without) all."""
        marks = ", ".join("?" * len(kinds))
        wanted = f" AND kind IN ({marks})" if kinds else ""
        rows = self._rows(
            f"SELECT time, stream, kind, detail FROM events WHERE time >= ?{wanted}"  # noqa: S608
            " ORDER BY id DESC LIMIT ?",
            (since, *kinds, limit),
        )
        return [Event(*row) for row in rows]

    def depth(self) -> Depth:
        """Measure what waits."""
        waiting, size, oldest = self._rows(
            "SELECT count(*), coalesce(sum(length(payload)), 0), min(start) FROM records"
            " WHERE status = 'queued'"
        )[0]
        ended = self._rows("SELECT status, count(*) FROM records GROUP BY status")
        last, partners = self.meta("last_receipt"), self.details.depth()
        receipt = int(last) if last else None
        messages = (partners.waiting, partners.dropped)
        return Depth(waiting, size, oldest, dict(ended), receipt, *messages)


def _settle(db: sqlite3.Cursor, rows: Sequence[tuple[str, int, str, str]]) -> int:
    db.executemany(_SETTLE, rows)
    return max(0, db.rowcount)
