"""Summing: sheets of figures into what each member contributes to a window, atom by atom."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gateway.hub.calendar import Window
from gateway.hub.sheet import Line, Sheet, Whose
from gateway.hub.table import Atom, Contribution, Table
from gateway.wire import Band, Mark

_Of = tuple[str | None, Band | None]
_Rows = list[tuple[Line, Window]]
_atom = lru_cache(maxsize=65_536)(Atom)


def contributions(sheets: Iterable[Sheet], window: Window) -> Table:
    """Sum figures by member and atom into what they contribute to a window, in order.

    Coverage is the share of the window that a member's own records of it observed; figures of
    earlier windows add to the quantity, not to the coverage, and are marked `late`.
    """
    found: dict[Whose, dict[_Of, _Rows]] = {}
    entries: list[tuple[Whose, _Of, _Rows]] = []
    for _, whose, _, span, lines in sheets:
        own = found.setdefault(whose, {})
        for line in lines:
            of = line[1], line[2]
            rows = own.get(of)
            if rows is None:
                own[of] = rows = []
                entries.append((whose, of, rows))
            rows.append((line, span))
    return [_contribution(whose, of, rows, window) for whose, of, rows in entries]


def _contribution(whose: Whose, of: _Of, rows: _Rows, window: Window) -> Contribution:
    member, owner, waives, place = whose
    atom = _atom(of[0], place, of[1])
    (_, _, _, quantity, coverage, told), span = rows[0]
    if len(rows) == 1 and span == window:
        # As it is for most: one figure of the whole window.
        marks = tuple(sorted(told))
        return Contribution(member, owner, atom, quantity, min(coverage, 1.0), marks, waives)
    late = any(span.start < window.start and line[3] for line, span in rows)
    found: set[Mark] = {mark for line, _ in rows for mark in line[5]}
    return Contribution(
        member=member,
        owner=owner,
        atom=atom,
        quantity=math.fsum(line[3] for line, _ in rows),
        coverage=_coverage(rows, window),
        marks=tuple(sorted(found | ({"late"} if late else set()))),
        waives=waives,
    )


def _coverage(rows: Sequence[tuple[Line, Window]], window: Window) -> float:
    length = window.end - window.start
    if all(span == window for _, span in rows):
        # As it is for most: the sum below is of one term, which is this.
        return min(length * math.fsum([line[4] for line, _ in rows]) / len(rows) / length, 1.0)
    observed: dict[Window, list[float]] = defaultdict(list)
    for line, span in rows:
        if span.start >= window.start:
            observed[span].append(line[4])
    seen = math.fsum(
        (min(span.end, window.end) - span.start) * math.fsum(shares) / len(shares)
        for span, shares in observed.items()
    )
    return min(seen / length, 1.0)


def sums(sheets: Iterable[Sheet]) -> list[Contribution]:
    """Sum quantities by member and atom, whatever windows they are of; sorted by those."""
    found: dict[tuple[str, str, bool, str, str, str], list[float]] = defaultdict(list)
    for _, (member, owner, waives, place), _, _, lines in sheets:
        for _, code, band, quantity, *_ in lines:
            found[member, owner, waives, code or "", place, band or ""].append(quantity)
    return [_summed(*of, math.fsum(found[of])) for of in sorted(found)]


def _summed(
    member: str, owner: str, waives: bool, code: str, place: str, band: str, quantity: float
) -> Contribution:
    atom = _atom(code or None, place, band or None)
    return Contribution(member, owner, atom, quantity, waives=waives)
