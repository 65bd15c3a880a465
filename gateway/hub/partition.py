"""The partition: which atoms are summed into which cell, chosen once a period from earlier data.

Roll-up: start at the finest cells; those that are safe stand; the others are pooled with their
unsafe siblings, level by level, places before codes before bands. What is left over is taken in by
the smallest safe sibling that stays safe with it ("rescue"). Everything under one code, place and
band is in at most one cell, so no two cells of a window overlap and nothing can be subtracted.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from config.hub_plan import Rules
from gateway.contract import slug
from gateway.hub.safety import Share, objection
from gateway.hub.table import Atom, Group, Label, Table, coarser_code, coarser_place

Atoms = frozenset[Atom]
STEADY = 0.75
"""Share of the earlier windows a cell must have been safe in to be part of a partition."""
WORTH = 0.05
"""A rescue that coarsens a safe cell must add at least this share of the cell's quantity."""
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


class _Level(NamedTuple):
    depth: int
    digits: int
    banded: bool

    def key(self, atom: Atom) -> Label:
        return Label(
            coarser_code(atom.code, self.digits),
            coarser_place(atom.place, self.depth),
            atom.band if self.banded else None,
        )


class _Evidence:
    """Earlier windows, asked whether a set of atoms would have been safe in them."""

    def __init__(self, tables: Sequence[Table], rules: Rules) -> None:
        self._rules = rules
        self._tables = [_by_atom(table) for table in tables]
        self._size = {
            atom: math.fsum(
                abs(share.quantity) for table in self._tables for _, share in table.get(atom, ())
            )
            for atom in {atom for table in self._tables for atom in table}
        }

    @property
    def atoms(self) -> list[Atom]:
        return sorted(self._size, key=repr)

    def size(self, atoms: Atoms) -> float:
        return math.fsum(self._size[atom] for atom in atoms)

    def safe(self, atoms: Atoms) -> bool:
        held = [net(share for atom in atoms for share in t.get(atom, ())) for t in self._tables]
        passed = sum(objection(shares, self._rules) is None for shares in held)
        return passed > 0 and passed >= STEADY * len(self._tables)


def _by_atom(table: Table) -> dict[Atom, list[tuple[str, Share]]]:
    found: dict[Atom, list[tuple[str, Share]]] = defaultdict(list)
    for part in table:
        found[part.atom].append((part.owner, Share(part.quantity, part.waives)))
    return found


def net(shares: Iterable[tuple[str, Share]]) -> dict[str, Share]:
    """Sum shares by owner; an owner waives only when all of its sites in the sum do."""
    found: dict[str, list[Share]] = defaultdict(list)
    for owner, share in shares:
        found[owner].append(share)
    return {
        owner: Share(math.fsum(s.quantity for s in own), all(s.waives for s in own))
        for owner, own in found.items()
    }


def choose(
    group: Group, tables: Sequence[Table], members: Iterable[str], rules: Rules
) -> Partition:
    """Choose a group's partition from earlier windows; it has no cells when none would be safe."""
    evidence = _Evidence(tables, rules)
    cells = _roll_up(evidence, _levels(evidence.atoms))
    return Partition(group, frozenset(members), _named(group, cells))


def _levels(atoms: Sequence[Atom]) -> list[_Level]:
    deepest = max((atom.place.count("/") + 1 for atom in atoms), default=1)
    places = [_Level(depth, 6, True) for depth in range(deepest, -1, -1)]
    return [*places, _Level(0, 4, True), _Level(0, 2, True), _Level(0, 0, False)]


def _roll_up(evidence: _Evidence, levels: Sequence[_Level]) -> list[Atoms]:
    loose: list[Atoms] = [frozenset({atom}) for atom in evidence.atoms]
    safe: list[Atoms] = []
    for position, level in enumerate(levels):
        pooled = _pool(loose, level.key)
        loose = []
        for atoms in pooled:
            (safe if evidence.safe(atoms) else loose).append(atoms)
        # Rescued where a step would cost most: before codes are cut, before they are given up.
        if position in (len(levels) - 4, len(levels) - 2, len(levels) - 1):
            loose = _rescue(loose, safe, evidence, level.key)
    return safe


def _pool(loose: Iterable[Atoms], key: Callable[[Atom], Label]) -> list[Atoms]:
    pools: dict[Label, set[Atom]] = defaultdict(set)
    for atoms in loose:
        pools[key(next(iter(atoms)))] |= atoms
    return [frozenset(pool) for pool in pools.values()]


def _rescue(
    loose: list[Atoms], safe: list[Atoms], evidence: _Evidence, key: Callable[[Atom], Label]
) -> list[Atoms]:
    """Let safe siblings take in what is left over; gives what still is, changes `safe`."""
    left = []
    for atoms in sorted(loose, key=lambda a: (-evidence.size(a), repr(sorted(a, key=repr)))):
        place = key(next(iter(atoms)))
        siblings = [cell for cell in safe if place.covers(Label.of(cell))]
        host = _host(atoms, siblings, evidence)
        if host is None:
            left.append(atoms)
        else:
            safe[safe.index(host)] = host | atoms
    return left


def _host(atoms: Atoms, siblings: list[Atoms], evidence: _Evidence) -> Atoms | None:
    def cost(cell: Atoms) -> tuple[bool, float]:
        return Label.of(cell | atoms) != Label.of(cell), evidence.size(cell)

    added = evidence.size(atoms)
    for cell in sorted(siblings, key=cost):
        coarsened, size = cost(cell)
        if (not coarsened or added >= WORTH * size) and evidence.safe(cell | atoms):
            return cell
    return None


def _named(group: Group, cells: list[Atoms]) -> tuple[CellPlan, ...]:
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
