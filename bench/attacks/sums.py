"""Subtraction: what follows from told sums, and how near it comes to one owner's quantity.

The attacker knows who has what (permits are public) and so what each sum is made of, but for the
quantities. It takes every sum it holds, takes away every other sum that lies within, and looks
whether what is left is nearer to one owner than the rules allow a sum to be.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.attacks.year import Told, Unit


@dataclass(frozen=True)
class Remainder:
    """A sum, or what is left of one: the quantity, and of whom and what it is."""

    quantity: float
    parts: Mapping[Unit, float]


def remainders(told: Sequence[Told]) -> Iterator[Remainder]:
    """Give each told sum, and what is left of it after those within it are taken away."""
    holding: dict[Unit, list[int]] = defaultdict(list)
    for number, one in enumerate(told):
        for unit in one.parts:
            holding[unit].append(number)
    for number, one in enumerate(told):
        yield Remainder(one.quantity, one.parts)
        near = {other for unit in one.parts for other in holding[unit]} - {number}
        within = [told[n] for n in sorted(near) if told[n].parts.keys() < one.parts.keys()]
        # What lies within may overlap: largest first, and each of them alone.
        yield from _less(one, sorted(within, key=lambda other: -len(other.parts)))
        for other in within:
            yield from _less(one, [other])


def _less(one: Told, within: Iterable[Told]) -> Iterator[Remainder]:
    quantity, parts, taken = one.quantity, dict(one.parts), 0
    for other in within:
        if other.parts.keys() <= parts.keys():
            quantity -= other.quantity
            parts = {unit: own for unit, own in parts.items() if unit not in other.parts}
            taken += 1
    if taken:
        yield Remainder(quantity, parts)


@dataclass(frozen=True)
class Estimate:
    """How near somebody comes to an owner: `off` is the share by which the estimate is too high.

    `attacker` is an owner who knows its own part, or None for somebody outside.
    """

    off: float
    victim: str
    attacker: str | None


def estimates(
    remainder: Remainder, owner: Mapping[str, str], outside: bool = False
) -> Iterator[Estimate]:
    """Give, for each owner in a sum, the nearest estimate somebody else can make of it.

    All that nobody can rule out is the owner's: the sum less the attacker's own part. With
    `outside` the attacker is no member and has no part.
    """
    sums: dict[str, float] = defaultdict(float)
    for (member, _, _), quantity in remainder.parts.items():
        sums[owner[member]] += quantity
    there = {name: quantity for name, quantity in sums.items() if quantity > 0}
    for victim, true in there.items():
        others = [] if outside else [name for name in there if name != victim]
        attacker = max(others, key=there.__getitem__, default=None)
        guess = remainder.quantity - (there[attacker] if attacker else 0.0)
        yield Estimate(abs(guess - true) / true, victim, attacker)


def nearest(
    told: Sequence[Told],
    owner: Mapping[str, str],
    victims: frozenset[str] | None = None,
    outside: bool = False,
) -> float:
    """Give the nearest estimate of any (or of some) owner's part of any sum, as a share of it."""
    found = (
        one.off
        for remainder in remainders(told)
        for one in estimates(remainder, owner, outside)
        if victims is None or one.victim in victims
    )
    return min(found, default=float("inf"))
