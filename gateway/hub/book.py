"""The ledger's release side: what is undecided, what was decided, and how far it has got."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from pydantic_core import to_json

from config.plan import Kind
from gateway.contract import Cell
from gateway.hub.calendar import Window
from gateway.hub.database import Database
from gateway.hub.partition import CellPlan, Partition
from gateway.hub.rests import Rests
from gateway.hub.rollup import Decision, contributors, told_coverage, told_marks
from gateway.hub.sheet import COLUMNS, Sheet, sheet_of
from gateway.hub.summing import sums
from gateway.hub.table import Atom, Contribution, Group, Label
from gateway.wire import FigureKind, rfc3339


class Numbered(NamedTuple):
    """A decided cell and its number in the ledger."""

    number: int
    cell: Cell


class Book:
    """Decisions in the ledger: each cell once, each sheet in exactly one window."""

    def __init__(self, database: Database, cluster: str) -> None:
        self.database = self._database = database
        self._cluster = cluster
        self._floor = int(database.meta("floor") or 0)
        self.rests = Rests(database)

    def decided_to(self, kind: Kind) -> int:
        """Give the end of the last decided window of a kind, 0 before the first."""
        with self._database.look() as cursor:
            row = cursor.execute(
                "SELECT decided_to FROM calendars WHERE kind = ?", (kind,)
            ).fetchone()
        return max(self._floor, 0 if row is None else row[0])

    def earliest(self, kind: Kind, wait: int) -> int | None:
        """Give the earliest instant from which a kind's undecided figures ask for a window.

        That is their own start while its window is undecided. A figure that came too late for its
        window asks for one that was not yet due (`wait` after its end) when it came: past windows
        that nobody reported in are not filled with it.
        """
        decided_to = self.decided_to(kind)
        # Asked apart: the first answer stands in an index, whatever the number that waits.
        with self._database.look() as cursor:
            (own,) = cursor.execute(
                "SELECT min(start) FROM sheets "
                "WHERE kind = ? AND counted IS NULL AND superseded = 0 AND start >= ?",
                (kind, decided_to),
            ).fetchone()
            (late,) = cursor.execute(
                "SELECT min(max(?2, records.received - ?3)) "
                "FROM sheets JOIN records ON records.id = sheets.record "
                "WHERE kind = ?1 AND counted IS NULL AND superseded = 0 AND sheets.start < ?2",
                (kind, decided_to, wait),
            ).fetchone()
        return min((int(one) for one in (own, late) if one is not None), default=None)

    def undecided(self, kind: Kind, before: int) -> list[Sheet]:
        """List a kind's undecided sheets of records that start before an instant."""
        return self._sheets(
            "kind = ? AND counted IS NULL AND superseded = 0 AND start < ? "
            # In the order of the index they are found by: nothing is sorted.
            "ORDER BY start, record, position",
            (kind, before),
        )

    def _sheets(self, condition: str, values: tuple[object, ...]) -> list[Sheet]:
        query = f"SELECT {COLUMNS} FROM sheets WHERE {condition}"  # noqa: S608 constants
        with self._database.look() as cursor:
            cursor.row_factory = None  # tuples, which are taken apart at once
            return [sheet_of(row) for row in cursor.execute(query, values)]

    def groups(self) -> list[Group]:
        """List the groups there are figures of."""
        with self._database.look() as cursor:
            rows = cursor.execute("SELECT DISTINCT kind, direction, unit FROM sheets").fetchall()
        return sorted(Group(*row) for row in rows)

    def reach(self, group: Group) -> tuple[int, int] | None:
        """Give the starts of a group's earliest and latest figure."""
        where = "FROM sheets WHERE kind = ?1 AND direction = ?2 AND unit = ?3"
        # Asked apart, each stands at an end of the index.
        query = f"SELECT (SELECT min(start) {where}), (SELECT max(start) {where})"
        with self._database.look() as cursor:
            row = cursor.execute(query, group).fetchone()
        return None if row[0] is None else (int(row[0]), int(row[1]))

    def summed(self, group: Group, span: Window) -> list[Contribution]:
        """Sum a group's figures, decided or not, of records that start within a span.

        For choosing partitions: quantities only, without coverage and marks.
        """
        return sums(
            self._sheets(
                "kind = ? AND direction = ? AND unit = ? "
                "AND superseded = 0 AND start >= ? AND start < ?",
                (*group, *span),
            )
        )

    def partitions(self, period: str, kind: Kind) -> dict[Group, Partition]:
        """Read the partitions chosen for a period."""
        with self._database.look() as cursor:
            found = partitions_of(cursor, period)
        return {group: partition for group, partition in found.items() if group.kind == kind}

    def decide(
        self,
        kind: Kind,
        window: Window,
        chosen: Iterable[tuple[str, Partition]],
        decisions: Iterable[tuple[Group, Decision]],
        now: int,
        also: Callable[[sqlite3.Cursor], object] = lambda _: None,
    ) -> None:
        """Commit a window: partitions chosen for it, its cells, and that its sheets are counted.

        `also` commits what belongs to it with it.

        All sheets that `undecided(kind, window.end)` lists are counted in it, so nothing may be
        stored between that call and this one.
        """
        with self._database.change() as cursor:
            for period, partition in chosen:
                insert_partition(cursor, period, partition, now)
            for group, decision in decisions:
                insert_cell(cursor, group, window, decision, now)
            cursor.execute(
                "UPDATE sheets SET counted = ? "
                "WHERE kind = ? AND counted IS NULL AND superseded = 0 AND start < ?",
                (window.start, kind, window.end),
            )
            cursor.execute(
                "INSERT INTO calendars VALUES (?, ?) "
                "ON CONFLICT (kind) DO UPDATE SET decided_to = excluded.decided_to",
                (kind, window.end),
            )
            also(cursor)

    def unwritten(self, limit: int) -> list[Numbered]:
        """List the oldest released cells the store has not confirmed."""
        return self._pending("status = 'released' AND written IS NULL", limit)

    def unpublished(self, limit: int) -> list[Numbered]:
        """List the oldest listed cells the broker has not confirmed."""
        return self._pending("listed = 1 AND published IS NULL", limit)

    def _pending(self, condition: str, limit: int) -> list[Numbered]:
        query = f"SELECT * FROM cells WHERE {condition} ORDER BY number LIMIT ?"  # noqa: S608 constants
        with self._database.look() as cursor:
            rows = cursor.execute(query, (limit,)).fetchall()
        return [Numbered(row["number"], cell_of(row, self._cluster)) for row in rows]

    def mark_written(self, numbers: Sequence[int], now: int) -> None:
        """Note that the store has confirmed cells."""
        self._mark("UPDATE cells SET written = ? WHERE number = ?", numbers, now)

    def unsettled(self, until: int, limit: int) -> list[Numbered]:
        """List released cells confirmed by `until` that were not read back yet, oldest first.

        All that were confirmed at one instant come together, so there may be more than `limit`.
        """
        with self._database.look() as cursor:
            rows = cursor.execute(
                f"SELECT written FROM cells WHERE {_UNSETTLED} LIMIT ?",  # noqa: S608 constants
                (until, limit),
            ).fetchall()
            last = rows[-1]["written"] if rows else 0
            rows = cursor.execute(
                f"SELECT * FROM cells WHERE {_UNSETTLED}",  # noqa: S608 constants
                (last,),
            ).fetchall()
        return [Numbered(row["number"], cell_of(row, self._cluster)) for row in rows]

    def settle(self, numbers: Sequence[int], missing: Sequence[int]) -> None:
        """Note that cells were read back, and that some of them must be written again."""
        with self._database.change() as cursor:
            cursor.executemany(
                "INSERT INTO meta SELECT 'settled_to', written FROM cells WHERE number = ? "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                [(number,) for number in numbers[-1:]],
            )
            cursor.executemany(
                "UPDATE cells SET written = NULL WHERE number = ?", [(one,) for one in missing]
            )

    def mark_published(self, numbers: Sequence[int], now: int) -> None:
        """Note that the broker has confirmed cells."""
        self._mark("UPDATE cells SET published = ? WHERE number = ?", numbers, now)

    def _mark(self, statement: str, numbers: Sequence[int], now: int) -> None:
        with self._database.change() as cursor:
            cursor.executemany(statement, [(now, number) for number in numbers])


