"""Records that wait to be sent and hold a stream that was withdrawn: what becomes of them.

One that was never sent loses its bytes, and the agent makes it again without the stream. One that
was handed to the broker before, and never confirmed, is not sent again and never made again: a
record is made known once.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from agent.disclosing.parts import streams_in
from agent.keeping.details import withhold_details
from agent.keeping.tables import WITHDRAWN, Queued
from agent.measuring.total import Event

_QUEUED = """
SELECT sequence, id, sent, parts, steps, length(payload) FROM records WHERE status = 'queued'
"""
_BARE = "UPDATE records SET payload = x'' WHERE sequence = ?"
_END = """
UPDATE records SET payload = x'', status = ?, settled = ?,
  reason = 'sent before a stream in it was withdrawn; not sent again'
WHERE sequence = ?
"""


@dataclass(frozen=True, slots=True)
class Withheld:
    """How many records will be made again, and how many will not be sent again.

    Messages for partners that have the stream count among them.
    """

    remade: int = 0
    ended: int = 0


def withhold(db: sqlite3.Cursor, names: Collection[str], now: int) -> tuple[Withheld, list[Event]]:
    """Hold back what waits and has a withdrawn stream in it; gives what to tell."""
    remade, events = 0, list[Event]()
    for row in db.execute(_QUEUED).fetchall():
        sequence, record, sent, parts, steps, size = row
        if size == 0 or not _touched(parts, steps, names):
            continue
        # What an older program made cannot be taken apart.
        if sent is None and parts is not None:
            db.execute(_BARE, (sequence,))
            remade += 1
        else:
            db.execute(_END, (WITHDRAWN, now, sequence))
            text = f"record {record} is not sent again: a stream in it was withdrawn"
            events.append(Event(now, "", "record-withdrawn", text))
    more, told = withhold_details(db, names, now)
    events += told
    return Withheld(remade + more, len(events)), events


def _touched(parts: str | None, steps: str, names: Collection[str]) -> bool:
    return not streams_in(parts, steps).isdisjoint(names)


def claim(db: sqlite3.Cursor, record: Queued, now: int) -> bool:
    """Note that a record is about to be sent; tells whether it may be, with these bytes."""
    db.execute(
        "UPDATE records SET sent = coalesce(sent, ?)"
        " WHERE id = ? AND status = 'queued' AND payload = ?",
        (now, record.id, record.payload),
    )
    return db.rowcount > 0
