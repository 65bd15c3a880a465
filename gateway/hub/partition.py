"""The partition: which atoms are summed into which cell, chosen once a period from earlier data.

Pooling in a fixed order gives a partition, the search betters it. Every atom is in at most one
cell, so no two cells of a window overlap and nothing can be subtracted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.hub_plan import Order, Rules
from gateway.hub.evidence import Atoms, Evidence
from gateway.hub.pooling import pooled
from gateway.hub.search import searched
from gateway.hub.table import Group, Label, Table
from gateway.wire import slug

HISTORY = 60
"""How many earlier windows a partition is chosen from, at most."""
ENOUGH = 4
"""Fewer earlier windows than this are pooled in the fixed order: a search would fit them alone."""
_PLACE = 100


@dataclass(frozen=True, slots=True)
class CellPlan:
    """One cell of a partition: its name in topics and stores, its label, its atoms."""

    name: str
    label: Label
    atoms: Atoms


@dataclass(frozen=True, slots=True)
class Partition:
    """The cells of a group in a period, and the members that count in them until it ends."""

    group: Group
    members: frozenset[str]
    cells: tuple[CellPlan, ...]


def choose(
    group: Group,
    tables: Sequence[Table],
    members: Iterable[str],
    rules: Rules,
    order: Order = "search",
    digits: int = 0,
) -> Partition:
    """Choose a group's partition from earlier windows; it has no cells when none would be safe.

    Where `digits` is above 0, no cell cuts a code to fewer digits, or gives up a band.
    """
    evidence = Evidence(tables, rules, digits)
    owners = {part.owner for table in tables for part in table}
    if len(owners) < rules.k and not rules.waived_below_k:
        # No sum over so few is safe; they would be searched again with each window.
        return without_cells(group, members)
    cells = pooled(evidence)
    if order == "search" and len(tables) >= ENOUGH:
        cells = searched(evidence, cells)
    return Partition(group, frozenset(members), named(group, [cell.atoms for cell in cells]))


def choose_or_begin(
    group: Group,
    earlier: Sequence[Table],
    present: Table,
    members: Iterable[str],
    rules: Rules,
    order: Order,
    digits: int = 0,
) -> Partition:
    """Choose from earlier windows, else begin with what the present one allows."""
    members = frozenset(members)
    partition = choose(group, earlier, members, rules, order, digits)
    if partition.cells:
        return partition
    return choose(group, [present], members, rules, order, digits)


def without_cells(group: Group, members: Iterable[str]) -> Partition:
    """Give the partition of a hub that releases nothing itself: only who counts in the period."""
    return Partition(group, frozenset(members), ())


def named(group: Group, cells: list[Atoms]) -> tuple[CellPlan, ...]:
    """Name cells after what their atoms have in common; no two names are the same."""
    labels = [(Label.of(atoms), atoms) for atoms in cells]
    found: dict[str, CellPlan] = {}
    for label, atoms in sorted(
        labels, key=lambda cell: (repr(cell[0]), repr(sorted(cell[1], key=repr)))
    ):
        # A cell whose label covers another cell's holds only the rest, and its name says so.
        rest = any(label.covers(other) for other, held in labels if held != atoms)
        name = cell_name(group, label, "rest" if rest else "")
        number = 2
        while name in found:
            name = f"{cell_name(group, label, 'rest')}-{number}"
            number += 1
        found[name] = CellPlan(name, label, atoms)
    return tuple(found.values())


def cell_name(group: Group, label: Label, suffix: str = "") -> str:
    """Name a cell after its label, such as `material-10-09-all-surplus-t`."""
    code = (label.code or "").replace("*", " hazardous")
    place = slug(label.place)[:_PLACE].strip("-")
    return slug(group.kind, code, label.band or "", place, group.direction, group.unit, suffix)
