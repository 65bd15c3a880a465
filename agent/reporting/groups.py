"""Streams of a report added up by what they have in common, with the uncertainty of the sum."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.reporting.accounts import Stated
from agent.reporting.lines import UNSTATED, Line

_Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Streams that have something in common, added up.

    Surplus and need are never added, nor wet and dry mass. `coverage` is the lowest of its streams,
    `uncertain` the highest, `hours_missing` the most.
    """

    by: str
    value: str
    kind: str
    direction: str
    unit: str
    basis: str
    quantity: float | None
    uncertainty: float | None
    """Expanded (k = 2); None unless every stream that measured something states one."""
    coverage: float | None
    uncertain: float | None
    hours_missing: float | None
    streams: int
    measured: int
    """Streams that measured something."""
    stating: int
    """Of those, the ones all of whose quantity has an uncertainty."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Streams of one code, NS 9431 number, status, treatment, direction, unit and basis, added up.

    What a yearly report to an authority is filled in from; the fields of the sum are a group's.
    """

    code: str
    title: str | None
    hazardous: bool
    ns9431: str | None
    status: str | None
    treatment: str | None
    treatment_class: str | None
    direction: str
    unit: str
    basis: str
    quantity: float | None
    uncertainty: float | None
    coverage: float | None
    spread: float | None
    """Highest share of its streams, as `doubtful`."""
    doubtful: float | None
    hours_missing: float | None
    tickets: int
    methods: tuple[str, ...]
    streams: tuple[str, ...]
    measured: int
    stating: int


@dataclass(frozen=True, slots=True)
class _Share:
    """What a stream adds to a sum."""

    line: Line
    quantity: float | None
    uncertainty: float | None
    stated: Stated | None


_BY: Mapping[str, Callable[[Line], str | None]] = {
    "code": lambda line: line.what.code,
    "ns9431": lambda line: line.what.ns9431,
    "treatment": lambda line: line.what.treatment,
    "treatment class": lambda line: line.what.treatment_class,
    "status": lambda line: line.what.status,
    "direction": lambda line: line.what.direction,
}
_WASTE = ("waste", None)


def groups(lines: Sequence[Line]) -> tuple[Group, ...]:
    """Add up the lines by each thing they may have in common, where any of them states it."""
    found: list[Group] = []
    for by, value in _BY.items():
        held: dict[_Key, list[_Share]] = defaultdict(list)
        for line in lines:
            held[_key(value(line), line)].append(_whole(line))
        found += _added(by, held)
    return (*found, *_added("band", _by_band(lines)))


def _key(value: str | None, line: Line) -> _Key:
    one = line.what
    return value or UNSTATED, one.kind, one.direction, one.unit, one.basis


def _whole(line: Line) -> _Share:
    return _Share(line, line.whole.quantity, line.whole.uncertainty, line.whole.stated)


def _by_band(lines: Sequence[Line]) -> Mapping[_Key, list[_Share]]:
    held: dict[_Key, list[_Share]] = defaultdict(list)
    for line in lines:
        for one in line.bands:
            share = _Share(line, one.quantity, one.uncertainty, one.stated)
            held[_key(one.band, line)].append(share)
    return held


def _added(by: str, held: Mapping[_Key, list[_Share]]) -> list[Group]:
    if all(key[0] == UNSTATED for key in held):
        return []
    return [_group(by, key, members) for key, members in sorted(held.items())]


def _group(by: str, key: _Key, members: Sequence[_Share]) -> Group:
    value, kind, direction, unit, basis = key
    sums = [one.line.whole for one in members]
    return Group(
        by=by,
        value=value,
        kind=kind,
        direction=direction,
        unit=unit,
        basis=basis,
        quantity=added(one.quantity for one in members),
        uncertainty=_combined(members),
        coverage=_least(each.coverage for each in sums),
        uncertain=_most(each.uncertain for each in sums),
        hours_missing=_most(each.hours_missing for each in sums),
        streams=len(members),
        measured=_measured(members),
        stating=_stating(members),
    )


def declared(lines: Sequence[Line]) -> tuple[Declared, ...]:
    """Add up what is waste, or does not say that it is none, by all that it is declared by.

    By-products and what has ceased to be waste (Directive 2008/98/EC, Articles 5 and 6) are left
    out, and so is what has no code.
    """
    held: dict[_Key, list[_Share]] = defaultdict(list)
    for line in lines:
        one = line.what
        if one.code is not None and one.status in _WASTE:
            key = (
                one.code, one.ns9431 or "", one.status or "", one.treatment or "", one.direction,
                one.unit, one.basis,
            )  # fmt: skip
            held[key].append(_whole(line))
    return tuple(_declared(held[key]) for key in sorted(held))


def _declared(members: Sequence[_Share]) -> Declared:
    one = members[0].line.what
    sums = [each.line.whole for each in members]
    return Declared(
        code=one.code or "",
        title=one.title,
        hazardous=bool(one.hazardous),
        ns9431=one.ns9431,
        status=one.status,
        treatment=one.treatment,
        treatment_class=one.treatment_class,
        direction=one.direction,
        unit=one.unit,
        basis=one.basis,
        quantity=added(each.quantity for each in members),
        uncertainty=_combined(members),
        coverage=_least(each.coverage for each in sums),
        spread=_most(each.spread for each in sums),
        doubtful=_most(each.doubtful for each in sums),
        hours_missing=_most(each.hours_missing for each in sums),
        tickets=sum(each.tickets for each in sums),
        methods=tuple(dict.fromkeys(each.line.what.method for each in members)),
        streams=tuple(each.line.what.stream for each in members),
        measured=_measured(members),
        stating=_stating(members),
    )


def added(quantities: Iterable[float | None]) -> float | None:
    """Add up what was measured; None when nothing was."""
    known = [each for each in quantities if each is not None]
    return math.fsum(known) if known else None


def _least(shares: Iterable[float | None]) -> float | None:
    return min((each for each in shares if each is not None), default=None)


def _most(shares: Iterable[float | None]) -> float | None:
    return max((each for each in shares if each is not None), default=None)


def _measured(members: Sequence[_Share]) -> int:
    return sum(one.quantity is not None for one in members)


def _stating(members: Sequence[_Share]) -> int:
    return sum(one.stated == "all" for one in members)


def _combined(members: Sequence[_Share]) -> float | None:
    """Give the expanded uncertainty of a sum; None unless all that was measured has one.

    Streams with meters of their own: the root of the sum of squares (GUM, JCGM 100:2008, 5.1.2).
    Streams that share a point: their sum, for the same error is in all of them (5.2.2); so too
    streams that the plant file no longer has, whose meters are not known.
    """
    known = [one.uncertainty for one in members if one.quantity is not None]
    if not known or None in known:
        return None
    meters = [
        (set(one.line.what.points), one.uncertainty or 0.0)
        for one in members
        if one.quantity is not None
    ]
    return math.hypot(*(math.fsum(together) for together in _shared(meters)))


def _shared(meters: Iterable[tuple[set[str], float]]) -> list[list[float]]:
    """Put together what has a point in common, directly or through others, or no known points."""
    found: list[tuple[set[str], list[float]]] = []
    for points, uncertainty in meters:
        own, together = set(points), [uncertainty]
        apart = []
        for held, others in found:
            if held & own or not (held or own):
                own, together = own | held, others + together
            else:
                apart.append((held, others))
        found = [*apart, (own, together)]
    return [together for _, together in found]
