"""The pool's cells in a peer's ledger: taken in order, once, under the federation's name."""

import json
import sqlite3

from gateway.contract import Cell
from gateway.federation import Pooled
from gateway.hub.database import Database
from gateway.wire import Contributors, nanoseconds

PREFIX = "federation"
_LONGEST = 200
_LEAST: dict[Contributors | None, int] = {
    None: 0,
    "1-2": 1,
    "3-5": 3,
    "6-10": 6,
    "11-20": 11,
    ">20": 21,
}


def place_of(federation: str, place: str) -> str:
    """Give the place of a pool's cell on a peer's feed: under the federation, all of it or one."""
    return f"{PREFIX}/{federation}" + ("" if place == "all" else f"/{place}")


def have(database: Database, federation: str) -> int:
    """Give the number of the last of the pool's cells that this hub has."""
    return int(database.meta(_key(federation)) or 0)


def _key(federation: str) -> str:
    return f"pooled_to:{federation}"


def take(database: Database, told: Pooled) -> int:
    """Store cells the pool tells of that are new; gives how many.

    Those that do not follow on what is known are left: the pool tells them again.
    """
    with database.change() as cursor:
        row = cursor.execute(
            "SELECT value FROM meta WHERE key = ?", (_key(told.federation),)
        ).fetchone()
        last = 0 if row is None else int(row[0])
        if told.after > last:
            return 0
        new = [one for one in told.cells if one.number > last]
        count = sum(_insert(cursor, told.federation, one.cell) for one in new)
        if new:
            cursor.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                (_key(told.federation), str(max(one.number for one in new))),
            )
    return count


def _insert(cursor: sqlite3.Cursor, federation: str, cell: Cell) -> int:
    name = f"{PREFIX}-{federation}-{cell.cell}"[:_LONGEST]
    cursor.execute(
        'INSERT OR IGNORE INTO cells (name, start, "end", kind, direction, unit, code, place, band,'
        " status, listed, quantity, coverage, owners, marks, reason, parts, decided, told, noise) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, '', '[]', ?, ?, ?)",
        (
            name,
            nanoseconds(cell.window.start),
            nanoseconds(cell.window.end),
            cell.kind,
            cell.direction,
            cell.unit,
            cell.code,
            place_of(federation, cell.place),
            cell.band,
            cell.status,
            cell.quantity or 0.0,
            cell.coverage or 0.0,
            _LEAST[cell.contributors],
            json.dumps(cell.marks),
            nanoseconds(cell.released),
            cell.quantity,
            cell.noise,
        ),
    )
    return max(0, cursor.rowcount)