_UNSETTLED = (
    "status = 'released' AND written IS NOT NULL AND written <= ? AND written > coalesce("
    "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'settled_to'), 0) ORDER BY written"
)


def cell_of(row: sqlite3.Row, cluster: str) -> Cell:
    """Write a row of the ledger as the public cell: a withheld one tells nothing but that."""
    content: dict[str, Any] = {
        "v": 1,
        "cluster": cluster,
        "cell": row["name"],
        **{key: row[key] for key in ("kind", "code", "place", "band", "direction", "unit")},
        "window": {"start": rfc3339(row["start"]), "end": rfc3339(row["end"])},
        "status": row["status"],
        "released": rfc3339(row["decided"]),
    }
    if row["status"] == "released":
        content |= {"contributors": contributors(row["owners"]), **_told(row)}
    return Cell.model_validate(content)


def _told(row: sqlite3.Row) -> dict[str, Any]:
    if row["magnitude"]:
        return {"magnitude": row["magnitude"]}
    return {
        "quantity": row["quantity"] if row["told"] is None else row["told"],
        "noise": row["noise"],
        "coverage": told_coverage(row["coverage"]),
        "marks": told_marks(json.loads(row["marks"])),
    }


# The same few come again and again: made once, they are also compared by being the same object.
_atom = lru_cache(maxsize=65_536)(Atom)


