"""What was withheld of each cell in a period so far, summed on from window to window.

What is decided stays as it is and windows are decided in order, so that of a period only what was
decided since is read: made anew with each window, the sums would take the longer the more windows
the period has had.
"""

from collections.abc import Mapping
from typing import NamedTuple

from gateway.hub.database import Database
from gateway.hub.rest import Rest
from gateway.hub.table import Group


class _Summed(NamedTuple):
    """Sums of windows that start in [first, before), by cell and owner."""

    first: int
    before: int
    sums: Mapping[str, Rest]


class Rests:
    """Sums of what was withheld, of each group as far as they were asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[Group, bool], _Summed] = {}

    def of(
        self, group: Group, first: int, before: int, *, apart: bool = False
    ) -> Mapping[str, Rest]:
        """Sum what was withheld of each cell of partitions in windows from `first`, by owner.

        With `apart` it is by member and owner, as `member|owner`. Windows that start before
        `before` are in it, and all of them must have been decided.
        """
        known = self._known.get((group, apart))
        if known is None or known.first != first or known.before > before:
            known = _Summed(first, first, {})
        sums = {name: dict(owned) for name, owned in known.sums.items()}
        for name, owner, quantity in self._read(group, known.before, before, apart=apart):
            owned = sums.setdefault(name, {})
            owned[owner] = owned.get(owner, 0.0) + quantity
        self._known[group, apart] = _Summed(first, before, sums)
        return sums

    def _read(
        self, group: Group, first: int, before: int, *, apart: bool
    ) -> list[tuple[str, str, float]]:
        """Sum what was withheld in windows that start in [first, before)."""
        owner = "json_extract(value, '$[1]')"
        if apart:
            owner = f"json_extract(value, '$[0]') || '|' || {owner}"
        with self._database.look() as cursor:
            cursor.row_factory = None
            return cursor.execute(
                f"SELECT name, {owner} AS owner, "  # noqa: S608 constants
                "sum(json_extract(value, '$[3]')) AS quantity FROM cells, json_each(cells.parts) "
                "WHERE status = 'withheld' AND listed = 1 AND kind = ? AND direction = ? "
                "AND unit = ? AND start >= ? AND start < ? GROUP BY name, owner",
                (*group, first, before),
            ).fetchall()
