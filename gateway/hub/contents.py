"""Contents: what a record says, as the ledger keeps it, its figures on sheets.

What a record is the contract's models say (gateway/contract.py). What is written as plants write it
is read without them (gateway/hub/quick.py), to the same contents.
"""

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any, NamedTuple

from gateway.contract import Record, YearMagnitude
from gateway.hub.sheet import Line, text_of
from gateway.hub.table import Group
from gateway.wire import FigureDirection, FigureKind, FigureUnit

MAX_QUANTITY = 1e15
"""Largest quantity of a figure, in its unit: beyond it sums lose whole units."""


class SheetText(NamedTuple):
    """A sheet as it is written: of what group, from which position, how many figures."""

    group: Group
    position: int
    figures: int
    text: str


class Contents(NamedTuple):
    """What a record says; `beyond` tells that a quantity is larger than `MAX_QUANTITY`."""

    id: str
    cluster: str
    plant: str
    pseudonym: str
    sequence: int
    run: int | None
    revision: int
    start: str
    end: str
    sheets: Sequence[SheetText]
    magnitudes: Sequence[YearMagnitude] = ()
    beyond: bool = False


def of_record(record: Record) -> Contents:
    """Give what a record says, from its model."""
    figures = record.figures
    groups = [(one.kind, one.direction, one.unit) for one in figures]
    rest = [(one.code, one.band, one.quantity, one.coverage, one.marks) for one in figures]
    return Contents(
        record.id,
        record.cluster,
        record.plant,
        record.pseudonym,
        record.sequence,
        record.run,
        record.revision,
        record.window.start,
        record.window.end,
        _sheets(groups, rest),
        record.magnitudes,
        any(abs(one.quantity) > MAX_QUANTITY for one in figures),
    )


def _sheets(
    groups: Iterable[tuple[FigureKind, FigureDirection, FigureUnit]], rest: Iterable[Any]
) -> tuple[SheetText, ...]:
    """Write figures on a sheet for each group."""
    found: dict[tuple[FigureKind, FigureDirection, FigureUnit], list[Line]] = {}
    for of, line, position in zip(groups, rest, count()):
        found.setdefault(of, []).append((position, *line))
    return tuple(
        SheetText(Group(*of), own[0][0], len(own), text_of(own)) for of, own in found.items()
    )
