"""Small writes that several parts of the state file share: remembered values and events."""

import sqlite3
from collections.abc import Sequence

from agent.measuring.total import Event

KEEP_EVENTS = 10_000
_COUNT = (
    "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE"
    " SET value = CAST(CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER) AS TEXT)"
)


def set_meta(db: sqlite3.Cursor, name: str, value: str) -> None:
    """Remember a value by its name."""
    db.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def count(db: sqlite3.Cursor, name: str, more: int) -> None:
    """Add to a number that is remembered by its name."""
    db.execute(_COUNT, (name, str(more)))


def add_events(db: sqlite3.Cursor, events: Sequence[Event]) -> None:
    """Remember events; of all, the latest are kept."""
    if not events:
        return
    db.executemany(
        "INSERT INTO events (time, stream, kind, detail) VALUES (?,?,?,?)",
        [(event.time, event.stream, event.kind, event.detail) for event in events],
    )
    db.execute("DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - ?", (KEEP_EVENTS,))
