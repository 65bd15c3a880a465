"""Pooling: a partition in a fixed order, places before codes before bands.

Start at the finest cells; those that are safe stand; the others are pooled with their unsafe
siblings, level by level. What is left over is taken in by the smallest safe sibling that stays safe
with it ("rescue").
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from gateway.hub.evidence import Evidence, Held
from gateway.hub.table import Atom, Label, coarser_code, coarser_place

WORTH = 0.05
"""A rescue that coarsens a safe cell must add at least this share of the cell's quantity."""


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


def pooled(evidence: Evidence) -> list[Held]:
    """Pool the atoms of some earlier windows into cells that were safe in them."""
    loose = evidence.atoms
    levels = _levels([atom for held in loose for atom in held.atoms])
    safe: list[Held] = []
    for position, level in enumerate(levels):
        pools = _pool(loose, level.key)
        loose = []
        for held in pools:
            (safe if evidence.safe(held) else loose).append(held)
        # Rescued where a step would cost most: before codes are cut, before they are given up.
        if position in (len(levels) - 4, len(levels) - 2, len(levels) - 1):
            loose = _rescue(loose, safe, evidence, level.key)
    return safe


def _levels(atoms: Sequence[Atom]) -> list[_Level]:
    deepest = max((atom.place.count("/") + 1 for atom in atoms), default=1)
    places = [_Level(depth, 6, True) for depth in range(deepest, -1, -1)]
    return [*places, _Level(0, 4, True), _Level(0, 2, True), _Level(0, 0, False)]


def _pool(loose: Iterable[Held], key: Callable[[Atom], Label]) -> list[Held]:
    pools: dict[Label, list[Held]] = defaultdict(list)
    for held in loose:
        pools[key(next(iter(held.atoms)))].append(held)
    return [reduce(Held.joined, pool) for pool in pools.values()]


def _rescue(
    loose: list[Held], safe: list[Held], evidence: Evidence, key: Callable[[Atom], Label]
) -> list[Held]:
    """Let safe siblings take in what is left over; gives what still is, changes `safe`."""
    left = []
    for held in sorted(loose, key=lambda one: (-one.size, repr(sorted(one.atoms, key=repr)))):
        place = key(next(iter(held.atoms)))
        siblings = [cell for cell in safe if place.covers(cell.label)]
        host = _host(held, siblings, evidence)
        if host is None:
            left.append(held)
        else:
            safe[safe.index(host)] = host.joined(held)
    return left


def _host(held: Held, siblings: list[Held], evidence: Evidence) -> Held | None:
    costs = [(cell.joined(held).label != cell.label, cell.size) for cell in siblings]
    for position in sorted(range(len(siblings)), key=costs.__getitem__):
        (coarsened, size), cell = costs[position], siblings[position]
        if (not coarsened or held.size >= WORTH * size) and evidence.safe(cell.joined(held)):
            return cell
    return None
