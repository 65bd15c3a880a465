"""Orders of magnitude: a year's sum over owners told as a decade, from decades alone.

What plants tell is an order each, so the sum is that of their geometric means. A cell is told when
more than `k` owners report on it, at least `k` of them above "0-1", as the decade of the sum, the
lowest two taken together. Then no two owners that put their orders together find a third's: with
whatever it may have, there is room for another (tests/property/test_orders.py tries them all). The
condition is on counts, not on who is large: that a cell is told says nothing about that either.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import get_args

from config.hub_plan import Rules
from gateway.hub.evidence import Evidence, Held
from gateway.hub.partition import Partition, named
from gateway.hub.pooling import pooled
from gateway.hub.rollup import Decision, decide
from gateway.hub.safety import Part, net
from gateway.hub.table import Group, Table
from gateway.wire import CellMagnitude, Magnitude

PREFIX = "year-"
"""What the names of cells of orders of magnitude begin with."""
TRACE = 1e-6
"""What stands for the order "0-1": a contribution that adds nothing to the sum told."""
_LEVELS: Mapping[Magnitude, int] = {name: n for n, name in enumerate(get_args(Magnitude))}
_TOLD: Sequence[CellMagnitude] = get_args(CellMagnitude)


def quantity_of(magnitude: Magnitude) -> float:
    """Give what an order counts as in a sum: the geometric mean of its borders, in its unit."""
    level = _LEVELS[magnitude]
    return 10.0 ** (min(level, len(_LEVELS) - 2) - 0.5) if level else TRACE


def told_of(quantities: Iterable[float]) -> CellMagnitude:
    """Give the decade of a sum of such quantities."""
    total = math.fsum(one for one in quantities if one >= 1)
    above = sum(total >= 10.0**power for power in range(2, len(_TOLD) + 1))
    return _TOLD[above]


def objection_to_order(parts: Iterable[Part], rules: Rules) -> str | None:
    """Say why the order of a sum is not told, for the hub's operator only; None when it is."""
    shares = net((owner, share) for _, owner, share in parts).values()
    return _objection([share.quantity for share in shares], rules)


def _objection(quantities: Sequence[float], rules: Rules) -> str | None:
    reporting = sum(quantity > 0 for quantity in quantities)
    if reporting <= rules.k:
        return f"{reporting} owners, {rules.k + 1} needed"
    above = sum(quantity >= 1 for quantity in quantities)
    return f"{above} owners above 0-1, {rules.k} needed" if above < rules.k else None


class _Months(Evidence):
    """Earlier months, asked whether the order of a set's sum could be told in them."""

    def _together(self, held: Held) -> Iterable[float | None]:
        columns = held.columns.values()
        for quantities in zip(*columns, strict=True):
            told = _objection(quantities, self._rules) is None
            yield math.fsum(quantities) if told else None


def choose_orders(
    group: Group, months: Sequence[Table], members: Iterable[str], rules: Rules
) -> Partition:
    """Choose the partition of a group's orders from some months: places are pooled before codes."""
    cells = pooled(_Months(months, replace(rules, apart=False)))
    return Partition(group, frozenset(members), named(group, [cell.atoms for cell in cells]))


def decide_orders(partition: Partition, table: Table, rules: Rules) -> tuple[Decision, ...]:
    """Decide every cell of the partition in a month; no decision has a quantity or coverage."""
    decisions = decide(partition, table, rules, judge=objection_to_order)
    return tuple(map(_order, decisions))


def _order(decision: Decision) -> Decision:
    quantities = [part.quantity for part in decision.parts]
    told = told_of(quantities) if decision.status == "released" else ""
    return replace(
        decision, name=PREFIX + decision.name, quantity=0.0, coverage=0.0, marks=(), magnitude=told
    )
