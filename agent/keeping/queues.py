"""What holds for both queues of the state file alike: when what waits is due, what makes way."""

import sqlite3
from typing import Literal

Queue = Literal["records", "details"]
QUEUES: tuple[Queue, ...] = ("records", "details")
"""Tables of what waits to leave: records for the hub, messages for contract partners."""
_HASTEN = """
UPDATE {} SET due = min(due, max("end", ?) + ?), queued = min(queued, ?)
WHERE status = 'queued'
"""
_ASIDE = """
UPDATE {} SET id = id || '~' || rowid, payload = x'',
  settled = CASE status WHEN 'queued' THEN ? ELSE settled END,
  reason = CASE status WHEN 'queued' THEN ? ELSE reason END,
  status = CASE status WHEN 'queued' THEN 'dropped' ELSE status END
WHERE start >= ?
"""


def hasten(db: sqlite3.Cursor, queue: Queue, queued: int, wait: int) -> None:
    """Let nothing wait longer than what is `queued` now, for `wait`, would (nanoseconds)."""
    db.execute(_HASTEN.format(queue), (queued, wait, queued))


def set_aside(db: sqlite3.Cursor, queue: Queue, start: int, now: int) -> None:
    """Make way for true windows from `start` on; the release log keeps what was, renamed."""
    db.execute(_ASIDE.format(queue), (now, "made by a clock that was ahead", start))
