"""Safety: whether a sum over owners may be told, by threshold, prior-posterior rule and dominance.

The rules are those of the Handbook on Statistical Disclosure Control (Hundepool and others): a sum
X with largest contributions x1 >= x2 is unsafe when fewer than k owners contribute, when
q/100 * (X - x1 - x2) < p/100 * x1, or when the n largest hold more than a set share. The second is
the prior-posterior rule: whoever knew each other contribution to within q percent before, as the
second largest does its own, may not get to know the largest to within p percent; with q = 100 it is
the p% rule. An owner's contribution is the net over its sites; its absolute value is what the rules
weigh, since a negative one (a corrected batch) is known to its owner just as well.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.hub_plan import Rules


@dataclass(frozen=True, slots=True)
class Share:
    """What one owner has in a sum, net over its sites, and whether the owner waives."""

    quantity: float
    waives: bool = False


def objection(shares: Mapping[str, Share], rules: Rules) -> str | None:
    """Say why a sum is unsafe, for the hub's operator only, or None when it is safe."""
    found = shares.values()
    guarded = [abs(share.quantity) for share in found if share.quantity and not share.waives]
    waived = [abs(share.quantity) for share in found if share.quantity and share.waives]
    return weighed(guarded, waived, rules)


def weighed(guarded: Sequence[float], waived: Sequence[float], rules: Rules) -> str | None:
    """Say why a sum is unsafe, from the sizes (above zero) of its owners' contributions.

    `guarded` are those of owners that have not waived, `waived` those of owners that have.
    """
    count = len(guarded) + len(waived)
    all_waived = count > 0 and not guarded
    if count < rules.k and not (all_waived and rules.waived_below_k):
        return f"{count} owners, {rules.k} needed"
    if not guarded:
        return None if waived else "no contribution"
    return _prior_posterior(guarded, waived, rules) or _dominance(guarded, waived, rules)


def _prior_posterior(guarded: Sequence[float], waived: Sequence[float], rules: Rules) -> str | None:
    # The owner most exposed is the largest that has not waived; the one best able to estimate it
    # is the largest of the others, whether it has waived or not.
    *others, target = sorted(guarded)
    remainder = math.fsum(sorted((*others, *waived))[:-1])
    if rules.q * remainder >= rules.p * target:
        return None
    return "p% rule" if rules.q == 100 else "prior-posterior rule"  # noqa: PLR2004 percent


def _dominance(guarded: Sequence[float], waived: Sequence[float], rules: Rules) -> str | None:
    if rules.dominance is None:
        return None
    count, percent = rules.dominance
    held = math.fsum(sorted(guarded, reverse=True)[:count])
    total = math.fsum((*guarded, *waived))
    return f"{count} owners hold over {percent:g} %" if 100 * held > percent * total else None
