"""Safety: whether a sum over owners may be told, by threshold, p% rule and dominance.

The rules are those of the Handbook on Statistical Disclosure Control (Hundepool and others): a sum
X with largest contributions x1 >= x2 is unsafe when fewer than k owners contribute, when
X - x1 - x2 < p/100 * x1, or when the n largest hold more than a set share. An owner's contribution
is the net over its sites; its absolute value is what the rules weigh, since a negative one (a
corrected batch) is known to its owner just as well.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from config.hub_plan import Rules


@dataclass(frozen=True, slots=True)
class Share:
    """What one owner has in a sum, net over its sites, and whether the owner waives."""

    quantity: float
    waives: bool = False


def objection(shares: Mapping[str, Share], rules: Rules) -> str | None:
    """Say why a sum is unsafe, for the hub's operator only, or None when it is safe."""
    sizes = {owner: abs(share.quantity) for owner, share in shares.items() if share.quantity}
    guarded = [owner for owner in sizes if not shares[owner].waives]
    all_waived = bool(sizes) and not guarded
    if len(sizes) < rules.k and not (all_waived and rules.waived_below_k):
        return f"{len(sizes)} owners, {rules.k} needed"
    if not guarded:
        return None if sizes else "no contribution"
    return _p_rule(sizes, guarded, rules) or _dominance(sizes, guarded, rules)


def _p_rule(sizes: Mapping[str, float], guarded: list[str], rules: Rules) -> str | None:
    # The owner most exposed is the largest that has not waived; the one best able to estimate it
    # is the largest of the others, whether it has waived or not.
    target = max(guarded, key=lambda owner: (sizes[owner], owner))
    others = sorted(size for owner, size in sizes.items() if owner != target)
    remainder = math.fsum(others[:-1])
    return "p% rule" if 100 * remainder < rules.p * sizes[target] else None


def _dominance(sizes: Mapping[str, float], guarded: list[str], rules: Rules) -> str | None:
    if rules.dominance is None:
        return None
    count, percent = rules.dominance
    largest = sorted((sizes[owner] for owner in guarded), reverse=True)[:count]
    held, total = math.fsum(largest), math.fsum(sizes.values())
    return f"{count} owners hold over {percent:g} %" if 100 * held > percent * total else None
