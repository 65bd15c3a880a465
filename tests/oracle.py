"""What the handbook calls unsafe, by trying every attacker on every victim, in exact arithmetic.

Written from the definitions (Handbook on Statistical Disclosure Control, Hundepool and others), not
from the hub's formulas: an attacker takes what it knows from the sum and looks at how near the
result must be to the victim's contribution.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from config.hub_plan import Rules
from gateway.hub.table import Contribution


def exact(number: float) -> Fraction:
    """Give the decimal a float is written as: figures are decimals."""
    return Fraction(repr(number))


def unsafe(parts: Sequence[Contribution], rules: Rules) -> bool:
    """Tell whether a sum may not be told."""
    size, victims = _owners(parts)
    if not size:
        return True
    nobody_to_guard = not victims and rules.waived_below_k
    if len(size) < rules.k and not nobody_to_guard:
        return True
    return _estimated(size, victims, rules) or _dominated(size, victims, rules)


def _owners(parts: Sequence[Contribution]) -> tuple[dict[str, Fraction], list[str]]:
    sums: dict[str, Fraction] = defaultdict(Fraction)
    for part in parts:
        sums[part.owner] += exact(part.quantity)
    guarded = {part.owner for part in parts if not part.waives}
    size = {owner: abs(quantity) for owner, quantity in sums.items() if quantity}
    return size, [owner for owner in size if owner in guarded]


def _estimated(size: dict[str, Fraction], victims: list[str], rules: Rules) -> bool:
    """Tell whether somebody can bound somebody else's contribution more closely than p percent.

    The attacker knows its own contribution and, of all but the victim's, that each is at least its
    true size less q percent. An outsider is an attacker without a contribution.
    """
    total = sum(size.values())
    vague, near = exact(rules.q) / 100, exact(rules.p) / 100
    for victim in victims:
        for attacker in [None, *(other for other in size if other != victim)]:
            known = size[attacker] if attacker else Fraction(0)
            others = (s for owner, s in size.items() if owner not in (victim, attacker))
            at_most = total - known - sum(s * (1 - vague) for s in others)
            if at_most < size[victim] * (1 + near):
                return True
    return False


def unsafe_to_hubs(parts: Sequence[Contribution], rules: Rules) -> bool:
    """Tell whether a hub whose members are in a sum, which knows their figures, learns another's.

    `member` is the hub a contribution comes from.
    """
    return any(
        _seen_by([part for part in parts if part.member != hub], rules)
        for hub in {part.member for part in parts if part.quantity}
    )


def unsafe_pooled(parts: Sequence[Contribution], rules: Rules) -> bool:
    """Tell whether a sum over several hubs' members may not be told."""
    return unsafe(parts, rules) or unsafe_to_hubs(parts, rules)


def unsafe_order(parts: Sequence[Contribution], rules: Rules) -> bool:
    """Tell whether the order of a sum may not be told: too few report, or too few have some."""
    reporting = {part.owner for part in parts}
    having = {part.owner for part in parts if part.quantity >= 1}
    return len(reporting) <= rules.k or len(having) < rules.k


def _seen_by(rest: Sequence[Contribution], rules: Rules) -> bool:
    size, victims = _owners(rest)
    if not size or (not victims and rules.waived_below_k):
        return False
    if len(size) < rules.k - 1:
        return True
    vague, near = exact(rules.q) / 100, exact(rules.p) / 100
    for victim in victims:
        at_least = sum(s * (1 - vague) for owner, s in size.items() if owner != victim)
        if sum(size.values()) - at_least < size[victim] * (1 + near):
            return True
    return False


def _dominated(size: dict[str, Fraction], victims: list[str], rules: Rules) -> bool:
    if rules.dominance is None or not victims:
        return False
    count, percent = rules.dominance
    limit = exact(percent) / 100 * sum(size.values())
    some = itertools.combinations(victims, min(count, len(victims)))
    return any(sum(size[owner] for owner in group) > limit for group in some)


def overlaps(cells: Iterable[Sequence[Contribution]]) -> Iterator[Contribution]:
    """Give the contributions that are in more than one cell, which somebody could subtract."""
    seen: set[int] = set()
    for cell in cells:
        for part in cell:
            if id(part) in seen:
                yield part
            seen.add(id(part))
