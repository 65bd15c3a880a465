"""Evidence: earlier windows, asked whether a set of atoms was safe in them, and its worth."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.hub_plan import Rules
from gateway.hub.safety import weighed
from gateway.hub.table import ALL, Atom, Label, Table

Atoms = frozenset[Atom]
STEADY = 0.75
"""Share of the earlier windows a cell must have been safe in to be part of a partition."""
DIGITS = {3: 1.0, 2: 0.5, 1: 0.3, 0: 0.1}
"""What a tonne is worth at 6, 4 and 2 digits of its code, and as "all codes"."""
PLACE = 0.9
"""What is left of the worth for each level of place that is given up: places go before codes."""
BANDLESS = 0.3
"""What is left of the worth of heat without its temperature band."""


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A set of atoms, and what each owner had in it: one quantity for each earlier window.

    `guarded` are the owners of which not every site has waived; `depth` is that of the deepest
    place.
    """

    atoms: Atoms
    label: Label
    depth: int
    columns: dict[str, list[float]]
    guarded: frozenset[str]
    size: float

    def joined(self, other: "Held") -> "Held":
        """Pool with a set that shares no atom with this one."""
        columns = dict(self.columns)
        for owner, column in other.columns.items():
            mine = columns.get(owner)
            columns[owner] = column if mine is None else list(map(float.__add__, mine, column))
        return Held(
            self.atoms | other.atoms,
            self.label.joined(other.label),
            max(self.depth, other.depth),
            columns,
            self.guarded | other.guarded,
            self.size + other.size,
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a set is steady enough for a cell, and what its releases would have been worth."""

    safe: bool
    worth: float


class Evidence:
    """Earlier windows of a group; `work` counts contributions looked at."""

    def __init__(self, tables: Sequence[Table], rules: Rules) -> None:
        self.work = 0
        self._rules = rules
        self._windows = len(tables)
        self._single = {held.atoms: held for held in _singles(tables)}
        atoms = [atom for held in self._single for atom in held]
        self._coded = any(atom.code is not None for atom in atoms)
        self._banded = any(atom.band is not None for atom in atoms)
        self._known: dict[Atoms, Found] = {}

    @property
    def atoms(self) -> list[Held]:
        """Give each atom by itself, in a fixed order."""
        return sorted(self._single.values(), key=lambda held: repr(sorted(held.atoms)))

    def held(self, atoms: Iterable[Atom]) -> Held:
        """Pool atoms (at least one)."""
        first, *rest = (self._single[frozenset({atom})] for atom in sorted(atoms, key=repr))
        for one in rest:
            first = first.joined(one)
        return first

    def found(self, held: Held) -> Found:
        """Judge a set; the same set is judged once."""
        known = self._known.get(held.atoms)
        if known is None:
            known = self._known[held.atoms] = self._judge(held)
        return known

    def safe(self, held: Held) -> bool:
        """Tell whether a set was safe in enough of the windows to become a cell."""
        return self.found(held).safe

    def worth(self, held: Held) -> float:
        """Give the quantity that would have been released, weighted by detail; 0 when not safe."""
        return self.found(held).worth

    def _judge(self, held: Held) -> Found:
        self.work += self._windows * len(held.columns)
        failures = math.floor(self._windows * (1 - STEADY))
        released: list[float] = []
        for guarded, waived in self._sizes(held):
            if weighed(guarded, waived, self._rules) is None:
                released.append(math.fsum((*guarded, *waived)))
            else:
                failures -= 1
                if failures < 0:
                    return Found(safe=False, worth=0.0)
        return Found(bool(released), math.fsum(released) * self.weight(held.label, held.depth))

    def _sizes(self, held: Held) -> Iterable[tuple[list[float], list[float]]]:
        """Give, for each window, the sizes of contributions of guarded and of waiving owners."""
        guarded = [held.columns[owner] for owner in held.columns if owner in held.guarded]
        waived = [held.columns[owner] for owner in held.columns if owner not in held.guarded]
        for window in range(self._windows):
            yield (
                [abs(column[window]) for column in guarded if column[window]],
                [abs(column[window]) for column in waived if column[window]],
            )

    def weight(self, label: Label, deepest: int) -> float:
        """Weigh the detail of a label: code first, then band, then place."""
        code = DIGITS[0 if label.code is None else label.code.count(" ") + 1] if self._coded else 1
        band = BANDLESS if self._banded and label.band is None else 1.0
        return code * band * PLACE ** (deepest - depth_of(label.place))


def depth_of(place: str) -> int:
    """Count the parts of a place path; the whole cluster has none."""
    return 0 if place == ALL else place.count("/") + 1


def _singles(tables: Sequence[Table]) -> Iterable[Held]:
    columns: dict[Atom, dict[str, list[float]]] = defaultdict(dict)
    parts: dict[tuple[Atom, str, int], list[float]] = defaultdict(list)
    guarded: dict[Atom, set[str]] = defaultdict(set)
    for window, table in enumerate(tables):
        for part in table:
            parts[part.atom, part.owner, window].append(part.quantity)
            if not part.waives:
                guarded[part.atom].add(part.owner)
    sizes: dict[Atom, list[float]] = defaultdict(list)
    for (atom, owner, window), quantities in parts.items():
        column = columns[atom].setdefault(owner, [0.0] * len(tables))
        column[window] = math.fsum(quantities)
        sizes[atom].extend(map(abs, quantities))
    for atom, owners in columns.items():
        ordered = dict(sorted(owners.items()))
        yield Held(
            frozenset({atom}),
            Label(*atom),
            depth_of(atom.place),
            ordered,
            frozenset(guarded[atom]),
            math.fsum(sizes[atom]),
        )
