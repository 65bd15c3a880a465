"""Room in the state file on a full disk: what goes, oldest first, and in which order.

1. The detail of records that are settled: what the release log says beside window and state.
2. Records that wait for their receipt.

Totals and the meters' state never go. What goes leaves room within the file, so that it can take
totals and state without growing.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from agent.measuring.total import Event
from gateway.contract import rfc3339
from gateway.database import Database

DROPPED_DETAILS = "details_dropped"
FULL = "the disk is full"
_BATCH = 32
_DETAIL = """
SELECT sequence, id, "end" FROM records WHERE status != 'queued' AND plain != '{}'
ORDER BY start LIMIT ?
"""
# Taken out and put back: a row that only shrinks leaves its page as it is.
_TAKE = "SELECT * FROM records WHERE sequence = ?"
_BARE = {"plain": "{}", "steps": "[]", "payload": b"", "parts": None}
_WAITING = """
SELECT sequence, id, "end" FROM records WHERE status = 'queued' ORDER BY start LIMIT ?
"""


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
    details = _Dropped()
    while database.room() < room:
        with database.change() as db:
            more = _details(db, details) or _records(db, now, events)
        if not more:
            break
        database.checkpoint()
    if details.details:
        text = (
            f"the detail of {details.details} released records up to {rfc3339(details.last)} was"
            f" dropped: {FULL}"
        )
        event = Event(now, "", "detail-dropped", text)
        with database.change() as db:
            _note(db, event)
        events.append(event)
    return events


def _details(db: sqlite3.Cursor, dropped: _Dropped) -> bool:
    rows: list[Any] = db.execute(_DETAIL, (_BATCH,)).fetchall()
    for sequence, _, _ in rows:
        _strip(db, sequence)
    if rows:
        dropped.details += len(rows)
        dropped.last = rows[-1][2]
        db.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
            " SET value = CAST(CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER) AS TEXT)",
            (DROPPED_DETAILS, str(len(rows))),
        )
    return bool(rows)


def _records(db: sqlite3.Cursor, now: int, events: list[Event]) -> bool:
    rows: list[Any] = db.execute(_WAITING, (_BATCH,)).fetchall()
    for sequence, record, _ in rows:
        _strip(db, sequence, status="dropped", settled=now, reason=FULL)
        events.append(Event(now, "", "record-dropped", f"record {record} dropped: {FULL}"))
        _note(db, events[-1])
    return bool(rows)


def _strip(db: sqlite3.Cursor, sequence: int, **changes: object) -> None:
    row = dict(db.execute(_TAKE, (sequence,)).fetchone()) | _BARE | changes
    db.execute("DELETE FROM records WHERE sequence = ?", (sequence,))
    columns = ", ".join(f'"{name}"' for name in row)
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO records ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


def _note(db: sqlite3.Cursor, event: Event) -> None:
    db.execute(
        "INSERT INTO events (time, stream, kind, detail) VALUES (?,?,?,?)",
        (event.time, event.stream, event.kind, event.detail),
    )
