"""The embedded store: one table of released cells in a SQLite file of its own."""

import json
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from adapters.errors import PermanentError, TransientError
from gateway.contract import Cell
from gateway.durable import make_directory
from gateway.wire import rfc3339

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_COLUMNS = (
    ("window_start", "TEXT NOT NULL"),
    ("window_end", "TEXT NOT NULL"),
    ("cluster", "TEXT NOT NULL"),
    ("cell", "TEXT NOT NULL"),
    ("kind", "TEXT NOT NULL"),
    ("code", "TEXT"),
    ("place", "TEXT NOT NULL"),
    ("band", "TEXT"),
    ("direction", "TEXT NOT NULL"),
    ("unit", "TEXT NOT NULL"),
    ("status", "TEXT NOT NULL"),
    ("quantity", "REAL"),
    ("contributors", "TEXT"),
    ("coverage", "REAL"),
    ("marks", "TEXT NOT NULL"),
    ("released", "TEXT NOT NULL"),
    ("noise", "REAL"),
    ("magnitude", "TEXT"),
)


class SqliteStore:
    """Released cells as rows, one per cell and window, instants as RFC 3339 in UTC."""

    settling = 0
    """What was committed stays."""

    def __init__(self, path: Path, table: str = "sidestream_cell") -> None:
        if not _NAME.fullmatch(table):
            raise PermanentError(
                f"{table!r} cannot name a table", mend="set `measurement` to lower case and _"
            )
        self._path, self._table = path, table
        with self._translated():
            make_directory(path.parent)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(self._schema())
            self._add_columns()

    def _schema(self) -> str:
        columns = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS)
        key = "PRIMARY KEY (cluster, cell, window_start)"
        return f"CREATE TABLE IF NOT EXISTS {self._table} ({columns}, {key}) STRICT"

    def _add_columns(self) -> None:
        """Give a table that an older version made the columns it lacks."""
        rows = self._connection.execute(f"PRAGMA table_info({self._table})").fetchall()
        known = {row["name"] for row in rows}
        for name, kind in _COLUMNS:
            if name not in known:
                self._connection.execute(f"ALTER TABLE {self._table} ADD COLUMN {name} {kind}")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise TransientError(
                f"the store cannot be used ({error})",
                where=str(self._path),
                mend="free space on its disk, and let the hub's user write there",
            ) from error

    def write(self, cells: Sequence[Cell]) -> None:
        """Insert cells in one transaction; a cell already there is left as it is."""
        marks = ", ".join("?" * len(_COLUMNS))
        statement = f"INSERT OR IGNORE INTO {self._table} VALUES ({marks})"  # noqa: S608 checked name
        with self._translated(), closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.executemany(statement, [_row(cell) for cell in cells])
                cursor.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")

    def read(self, start: int, end: int) -> list[Cell]:
        """Give the cells whose windows start in [start, end), by start and name."""
        query = (
            f"SELECT * FROM {self._table} "  # noqa: S608 checked name
            "WHERE window_start >= ? AND window_start < ? ORDER BY window_start, cell"
        )
        first, last = (rfc3339(max(0, instant) + 999_999_999) for instant in (start, end))
        with self._translated():
            rows = self._connection.execute(query, (first, last)).fetchall()
        return [_cell(row) for row in rows]

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:  # noqa: ARG002 the contract's
        """Give nothing: what was committed stays."""
        return []

    def close(self) -> None:
        """Close the file."""
        with self._translated():
            self._connection.close()


def _row(cell: Cell) -> tuple[Any, ...]:
    content = cell.model_dump(exclude={"v", "window"})
    content |= {"window_start": cell.window.start, "window_end": cell.window.end}
    content["marks"] = json.dumps(cell.marks)
    return tuple(content[name] for name, _ in _COLUMNS)


def _cell(row: sqlite3.Row) -> Cell:
    content: dict[str, Any] = dict(row)
    window = {"start": content.pop("window_start"), "end": content.pop("window_end")}
    content["marks"] = json.loads(content["marks"])
    return Cell.model_validate({"v": 1, "window": window, **content})
