"""Summing: sheets of figures into what each member contributes to a window, atom by atom."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from gateway.hub.calendar import Window
from gateway.hub.sheet import Sheet, Whose
from gateway.hub.table import Atom, Contribution, Table
from gateway.wire import Band, Mark

_Row = tuple[float, float, Sequence[Mark], Window | None]
"""A figure's quantity, coverage and marks, and its window where that is not the one decided."""
_atom = lru_cache(maxsize=65_536)(Atom)


def contributions(sheets: Sequence[Sheet], window: Window) -> Table:
    """Sum figures by member and atom into what they contribute to a window, in order.

    Coverage is the share of the window that a member's own records of it observed; figures of
    earlier windows add to the quantity, not to the coverage, and are marked `late`.
    """
    # One by one where nobody has two, as it is for most, so that few rows are there at a time.
    alone = len({sheet.whose for sheet in sheets}) == len(sheets)
    return [
        Contribution(member, owner, _atom(code, place, band), *_summed(rows, window), waives)
        for some in ([[sheet] for sheet in sheets] if alone else [sheets])
        for (member, owner, waives, place), code, band, rows in _entries(some, window)
    ]


def _entries(
    sheets: Iterable[Sheet], window: Window
) -> list[tuple[Whose, str | None, Band | None, list[_Row]]]:
    """Put figures together that are one member's of one atom, in the order of the first."""
    found: dict[Whose, dict[tuple[str | None, Band | None], list[_Row]]] = {}
    entries: list[tuple[Whose, str | None, Band | None, list[_Row]]] = []
    for _, whose, _, span, lines in sheets:
        own = found.setdefault(whose, {})
        other = None if span == window else span
        for _, code, band, quantity, coverage, marks in lines:
            rows = own.get((code, band))
            if rows is None:
                own[code, band] = rows = []
                entries.append((whose, code, band, rows))
            rows.append((quantity, coverage, marks, other))
    return entries


def _summed(rows: list[_Row], window: Window) -> tuple[float, float, tuple[Mark, ...]]:
    """Give the quantity, coverage and marks of one member's figures of an atom."""
    if len(rows) == 1 and rows[0][3] is None:
        # As it is for most: one figure of the whole window.
        ((quantity, coverage, told, _),) = rows
        return quantity, min(coverage, 1.0), tuple(sorted(told)) if told else ()
    quantities, coverages, each, spans = zip(*rows, strict=True)
    marks: set[Mark] = set().union(*each)
    if not any(spans):
        # As it is for most others: the sum in `_coverage` is of one term, which is this.
        length = window.end - window.start
        covered = length * math.fsum(coverages) / len(rows) / length
        return math.fsum(quantities), min(covered, 1.0), tuple(sorted(marks))
    if any(row[3] and row[3].start < window.start and row[0] for row in rows):
        marks.add("late")
    return math.fsum(quantities), _coverage(rows, window), tuple(sorted(marks))


def _coverage(rows: Sequence[_Row], window: Window) -> float:
    length = window.end - window.start
    observed: dict[Window, list[float]] = defaultdict(list)
    for _, coverage, _, other in rows:
        span = other or window
        if span.start >= window.start:
            observed[span].append(coverage)
    seen = math.fsum(
        [
            (min(span.end, window.end) - span.start) * math.fsum(shares) / len(shares)
            for span, shares in observed.items()
        ]
    )
    return min(seen / length, 1.0)


def sums(sheets: Iterable[Sheet]) -> list[Contribution]:
    """Sum quantities by member and atom, whatever windows they are of; sorted by those."""
    found: dict[tuple[str, str, bool, str, str, str], list[float]] = defaultdict(list)
    for _, (member, owner, waives, place), _, _, lines in sheets:
        for _, code, band, quantity, *_ in lines:
            found[member, owner, waives, code or "", place, band or ""].append(quantity)
    return [_total(*of, math.fsum(found[of])) for of in sorted(found)]


def _total(
    member: str, owner: str, waives: bool, code: str, place: str, band: str, quantity: float
) -> Contribution:
    atom = _atom(code or None, place, band or None)
    return Contribution(member, owner, atom, quantity, waives=waives)
