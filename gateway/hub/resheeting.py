"""From rows to sheets: a ledger that has a row a figure gets a row a sheet instead, whole or not.

Every figure keeps what is known of it: whose it is, its quantity to the last bit, and whether it
was counted, and where. Figures of one record and group that differ in that (a ledger made anew
after damage may hold such) are put on sheets of their own.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from gateway.hub.calendar import Window
from gateway.hub.sheet import INSERT, Line, Row, Sheet, Whose, row_of
from gateway.hub.table import Group
from gateway.wire import Mark

Told = Callable[[int, int], object]
"""Hears of how many records, of how many, have been done."""
FORMER = """
  record TEXT NOT NULL, position INTEGER NOT NULL,
  member TEXT NOT NULL, owner TEXT NOT NULL, waives INTEGER NOT NULL,
  kind TEXT NOT NULL, direction TEXT NOT NULL, unit TEXT NOT NULL,
  code TEXT, place TEXT NOT NULL, band TEXT,
  quantity REAL NOT NULL, coverage REAL NOT NULL, marks TEXT NOT NULL,
  start INTEGER NOT NULL, "end" INTEGER NOT NULL,
  counted INTEGER, superseded INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (record, position)
"""
"""The columns of a table of rows."""


def resheet(cursor: sqlite3.Cursor, tables: str, told: Told) -> None:
    """Make `tables` and fill them from the table `figures`, which is dropped.

    Runs in the caller's transaction.
    """
    cursor.execute("ALTER TABLE figures RENAME TO former")
    for statement in filter(str.strip, tables.split(";")):
        cursor.execute(statement)
    fill(cursor, "former", told)
    cursor.execute("DROP TABLE former")


def fill(cursor: sqlite3.Cursor, former: str, told: Told = lambda _done, _all: None) -> None:
    """Write the sheets of a table of rows, oldest windows first, which are then read together."""
    cursor.row_factory = None
    records = cursor.execute(_RECORDS.format(former=former)).fetchall()
    query = _ROWS.format(former=former)
    for done, (record,) in enumerate(records):
        told(done, len(records))
        cursor.executemany(INSERT, list(_sheets(cursor.execute(query, (record,)).fetchall())))


# Each step finds the next record in the primary key: the rows between are not read.
_RECORDS = """
WITH RECURSIVE known (id) AS (
  SELECT min(record) FROM {former}
  UNION ALL
  SELECT (SELECT min(record) FROM {former} WHERE record > id) FROM known WHERE id IS NOT NULL
)
SELECT id FROM known WHERE id IS NOT NULL
ORDER BY (SELECT start FROM {former} WHERE record = id LIMIT 1), id
"""
_ROWS = """
SELECT record, member, owner, waives, place, kind, direction, unit, start, "end", counted,
  superseded, position, code, band, quantity, coverage, marks
FROM {former} WHERE record = ? ORDER BY position
"""


@lru_cache(maxsize=1024)
def _marks(text: str) -> tuple[Mark, ...]:
    return tuple(json.loads(text))


def _sheets(rows: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    """Put the rows of one record, in order, on sheets."""
    found: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for *of, position, code, band, quantity, coverage, marks in rows:
        found[tuple(of)].append((position, code, band, quantity, coverage, _marks(marks)))
    for (record, *of), lines in found.items():
        whose, group, window = Whose(*of[:4]), Group(*of[4:7]), Window(*of[7:9])
        counted, superseded = of[9:]
        sheet = Sheet(record, whose, group, window, lines)
        yield row_of(sheet, counted, superseded=superseded)
