"""What can still be read of a damaged SQLite file, row by row, from both ends of each table."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Saved:
    """How many rows of a table were taken over, and whether it could be read from end to end."""

    rows: int
    whole: bool


def salvage(
    damaged: Path,
    into: sqlite3.Cursor,
    tables: Mapping[str, str],
    sound: Callable[[str, Row], bool],
) -> dict[str, Saved]:
    """Copy rows of a damaged file into a new one and tell, by table, how many.

    `tables` gives the columns each is ordered by. A row that is not `sound`, or that the rules of
    the new table refuse, is left out. Raises `sqlite3.Error` for the new file's troubles alone.
    """
    try:
        source = sqlite3.connect(f"{damaged.absolute().as_uri()}?mode=rw", uri=True)
    except sqlite3.Error:
        return {}
    with closing(source):
        source.row_factory = sqlite3.Row
        return {name: _table(source, into, name, order, sound) for name, order in tables.items()}


def _table(
    source: sqlite3.Connection,
    into: sqlite3.Cursor,
    name: str,
    order: str,
    sound: Callable[[str, Row], bool],
) -> Saved:
    count, whole = 0, True
    forward = _Reading(source, f"SELECT * FROM {name} ORDER BY {order}")  # noqa: S608 - our names
    count += _insert(into, name, forward, sound)
    if forward.failed:
        whole = False
        back = ", ".join(f"{column} DESC" for column in order.split(", "))
        backward = _Reading(source, f"SELECT * FROM {name} ORDER BY {back}")  # noqa: S608
        count += _insert(into, name, backward, sound)
    return Saved(count, whole)


class _Reading:
    """Rows of a query up to the first that cannot be read."""

    def __init__(self, source: sqlite3.Connection, query: str) -> None:
        self._source = source
        self._query = query
        self.failed = False

    def __iter__(self) -> Iterator[Row]:
        try:
            for row in self._source.execute(self._query):
                yield dict(zip(row.keys(), row, strict=True))
        except sqlite3.Error:
            self.failed = True


def _insert(
    into: sqlite3.Cursor, name: str, rows: _Reading, sound: Callable[[str, Row], bool]
) -> int:
    count = 0
    for row in rows:
        if not sound(name, row):
            continue
        columns = ", ".join(f'"{column}"' for column in row)
        marks = ", ".join("?" * len(row))
        try:
            into.execute(
                f"INSERT OR IGNORE INTO {name} ({columns}) VALUES ({marks})",  # noqa: S608
                tuple(row.values()),
            )
        except sqlite3.IntegrityError:
            continue  # a value of the wrong type
        count += max(0, into.rowcount)
    return count
