"""Which byte order and shift a device has: every combination tried on the words it gave.

Decided without I/O, from how well the values fit what meters measure. The weights are a judgement,
not a law: a number is taken to be the likelier the fewer digits it needs, a temperature to lie in
what plants have, a counter not to fall, and a value not to jump between two reads. The answer is a
probability within that judgement; what speaks for and against is told beside it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import get_args

from adapters.modbus.decode import Words, compiled, packed
from adapters.modbus.points import PointPlan, identities, resolve
from adapters.modbus.settings import ModbusSource
from adapters.modbus.values import Order
from adapters.reading import Value

ORDERS: tuple[Order, ...] = get_args(Order)
SHIFTS = (0, -1, 1)
SURE = 0.999
LIKELY = 0.95
_ABSENT = -7.0
_OTHER_SHIFT = -2.5
_OTHER_ORDER = -0.5
_ZERO = -1.0
_WRONG_DEVICE = -30.0
_COLDEST, _HOTTEST = -60.0, 1200.0
_UNFIT = -14.0
_FALL = -6.0
_ROUGH = -8.0
_CENTRE, _SPREAD = 1.5, 3.0
"""A float is taken to be near 10 to the power of 1.5, give or take three powers of ten."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to read a device, and how probable it is among those tried, from 0 to 1."""

    order: Order
    shift: int
    probability: float
    score: float
    values: Mapping[str, tuple[Value, ...]]
    """What each point would have been, read after read; None where there was no answer."""
    same_device: bool
    """Whether the device said to be the one meant, where the profile knows that."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The most probable way to read a device, the others, and whether that is enough to go by."""

    best: Candidate
    others: tuple[Candidate, ...]
    telling: tuple[str, ...]
    """Points whose values differ between the best way and others."""
    identified: bool
    """Whether the device said, in the best way, to be the one meant."""

    @property
    def certainty(self) -> str:
        """Say how sure the verdict is: `sure`, `likely` or `not sure`."""
        if self.best.probability >= SURE and (len(self.telling) > 1 or self.identified):
            return "sure"
        return "likely" if self.best.probability >= LIKELY and self.telling else "not sure"


Answers = Mapping[int, Mapping[str, Sequence[Words]]]
"""For each shift, the words each point and identity register gave; empty where it gave none."""


def judged(settings: ModbusSource, answers: Answers) -> Verdict:
    """Weigh every order and shift; `settings` are those of the profile, whose own come first."""
    orders = sorted(ORDERS, key=lambda order: order != settings.order)
    found = [
        _candidate(settings, order, shift, given)
        for shift, given in answers.items()
        for order in orders
    ]
    highest = max(one.score for one in found)
    weights = [math.exp(one.score - highest) for one in found]
    total = sum(weights)
    weighed = [
        replace(one, probability=weight / total) for one, weight in zip(found, weights, strict=True)
    ]
    best, *others = sorted(weighed, key=lambda one: -one.probability)
    identified = bool(settings.identity) and best.same_device
    return Verdict(best, tuple(others), _telling(best, others), identified)


def said(settings: ModbusSource, answers: Answers) -> tuple[str, ...]:
    """Say what the registers of the profile's identity hold where the profile has them."""
    found = []
    for meant, plan in identities(settings):
        values = {_value(plan, words) for words in answers[0].get(plan.name, ())} - {None}
        text = " and ".join(map(str, values)) or "not there"
        accepted = " or ".join(map(str, meant.accepted))
        found.append(f"{meant.what} (register {meant.number}) is {text}, meant is {accepted}")
    return tuple(found)


def _candidate(
    profile: ModbusSource, order: Order, shift: int, given: Mapping[str, Sequence[Words]]
) -> Candidate:
    settings = profile.model_copy(update={"order": order})
    values: dict[str, tuple[Value, ...]] = {}
    score = (_OTHER_SHIFT if shift else 0.0) + (_OTHER_ORDER if order != profile.order else 0.0)
    for plan in resolve(settings):
        read = tuple(_value(plan, words) for words in given.get(plan.name, ()))
        values[plan.name] = read
        score += _fit(plan, read)
    same = True
    for meant, plan in identities(settings):
        says = {_value(plan, words) for words in given.get(plan.name, ())}
        if not (says and says <= set(meant.accepted)):
            same = False
            score += _WRONG_DEVICE
    return Candidate(order, shift, 0.0, score, values, same)


def _value(plan: PointPlan, words: Words) -> Value:
    if len(words) != plan.span.length:
        return None
    (value,), _ = compiled(plan.span, [plan]).decode(packed(words), {})
    return value


def _fit(plan: PointPlan, read: Sequence[Value]) -> float:
    """Score one point's reads: about the logarithm of how likely a meter is to give them."""
    numbers = [value for value in read if isinstance(value, int | float)]
    if not numbers:
        return _ABSENT
    if plan.bits is not None or plan.type == "bool":
        return 0.0
    if plan.type in ("float32", "float64"):
        mean = sum(_of_float(value, plan.unit) for value in numbers) / len(numbers)
    else:
        mean = sum(_of_whole(value) for value in numbers) / len(numbers)
    return mean + _course(plan.name, numbers)


def _of_float(value: float, unit: str) -> float:
    if value == 0:
        return _ZERO
    if not math.isfinite(value):
        return _UNFIT
    if unit == "Cel" and not _COLDEST <= value <= _HOTTEST:
        return _UNFIT
    distance = (math.log10(abs(value)) - _CENTRE) / _SPREAD
    negative = math.log(4) if value < 0 and unit != "Cel" else 0.0
    return max(-distance * distance, _UNFIT) - negative


def _of_whole(value: float) -> float:
    return -math.log1p(abs(value)) / 2 - (1.0 if value <= 0 else 0.0)


def _course(name: str, numbers: Sequence[float]) -> float:
    """Score how values follow each other: counters do not fall, and nothing jumps by powers."""
    score = 0.0
    for before, after in pairwise(numbers):
        if "total" in name and after < before:
            score = min(score, _FALL)
        larger, smaller = max(abs(before), abs(after)), min(abs(before), abs(after))
        if larger > 100 * max(smaller, 1.0) or (before and after and (before < 0) != (after < 0)):
            score = min(score, _ROUGH)
    return score


def _telling(best: Candidate, others: Iterable[Candidate]) -> tuple[str, ...]:
    return tuple(
        name
        for name, read in best.values.items()
        if any(value for value in read)
        and any(other.values[name] != read for other in others if other.shift == best.shift)
    )
