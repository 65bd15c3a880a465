"""A new state file's beginning: the number of its count, and what was saved of a damaged one.

A new file draws a number at random for its count of records, its run: a hub then knows that the
sequence began anew, and that a window it has was made again by a plant that lost its memory.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping

from agent.measuring.total import Event
from gateway.aside import Aside
from gateway.salvage import Row, Saved, salvage

RUN = "run"
RECOVERED = "recovered"
_TABLES = {
    "meta": "name",
    "state": "name",
    "totals": "stream, start",
    "records": "sequence",
    "details": "start, id",
    "events": "id",
}
_JSON = {"state": ("body",), "totals": ("marks", "reasons"), "records": ("plain", "steps"),
         "details": ("plain", "steps", "labels")}  # fmt: skip
_HIGHEST_RUN = 2**48


class Beginning:
    """Writes a new file's run, and what can be read of the damaged one before it.

    `run` is that of an agent that goes on with what it has in memory. `event` tells, when it is
    written, of a damaged file. Raises `sqlite3.Error` when the medium refuses.
    """

    def __init__(self, now: int, run: int | None = None) -> None:
        self._now = now
        self._run = run
        self.event: Event | None = None

    def write(self, db: sqlite3.Cursor, aside: Aside | None) -> None:
        """Write into the transaction that makes the file's tables."""
        saved = salvage(aside.path, db, _TABLES, _sound) if aside else {}
        _set(db, RUN, str(self._run or 1 + secrets.randbelow(_HIGHEST_RUN)))
        if aside is None:
            return
        _pick_up(db)
        text = f"{aside.reason}; taken over: {_told(saved)}"
        _set(db, RECOVERED, json.dumps({"file": aside.path.name, "text": text}))
        self.event = event = Event(self._now, "", "state-damaged", text)
        db.execute(
            "INSERT INTO events (time, stream, kind, detail) VALUES (?, ?, ?, ?)",
            (event.time, event.stream, event.kind, event.detail),
        )


def _pick_up(db: sqlite3.Cursor) -> None:
    """Where it is not known how far windows were released, release none of the past again."""
    found = db.execute("SELECT 1 FROM meta WHERE name = 'released_to'").fetchone()
    last = db.execute(
        'SELECT max("end") FROM (SELECT "end" FROM records UNION ALL SELECT "end" FROM totals)'
    ).fetchone()[0]
    if found is None and last is not None:
        _set(db, "released_to", str(last))


def _set(db: sqlite3.Cursor, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))


def _told(saved: Mapping[str, Saved]) -> str:
    parts = [
        f"{found.rows} {name}{'' if found.whole else ' (not all)'}"
        for name, found in saved.items()
        if name != "meta"
    ]
    return ", ".join(parts) or "nothing, for it could not be opened"


def _sound(table: str, row: Row) -> bool:
    """Tell whether a row can be what was once written: texts that are JSON, instants in order."""
    if table == "meta":
        return row.get("name") not in (RUN, RECOVERED)
    if not all(_is_json(row.get(column)) for column in _JSON.get(table, ())):
        return False
    start, end = row.get("start"), row.get("end")
    if isinstance(start, int) and isinstance(end, int):
        return 0 <= start < end
    return table in ("state", "events")


def _is_json(text: object) -> bool:
    try:
        json.loads(text if isinstance(text, str) else "")
    except (ValueError, RecursionError):
        return False
    return True
