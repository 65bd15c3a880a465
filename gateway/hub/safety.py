"""Safety: whether a sum over owners may be told, by threshold, prior-posterior rule and dominance.

The rules are those of the Handbook on Statistical Disclosure Control (Hundepool and others): a sum
X with largest contributions x1 >= x2 is unsafe when fewer than k owners contribute, when
q/100 * (X - x1 - x2) < p/100 * x1, or when the n largest hold more than a set share. The second is
the prior-posterior rule: whoever knew each other contribution to within q percent before, as the
second largest does its own, may not get to know the largest to within p percent; with q = 100 it is
the p% rule. An owner's contribution is the net over its sites; its absolute value is what the rules
weigh, since a negative one (a corrected batch) is known to its owner just as well.

A sum over several hubs' members is known in part to each of these hubs, which sees its own members'
figures: what is left without them must not tell it one of the others.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from config.hub_plan import Rules


class Share(NamedTuple):
    """What one owner has in a sum, net over its sites, and whether the owner waives."""

    quantity: float
    waives: bool = False


def net(shares: Iterable[tuple[str, Share]]) -> dict[str, Share]:
    """Sum shares by owner; an owner waives only when all of its sites in the sum do."""
    found: dict[str, list[Share]] = defaultdict(list)
    for owner, share in shares:
        found[owner].append(share)
    return {
        owner: own[0]
        if len(own) == 1
        else Share(math.fsum(s.quantity for s in own), all(s.waives for s in own))
        for owner, own in found.items()
    }


def objection(shares: Mapping[str, Share], rules: Rules) -> str | None:
    """Say why a sum is unsafe, for the hub's operator only, or None when it is safe."""
    return weighed(*_sizes(shares), rules)


def _sizes(shares: Mapping[str, Share]) -> tuple[list[float], list[float]]:
    """Give the sizes of contributions of owners that have not waived, and of those that have."""
    found = [share for share in shares.values() if share.quantity]
    return (
        [abs(share.quantity) for share in found if not share.waives],
        [abs(share.quantity) for share in found if share.waives],
    )


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


Part = tuple[str, str, Share]
"""A hub (the member of a sum over hubs), an owner, and what the owner's sites there have."""


def objection_to(parts: Iterable[Part], rules: Rules) -> str | None:
    """Say why a sum of parts is unsafe: from outsiders, contributors and, where set, hubs."""
    found = list(parts)
    told = objection(net((owner, share) for _, owner, share in found), rules)
    if told is not None or not rules.apart:
        return told
    hubs = sorted({hub for hub, _, share in found if share.quantity})
    return next(filter(None, (_seen_by(hub, found, rules) for hub in hubs)), None)


def _seen_by(hub: str, parts: Iterable[Part], rules: Rules) -> str | None:
    """Say why a sum is unsafe from a hub that knows its own members' figures in it."""
    return beside(
        *_sizes(net((owner, share) for other, owner, share in parts if other != hub)), rules
    )


def beside(guarded: Sequence[float], waived: Sequence[float], rules: Rules) -> str | None:
    """Say why what is left of a sum without a hub's members, by sizes, is unsafe from that hub.

    It is to the others as a contributor is: without it `k` - 1 owners must be left, and nobody's
    figure may be within p percent of what is left.
    """
    count = len(guarded) + len(waived)
    if not guarded and (not waived or rules.waived_below_k):
        return None
    if count < rules.k - 1:
        return f"{count} owners beside one hub's, {rules.k - 1} needed"
    if not guarded:
        return None
    *others, target = sorted(guarded)
    if rules.q * math.fsum((*others, *waived)) < rules.p * target:
        return "p% rule, beside one hub's"
    return None


def _dominance(guarded: Sequence[float], waived: Sequence[float], rules: Rules) -> str | None:
    if rules.dominance is None:
        return None
    count, percent = rules.dominance
    held = math.fsum(sorted(guarded, reverse=True)[:count])
    total = math.fsum((*guarded, *waived))
    return f"{count} owners hold over {percent:g} %" if 100 * held > percent * total else None
