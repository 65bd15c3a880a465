"""One change of the plant's memory, written in the transaction it is handed."""

import json
import sqlite3

from agent.disclosing.withdrawals import Withdrawals
from agent.keeping import details
from agent.keeping.queues import QUEUES, hasten, set_aside
from agent.keeping.rows import add_events, set_meta
from agent.keeping.tables import Commit, held_row, record_row, total_row
from agent.keeping.withhold import withhold

LAST = "last_sequence"
"""The remembered value that is the highest sequence of a record ever used."""
_COMPACT = json.JSONEncoder(separators=(",", ":")).encode
"""State is written every few seconds, to flash: blanks would be a tenth of it."""


def write(db: sqlite3.Cursor, change: Commit, withdrawals: Withdrawals, now: int) -> None:
    """Write a change; `now` is when its records are queued (nanoseconds)."""
    if change.aside is not None:
        _set_aside(db, *change.aside, now)
    if change.hastened is not None:
        for queue in QUEUES:
            hasten(db, queue, *change.hastened)
    db.executemany(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        [(name, _COMPACT(body)) for name, body in change.state.items()],
    )
    db.executemany(
        "INSERT INTO totals VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        map(total_row, change.totals),
    )
    db.executemany(
        'INSERT INTO records (sequence, id, start, "end", pseudonym, plain, payload, steps,'
        " due, queued, parts) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        [record_row(record, due, now) for record, due in change.records],
    )
    details.insert(db, change.details, now)
    if change.records or change.details:
        # Streams may have been withdrawn since these records were made.
        withhold(db, withdrawals(), now)
    if change.series is not None:
        since, held = change.series
        db.execute("DELETE FROM series WHERE since > ?", (since,))
        db.executemany(
            "INSERT OR REPLACE INTO series VALUES (?,?,?,?,?,?,?,?)", map(held_row, held)
        )
    add_events(db, change.events)
    if change.released_to is not None:
        set_meta(db, "released_to", str(change.released_to))
    if change.records:
        set_meta(db, LAST, str(max(record.sequence for record, _ in change.records)))


def _set_aside(db: sqlite3.Cursor, totals_from: int, records_from: int, now: int) -> None:
    """Make way for true windows."""
    db.execute("DELETE FROM totals WHERE start >= ?", (totals_from,))
    for queue in QUEUES:
        set_aside(db, queue, records_from, now)
