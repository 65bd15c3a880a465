"""Room in the state file on a full disk: what goes, oldest first, and in which order.

1. What the release log says, beside window and state, of messages for partners that are settled.
2. What it says of records that are settled.
3. Messages for partners that wait.
4. Records that wait for their receipt.

Totals and the meters' state never go. What goes leaves room within the file, so that it can take
totals and state without growing.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.keeping import details
from agent.keeping.rows import add_events, count
from agent.measuring.total import Event
from gateway.database import Database
from gateway.wire import rfc3339

DROPPED_DETAILS = "details_dropped"
FULL = "the disk is full"
_BATCH = 32
# Taken out and put back: a row that only shrinks leaves its page as it is.
_BARE: Mapping[str, dict[str, object]] = {
    "records": {"plain": "{}", "steps": "[]", "payload": b"", "parts": None},
    "details": {"plain": "{}", "steps": "[]", "payload": b""},
}
_SETTLED = "status != 'queued' AND plain != '{}'"
_WAITING = "status = 'queued'"


@dataclass(slots=True)
class _Dropped:
    details: int = 0
    last: int = 0


def give_way(database: Database, room: int, now: int) -> list[Event]:
    """Drop until the file has `room` bytes to spare or nothing more may go; gives what to tell.

    Each step is a small transaction, as the log beside the file has little room too. Raises
    `TransientError` when even that is refused.
    """
    events: list[Event] = []
    gone = _Dropped()
    while database.room() < room:
        with database.change() as db:
            more = (
                _details(db, "details", gone)
                or _details(db, "records", gone)
                or _messages(db, now, events)
                or _records(db, now, events)
            )
        if not more:
            break
        database.checkpoint()
    if gone.details:
        text = (
            f"the detail of {gone.details} released records up to {rfc3339(gone.last)} was"
            f" dropped: {FULL}"
        )
        event = Event(now, "", "detail-dropped", text)
        with database.change() as db:
            add_events(db, [event])
        events.append(event)
    return events


def _oldest(db: sqlite3.Cursor, table: str, which: str) -> list[Any]:
    query = f'SELECT rowid, id, "end" FROM {table} WHERE {which} ORDER BY start LIMIT ?'  # noqa: S608
    return db.execute(query, (_BATCH,)).fetchall()


def _details(db: sqlite3.Cursor, table: str, dropped: _Dropped) -> bool:
    rows = _oldest(db, table, _SETTLED)
    for row, _, _ in rows:
        _strip(db, table, row)
    if rows:
        dropped.details += len(rows)
        dropped.last = max(dropped.last, rows[-1][2])
        count(db, DROPPED_DETAILS, len(rows))
    return bool(rows)


def _messages(db: sqlite3.Cursor, now: int, events: list[Event]) -> bool:
    rows = _oldest(db, "details", _WAITING)
    told = details.drop(db, [(message, FULL) for _, message, _ in rows], now)
    for row, _, _ in rows:
        _strip(db, "details", row)
    add_events(db, told)
    events += told
    return bool(rows)


def _records(db: sqlite3.Cursor, now: int, events: list[Event]) -> bool:
    rows = _oldest(db, "records", _WAITING)
    for row, record, _ in rows:
        _strip(db, "records", row, status="dropped", settled=now, reason=FULL)
        events.append(Event(now, "", "record-dropped", f"record {record} dropped: {FULL}"))
        add_events(db, events[-1:])
    return bool(rows)


def _strip(db: sqlite3.Cursor, table: str, number: int, **changes: object) -> None:
    found = db.execute(f"SELECT * FROM {table} WHERE rowid = ?", (number,))  # noqa: S608
    row = dict(found.fetchone()) | _BARE[table] | changes
    db.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))  # noqa: S608
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
