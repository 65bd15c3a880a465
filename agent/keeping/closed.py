"""The closed windows in the state file: their totals, read after a start and for reports."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from agent.keeping.tables import total_of
from agent.measuring.total import Total
from gateway.database import Database


class ClosedWindows:
    """What the state file holds of closed windows; the agent may be writing it meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def totals(self, start: int, end: int, stream: str | None = None) -> list[Total]:
        """Give totals of windows in [start, end), in order of time, then stream."""
        with self._database.look() as db:
            rows = db.execute(
                'SELECT * FROM totals WHERE start >= ?1 AND "end" <= ?2'
                " AND (?3 IS NULL OR stream = ?3) ORDER BY start, stream",
                (start, end, stream),
            )
            return [total_of(row) for row in rows]

    def each_total(self, start: int, end: int) -> Iterator[Total]:
        """Give totals of windows that start in [start, end), in order of time, one at a time."""
        with self._database.look() as db:
            query = "SELECT * FROM totals WHERE start >= ? AND start < ? ORDER BY start, stream"
            for row in db.execute(query, (start, end)):
                yield total_of(row)

    def closed_to(self) -> dict[str, int]:
        """Give the end of the last closed window of each stream."""
        with self._database.look() as db:
            rows = db.execute('SELECT stream, max("end") FROM totals GROUP BY stream')
            return {str(stream): int(end) for stream, end in rows}

    def totals_by_stream(
        self, start: int, end: int, streams: Sequence[str] = ()
    ) -> Iterator[Total]:
        """Give totals of windows that start in [start, end), stream by stream, in order of time.

        `streams` are those wanted, all without any. All are of one commit of the writer.
        """
        with self._database.look() as db, _still(db):
            db.row_factory = None  # plain tuples: rows that know their names cost twice as much
            for stream in streams or _streams(db):
                query = "SELECT * FROM totals WHERE stream = ? AND start >= ? AND start < ?"
                for row in db.execute(f"{query} ORDER BY start", (stream, start, end)):
                    yield total_of(row)

    def streams(self) -> list[str]:
        """Name the streams that have totals."""
        with self._database.look() as db:
            return _streams(db)

    def bounds(self, streams: Sequence[str] = ()) -> tuple[int, int] | None:
        """Give the start of the first and of the last window of some streams, or of all."""
        with self._database.look() as db, _still(db):
            query = "SELECT min(start), max(start) FROM totals WHERE stream = ?"
            wanted = streams or _streams(db)
            found = [tuple(db.execute(query, (stream,)).fetchone()) for stream in wanted]
        held = [one for one in found if one[0] is not None]
        return (min(low for low, _ in held), max(high for _, high in held)) if held else None

    def has_totals(self, start: int, end: int, streams: Sequence[str] = ()) -> bool:
        """Tell whether some streams, or any, have a window that starts in [start, end)."""
        with self._database.look() as db, _still(db):
            query = "SELECT 1 FROM totals WHERE stream = ? AND start >= ? AND start < ? LIMIT 1"
            return any(
                db.execute(query, (stream, start, end)).fetchone() is not None
                for stream in streams or _streams(db)
            )


@contextmanager
def _still(db: sqlite3.Cursor) -> Iterator[None]:
    """Let all queries see the file as it is at the first of them, whatever is written beside."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def _streams(db: sqlite3.Cursor) -> list[str]:
    """Name the streams that have totals, by a seek for each rather than a look at every row."""
    found: list[str] = []
    name = db.execute("SELECT min(stream) FROM totals").fetchone()[0]
    while name is not None:
        found.append(name)
        name = db.execute("SELECT min(stream) FROM totals WHERE stream > ?", (name,)).fetchone()[0]
    return found
