"""Roll-up: one window's contributions through a partition, into cells released and withheld.

Every contribution ends in exactly one decision, so quantities in and out are equal.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from config.hub_plan import Rules
from gateway.hub.calendar import Window
from gateway.hub.noise import Noise, noised
from gateway.hub.partition import CellPlan, Partition, cell_name
from gateway.hub.safety import Part, Share, net, objection_to
from gateway.hub.table import ALL, Atom, Contribution, Group, Label, Table
from gateway.wire import CellMagnitude, Contributors, Mark

NOT_PLANNED = "not in partition"
NOT_ON_ROSTER = "joined after the period began"
OTHER_PERIOD = "came after its quarter had ended"
Judge = Callable[[Iterable[Part], Rules], str | None]
_BANDS: tuple[tuple[int, Contributors], ...] = ((2, "1-2"), (5, "3-5"), (10, "6-10"), (20, "11-20"))


@dataclass(frozen=True, slots=True)
class Decision:
    """A cell's outcome in a window; `listed` cells are in the partition and told of publicly.

    `quantity`, `reason`, `owners` and `parts` of a withheld cell are for the hub's operator only.
    Where there is `noise` (percent of the largest contribution), `told` is the quantity with it.
    `magnitude` is for orders of magnitude, which have no quantity: "" where it is not told.
    """

    name: str
    label: Label
    status: Literal["released", "withheld"]
    listed: bool
    quantity: float
    coverage: float
    owners: int
    marks: tuple[Mark, ...]
    reason: str
    parts: tuple[Contribution, ...]
    told: float | None = None
    noise: float | None = None
    magnitude: CellMagnitude | Literal[""] | None = None


def contributors(owners: int) -> Contributors:
    """Tell a number of owners as a band."""
    return next((band for highest, band in _BANDS if owners <= highest), ">20")


COVERAGE = (0.95, 0.8, 0.5)
"""What a released cell's coverage is told as: the highest of these it reaches, else 0."""
_TOLD: frozenset[Mark] = frozenset({"late", "reclassified", "spread"})


def told_coverage(coverage: float) -> float:
    """Tell a mean coverage (0-1) as a step it reaches.

    The mean itself would tell each of a few contributors how long another was not measured.
    """
    return next((step for step in COVERAGE if coverage >= step), 0.0)


def told_marks(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Leave the marks a sum cannot be read without; others tell of one plant's meters alone."""
    return tuple(mark for mark in marks if mark in _TOLD)


def decide(
    partition: Partition,
    table: Table,
    rules: Rules,
    *,
    adopt: bool = False,
    judge: Judge = objection_to,
) -> tuple[Decision, ...]:
    """Decide every cell of the partition, and withhold what it does not cover.

    With `adopt`, an atom that no cell was planned with is summed in the finest that covers it.
    `judge` says why a sum is unsafe.
    """
    home = _homes(partition, table, adopt=adopt)
    parts: dict[str, list[Contribution]] = defaultdict(list)
    strays: dict[tuple[str, Label], list[Contribution]] = defaultdict(list)
    for part in table:
        cell = home.get(part.atom)
        if part.member not in partition.members:
            strays[NOT_ON_ROSTER, Label(*part.atom)].append(part)
        elif cell is None:
            strays[NOT_PLANNED, Label(*part.atom)].append(part)
        else:
            parts[cell.name].append(part)
    planned = (_planned(cell, parts[cell.name], rules, judge) for cell in partition.cells)
    return (*planned, *(_stray(partition.group, key, found) for key, found in strays.items()))


def _homes(partition: Partition, table: Table, *, adopt: bool) -> dict[Atom, CellPlan]:
    """Give the cell each atom of a table is summed in, if any."""
    home = {atom: cell for cell in partition.cells for atom in cell.atoms}
    for atom in sorted({part.atom for part in table} - home.keys(), key=repr) if adopt else ():
        fitting = [cell for cell in partition.cells if cell.label.covers(atom)]
        if fitting:
            home[atom] = max(fitting, key=lambda cell: (*_fineness(cell.label), cell.name))
    return home


def _fineness(label: Label) -> tuple[int, bool, int]:
    digits = 0 if label.code is None else label.code.count(" ") + 1
    return digits, label.band is not None, 0 if label.place == ALL else label.place.count("/") + 1


def withheld(group: Group, table: Table, reason: str) -> tuple[Decision, ...]:
    """Withhold contributions, each atom by itself, for a reason that is not the rules'."""
    parts: dict[Label, list[Contribution]] = defaultdict(list)
    for part in table:
        parts[Label(*part.atom)].append(part)
    return tuple(_stray(group, (reason, label), found) for label, found in parts.items())


def _planned(cell: CellPlan, parts: list[Contribution], rules: Rules, judge: Judge) -> Decision:
    shares = [(part.member, part.owner, Share(part.quantity, part.waives)) for part in parts]
    reason = judge(shares, rules)
    status: Literal["released", "withheld"] = "released" if reason is None else "withheld"
    return _decision(cell.name, cell.label, parts, status, reason or "", listed=True)


def _stray(group: Group, key: tuple[str, Label], parts: list[Contribution]) -> Decision:
    reason, label = key
    suffix = "unplanned" if reason == NOT_PLANNED else "unlisted"
    name = cell_name(group, label, suffix)
    return _decision(name, label, parts, "withheld", reason, listed=False)


def with_noise(decision: Decision, window: Window, noise: Noise) -> Decision:
    """Add noise to a released quantity; the cell that is told says how much, not the draw."""
    if decision.status != "released":
        return decision
    owned = {owner: share.quantity for owner, share in _shares(decision.parts).items()}
    told = noised(noise, decision.name, window, owned)
    return replace(decision, told=told, noise=noise.percent)


def _shares(parts: Iterable[Contribution]) -> dict[str, Share]:
    return net((part.owner, Share(part.quantity, part.waives)) for part in parts)


def _decision(
    name: str,
    label: Label,
    parts: list[Contribution],
    status: Literal["released", "withheld"],
    reason: str,
    *,
    listed: bool,
) -> Decision:
    active = [part for part in parts if part.quantity]
    covered = math.fsum(part.coverage for part in active) / len(active) if active else 0.0
    return Decision(
        name=name,
        label=label,
        status=status,
        listed=listed,
        quantity=math.fsum(part.quantity for part in parts),
        coverage=round(min(covered, 1.0), 2),
        owners=_owners(parts),
        marks=tuple(sorted({mark for part in active for mark in part.marks})),
        reason=reason,
        parts=tuple(parts),
    )


def _owners(parts: Iterable[Contribution]) -> int:
    """Count owners whose net quantity is not zero."""
    found: dict[str, list[float]] = defaultdict(list)
    for part in parts:
        found[part.owner].append(part.quantity)
    return sum(math.fsum(quantities) != 0 for quantities in found.values())