def _partition(row: sqlite3.Row) -> Partition:
    group = Group(cast("FigureKind", row["kind"]), row["direction"], row["unit"])
    return _planned(group, row["content"])


@lru_cache(maxsize=64)
def _planned(group: Group, text: str) -> Partition:
    """Read a partition; the same few are read for each window of a period."""
    content = json.loads(text)
    cells = (
        CellPlan(cell["name"], Label(*cell["label"]), frozenset(_atom(*a) for a in cell["atoms"]))
        for cell in content["cells"]
    )
    return Partition(group, frozenset(content["members"]), tuple(cells))


def partitions_of(cursor: sqlite3.Cursor, period: str) -> dict[Group, Partition]:
    """Read the partitions chosen for a period."""
    rows = cursor.execute("SELECT * FROM partitions WHERE period = ?", (period,)).fetchall()
    found = [_partition(row) for row in rows]
    return {partition.group: partition for partition in found}


def insert_partition(cursor: sqlite3.Cursor, period: str, partition: Partition, now: int) -> None:
    """Store a partition chosen for a period."""
    cells = [
        {"name": cell.name, "label": cell.label, "atoms": sorted(cell.atoms, key=repr)}
        for cell in partition.cells
    ]
    content = {"members": sorted(partition.members), "cells": cells}
    cursor.execute(
        "INSERT INTO partitions VALUES (?, ?, ?, ?, ?, ?)",
        (period, *partition.group, json.dumps(content), now),
    )


def insert_cell(
    cursor: sqlite3.Cursor, group: Group, window: Window, decision: Decision, now: int
) -> None:
    """Store a decision; raises when its cell was decided for the window before."""
    # Plain tuples, which are written twice as fast as named ones.
    parts = [(member, owner, (*atom,), quantity, coverage)
             for member, owner, atom, quantity, coverage, _, _ in decision.parts]  # fmt: skip
    cursor.execute(
        'INSERT INTO cells (name, start, "end", kind, direction, unit, code, place, band, status, '
        "listed, quantity, coverage, owners, marks, reason, parts, decided, told, noise, "
        "magnitude) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            decision.name,
            *window,
            *group,
            *decision.label,
            decision.status,
            decision.listed,
            decision.quantity,
            decision.coverage,
            decision.owners,
            json.dumps(decision.marks),
            decision.reason,
            to_json(parts).decode(),
            now,
            decision.told,
            decision.noise,
            decision.magnitude,
        ),
    )
