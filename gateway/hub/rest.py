"""The rest: what was withheld of a cell in a period must be safe to tell as a sum, too.

Yearly tonnages of permit holders are public. Who takes away from them all that was released of a
cell holds the sum of what was not; where that is one window, it holds what was withheld. So after a
withheld window the next ones of the cell are withheld as well, until their sum is safe: mostly one
more. Sums that are safe stay safe when they are added up, so a year of them is.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from config.hub_plan import Rules
from gateway.hub.rollup import Decision
from gateway.hub.safety import Share, objection_to

Rest = Mapping[str, float]
"""What was withheld of a cell so far in its period, by owner; in a pool, by `hub|owner`."""
NOTHING: Rest = {}
GUARDS = "guards a window withheld before"


def guarded(
    decisions: Iterable[Decision], rests: Mapping[str, Rest], rules: Rules
) -> tuple[Decision, ...]:
    """Withhold released cells as long as what was withheld of them before is not safe."""
    if not rules.guard_rest:
        return tuple(decisions)
    return tuple(_guarded(one, rests.get(one.name, NOTHING), rules) for one in decisions)


def _guarded(decision: Decision, rest: Rest, rules: Rules) -> Decision:
    if decision.status != "released" or not any(rest.values()):
        return decision
    by_owner: dict[str, list[bool]] = defaultdict(list)
    for part in decision.parts:
        by_owner[part.owner].append(part.waives)
    waiving = {owner for owner, each in by_owner.items() if all(each)}
    parts = [(*_whose(name, rules), quantity) for name, quantity in rest.items()]
    shares = [(hub, owner, Share(quantity, owner in waiving)) for hub, owner, quantity in parts]
    if objection_to(shares, rules) is None:
        return decision
    return replace(decision, status="withheld", reason=GUARDS)


def _whose(name: str, rules: Rules) -> tuple[str, str]:
    if not rules.apart:
        return "", name
    hub, _, owner = name.partition("|")
    return hub, owner


def grown(rests: Mapping[str, Rest], decisions: Iterable[Decision]) -> dict[str, Rest]:
    """Add what a window's decisions withheld of cells of the partition."""
    found = dict(rests)
    for one in decisions:
        if one.listed and one.status == "withheld":
            found[one.name] = _added(found.get(one.name, NOTHING), one)
    return found


def _added(rest: Rest, decision: Decision) -> Rest:
    sums: dict[str, list[float]] = defaultdict(list)
    for owner, quantity in rest.items():
        sums[owner].append(quantity)
    for part in decision.parts:
        sums[part.owner].append(part.quantity)
    return {owner: math.fsum(quantities) for owner, quantities in sums.items()}
