"""Evidence: earlier windows, asked whether a set of atoms was safe in them, and its worth."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from config.hub_plan import Rules
from gateway.hub.safety import Share, beside, objection_to, weighed
from gateway.hub.table import ALL, Atom, Label, Table

Atoms = frozenset[Atom]
STEADY = 0.75
"""Share of the earlier windows a cell must have been safe in to be part of a partition."""
DIGITS = {3: 1.0, 2: 0.5, 1: 0.3, 0: 0.1}
"""What a tonne is worth at 6, 4 and 2 digits of its code, and as "all codes"."""
PLACE = 0.9
"""What is left of the worth for each level of place that is given up: places go before codes."""
MARGIN = 1.1
"""How many times its `p` the cells of a pool are chosen by: more guards, so they fail sooner."""
_APART = 5
BANDLESS = 0.3
"""What is left of the worth of heat without its temperature band."""


class Party(NamedTuple):
    """Whose quantities are told apart: an owner's, and in sums over hubs an owner's at a hub."""

    hub: str
    owner: str


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A set of atoms, and what each party had in it: one quantity for each earlier window.

    `guarded` are the parties of which not every site has waived; `depth` is that of the deepest
    place.
    """

    atoms: Atoms
    label: Label
    depth: int
    columns: dict[Party, list[float]]
    guarded: frozenset[Party]
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
    """Earlier windows of a group; `work` counts contributions looked at.

    A cell must keep `digits` of its codes, and its band, unless `digits` is 0.
    """

    def __init__(self, tables: Sequence[Table], rules: Rules, digits: int = 0) -> None:
        self.work = 0
        self._rules = replace(rules, p=rules.p * MARGIN) if rules.apart else rules
        self._digits = digits
        self._windows = len(tables)
        self._single = {held.atoms: held for held in _singles(tables, apart=rules.apart)}
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
        if not self._detailed(held):
            return Found(safe=False, worth=0.0)
        # Asked about each hub as well, a set is so much more work.
        self.work += self._windows * len(held.columns) * (_APART if self._rules.apart else 1)
        failures = math.floor(self._windows * (1 - STEADY))
        released: list[float] = []
        for size in self._apart(held) if self._rules.apart else self._together(held):
            if size is not None:
                released.append(size)
            else:
                failures -= 1
                if failures < 0:
                    return Found(safe=False, worth=0.0)
        # Each withheld window costs another, which guards it (`gateway.hub.rest`).
        kept = len(released) - (self._windows - len(released) if self._rules.guard_rest else 0)
        share = max(kept, 0) / len(released) if released else 0.0
        worth = share * math.fsum(released) * self.weight(held.label, held.depth)
        return Found(bool(released), worth)

    def _together(self, held: Held) -> Iterable[float | None]:
        """Give, for each window, the size of what would have been released, None when unsafe."""
        guarded = [held.columns[party] for party in held.columns if party in held.guarded]
        waived = [held.columns[party] for party in held.columns if party not in held.guarded]
        for window in range(self._windows):
            sizes = (
                [abs(column[window]) for column in guarded if column[window]],
                [abs(column[window]) for column in waived if column[window]],
            )
            safe = weighed(*sizes, self._rules) is None
            yield math.fsum((*sizes[0], *sizes[1])) if safe else None

    def _apart(self, held: Held) -> Iterable[float | None]:
        """Give the same for parties of several hubs."""
        owners = {party.owner for party in held.columns}
        if len(owners) == len(held.columns):
            return self._apart_alone(held)
        return self._apart_shared(held)

    def _apart_alone(self, held: Held) -> Iterable[float | None]:
        """Give it where no owner is at two hubs: nothing is netted, which takes most of the time.

        Hubs see each other's sums, so those of one hub alone need no guard.
        """
        parties = [(party.hub, party not in held.guarded) for party in held.columns]
        for quantities in zip(*held.columns.values(), strict=True):
            sizes = [
                (hub, waives, abs(quantity))
                for (hub, waives), quantity in zip(parties, quantities, strict=True)
                if quantity
            ]
            yield math.fsum(size for *_, size in sizes) if _unobjected(sizes, self._rules) else None

    def _apart_shared(self, held: Held) -> Iterable[float | None]:
        """Give it where an owner is at several hubs: netted over them, as when it is decided."""
        parties = [(*party, party not in held.guarded) for party in held.columns]
        for quantities in zip(*held.columns.values(), strict=True):
            parts = [
                (hub, owner, Share(quantity, waives))
                for (hub, owner, waives), quantity in zip(parties, quantities, strict=True)
            ]
            safe = objection_to(parts, self._rules) is None
            yield math.fsum(map(abs, quantities)) if safe else None

    def _detailed(self, held: Held) -> bool:
        if not self._digits:
            return True
        kept = _digits(held.label.code)
        if any(kept < min(self._digits, _digits(atom.code)) for atom in held.atoms):
            return False
        return held.label.band is not None or all(atom.band is None for atom in held.atoms)

    def weight(self, label: Label, deepest: int) -> float:
        """Weigh the detail of a label: code first, then band, then place."""
        code = DIGITS[_digits(label.code) // 2] if self._coded else 1
        band = BANDLESS if self._banded and label.band is None else 1.0
        return code * band * PLACE ** (deepest - depth_of(label.place))


def _unobjected(sizes: Sequence[tuple[str, bool, float]], rules: Rules) -> bool:
    """Tell whether sizes, each of a hub's owner that waives or not, are safe from all."""
    guarded, waived = _split(sizes)
    if weighed(guarded, waived, rules) is not None:
        return False
    hubs = {hub for hub, *_ in sizes}
    return len(hubs) == 1 or all(
        beside(*_split([one for one in sizes if one[0] != hub]), rules) is None for hub in hubs
    )


def _split(sizes: Iterable[tuple[str, bool, float]]) -> tuple[list[float], list[float]]:
    guarded: list[float] = []
    waived: list[float] = []
    for _, waives, size in sizes:
        (waived if waives else guarded).append(size)
    return guarded, waived


def _digits(code: str | None) -> int:
    return 0 if code is None else 2 * code.count(" ") + 2


def depth_of(place: str) -> int:
    """Count the parts of a place path; the whole cluster has none."""
    return 0 if place == ALL else place.count("/") + 1


def _singles(tables: Sequence[Table], *, apart: bool) -> Iterable[Held]:
    columns: dict[Atom, dict[Party, list[float]]] = defaultdict(dict)
    parts: dict[tuple[Atom, Party, int], list[float]] = defaultdict(list)
    guarded: dict[Atom, set[Party]] = defaultdict(set)
    for window, table in enumerate(tables):
        for part in table:
            party = Party(part.member if apart else "", part.owner)
            parts[part.atom, party, window].append(part.quantity)
            if not part.waives:
                guarded[part.atom].add(party)
    sizes: dict[Atom, list[float]] = defaultdict(list)
    for (atom, party, window), quantities in parts.items():
        column = columns[atom].setdefault(party, [0.0] * len(tables))
        column[window] = math.fsum(quantities)
        sizes[atom].extend(map(abs, quantities))
    for atom, parties in columns.items():
        ordered = dict(sorted(parties.items()))
        yield Held(
            frozenset({atom}),
            Label(*atom),
            depth_of(atom.place),
            ordered,
            frozenset(guarded[atom]),
            math.fsum(sizes[atom]),
        )
