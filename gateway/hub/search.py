"""The search: betters a partition by taking some of its cells apart and putting them together anew.

Large neighbourhood search: in each step a few neighbouring cells and what lies loose near them are
broken into pieces; pieces that are safe stand, the others join each other or a neighbour, whichever
is worth most. A step that loses more than a little worth is taken back. Steps are drawn by a
generator with a fixed seed and bounded by work done, not by time: the same data give the same
partition.
"""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce

from gateway.hub.evidence import Evidence, Held
from gateway.hub.table import Label, coarser_code

WORK = 6_000_000
"""Most work a search does, in contributions looked at: a few seconds."""
STEPS = 4_000
"""Most steps a search takes."""
PATIENCE = 600
"""Steps without a better partition after which it ends."""
HEAT = 0.1
"""How much of a cell's average worth a step may lose at first, so that dead ends are left."""
_NEAR = 8
_COMPANY = 10
_LOOSE = 16
_SEED = 1


def searched(evidence: Evidence, cells: Sequence[Held]) -> list[Held]:
    """Better a partition; gives one that was worth at least as much in the evidence."""
    return _Search(evidence, cells).run()


class _Search:
    def __init__(self, evidence: Evidence, cells: Sequence[Held]) -> None:
        self._evidence = evidence
        self._draw = random.Random(_SEED)  # noqa: S311 - choices to try, no secret
        self._cells = list(cells)
        covered = {atom for cell in cells for atom in cell.atoms}
        self._loose = [held for held in evidence.atoms if not held.atoms <= covered]
        self._weights: dict[tuple[Label, Label, int], float] = {}

    def run(self) -> list[Held]:
        best, worth = list(self._cells), self._worth(self._cells)
        since = 0
        for step in range(STEPS):
            if self._evidence.work > WORK or since > PATIENCE or not (self._cells or self._loose):
                break
            self._step(worth * HEAT * (1 - step / STEPS) / (1 + len(self._cells)))
            now, since = self._worth(self._cells), since + 1
            if now > worth:
                best, worth, since = list(self._cells), now, 0
        return best

    def _step(self, slack: float) -> None:
        """Rebuild a neighbourhood; keep the result unless it is worth less by more than `slack`."""
        centre = self._draw.choice(self._cells + self._loose)
        near = self._nearest(centre, self._cells, _NEAR)
        some = near[: self._draw.randint(0 if centre in self._loose else 1, 5)]
        broken = self._pieces(some)
        strays = self._nearest(centre, self._loose, self._draw.randint(1, _LOOSE))
        hosts = [cell for cell in near if cell not in some]
        built, left = self._rebuilt([*broken, *strays], hosts)
        if self._worth(built) < self._worth([*some, *hosts]) - slack * self._draw.random():
            return
        gone = {id(held) for held in (*some, *hosts, *strays)}
        self._cells = [cell for cell in self._cells if id(cell) not in gone] + built
        self._loose = [held for held in self._loose if id(held) not in gone]
        self._loose += [self._evidence.held([atom]) for held in left for atom in held.atoms]

    def _worth(self, cells: Iterable[Held]) -> float:
        return math.fsum(self._evidence.worth(cell) for cell in cells)

    def _nearest(self, centre: Held, among: Sequence[Held], count: int) -> list[Held]:
        """Give those that would lose least detail beside the centre, chance deciding ties."""
        jitter = self._draw.random
        ranked = [(-self._beside(centre, one) - 0.3 * jitter(), n) for n, one in enumerate(among)]
        return [among[n] for _, n in sorted(ranked)[:count]]

    def _beside(self, one: Held, other: Held) -> float:
        key = one.label, other.label, max(one.depth, other.depth)
        known = self._weights.get(key)
        if known is None:
            known = self._evidence.weight(one.label.joined(other.label), key[2])
            self._weights[key] = known
        return known

    def _pieces(self, cells: Iterable[Held]) -> list[Held]:
        """Break cells into atoms, or by code and band, whole places together."""
        digits = self._draw.choice((None, 6, 6, 4))
        found: dict[object, list[Held]] = defaultdict(list)
        for cell in cells:
            for atom in sorted(cell.atoms, key=repr):
                key = atom if digits is None else (coarser_code(atom.code, digits), atom.band)
                found[key].append(self._evidence.held([atom]))
        return [reduce(Held.joined, group) for group in found.values()]

    def _rebuilt(self, pieces: list[Held], hosts: Sequence[Held]) -> tuple[list[Held], list[Held]]:
        """Put pieces together: gives cells (the hosts among them) and what is left over."""
        cells = [*hosts, *(piece for piece in pieces if self._evidence.safe(piece))]
        pending = [piece for piece in pieces if not self._evidence.safe(piece)]
        if self._draw.random() < 0.5:  # noqa: PLR2004 - as often as not
            pending.sort(key=lambda piece: -piece.size)
        else:
            self._draw.shuffle(pending)
        left = []
        while pending:
            piece = pending.pop(0)
            if not self._joined_host(piece, pending, cells):
                left.append(piece)
        return cells, left

    def _joined_host(self, piece: Held, pending: list[Held], cells: list[Held]) -> bool:
        """Put a piece where it is worth most: in a cell, or with others that wait."""
        company = self._company(piece, pending)
        gain = self._evidence.worth(company[0]) if company else 0.0
        host = self._host(piece, cells)
        if host is not None and host[0] >= gain:
            cells[host[1]] = cells[host[1]].joined(piece)
            return True
        if not company:
            return False
        cells.append(company[0])
        pending[:] = [one for one in pending if all(one is not taken for taken in company[1])]
        return True

    def _host(self, piece: Held, cells: Sequence[Held]) -> tuple[float, int] | None:
        """Find the cell that gains most by a piece: the gain, and which it is."""
        ranked = sorted((-self._expected(piece, cell), n) for n, cell in enumerate(cells))
        best: tuple[float, int] | None = None
        for less, n in ranked[:_NEAR]:
            if -less <= (best[0] if best else 0.0):
                break
            gain = self._evidence.worth(cells[n].joined(piece)) - self._evidence.worth(cells[n])
            if gain > (best[0] if best else 0.0):
                best = gain, n
        return best

    def _expected(self, piece: Held, cell: Held) -> float:
        own = self._evidence.weight(cell.label, cell.depth)
        return self._beside(piece, cell) * (piece.size + cell.size) - own * cell.size

    def _company(self, piece: Held, pending: Sequence[Held]) -> tuple[Held, list[Held]] | None:
        """Pool a piece with the nearest others until they are safe together."""
        taken: list[Held] = []
        for other in self._nearest(piece, pending, _COMPANY):
            piece = piece.joined(other)
            taken.append(other)
            if self._evidence.safe(piece):
                return piece, taken
        return None
