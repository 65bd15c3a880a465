"""A sheet: the figures that one owner has in one group of a record, as a row of the ledger.

A row a figure cost more to write, to find and to mark than all else the hub did with it. A sheet's
figures are one text of JSON, each a line `[position, code, band, quantity, coverage, marks]`, where
position is the figure's place in its record. Numbers are written with as few digits as read as the
same number again, so what was stored is what is read. A sheet is known by its record and the
position of its first figure, and is counted or superseded as a whole.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from pydantic import ConfigDict, TypeAdapter
from pydantic_core import from_json, to_json

from gateway.hub.calendar import Window
from gateway.hub.table import Group
from gateway.wire import Band, Mark

Line = tuple[int, str | None, Band | None, float, float, Sequence[Mark]]
"""A figure: its position in the record, code, band, quantity, coverage and marks."""


class Whose(NamedTuple):
    """Who has a sheet's figures, and where: as it was when the record came."""

    member: str
    owner: str
    waives: bool
    place: str


class Sheet(NamedTuple):
    """One sheet: of which record, whose, of what, the record's window, and its figures."""

    record: str
    whose: Whose
    group: Group
    window: Window
    lines: Sequence[Line]


Row = tuple[Any, ...]
COLUMNS = 'record, member, owner, waives, place, kind, direction, unit, start, "end", figures'
"""What `sheet_of` reads a sheet from."""
INSERT = "INSERT INTO sheets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_NEW = f"{INSERT} ON CONFLICT DO NOTHING"
"""For records that come in: one that damage took may have left its sheets, which stand."""


def sheets_of(
    record: str, window: Window, figures: Iterable[tuple[Whose, Group, Line]]
) -> list[Sheet]:
    """Put a record's figures on sheets, by whose and of what they are."""
    found: dict[tuple[Whose, Group], list[Line]] = defaultdict(list)
    for whose, group, line in figures:
        found[whose, group].append(line)
    return [Sheet(record, *of, window, lines) for of, lines in found.items()]


def row_of(sheet: Sheet, counted: int | None = None, *, superseded: bool = False) -> Row:
    """Write a sheet (of one figure at least) as a row for `INSERT`."""
    record, whose, group, window, lines = sheet
    text = text_of(lines)
    return (record, lines[0][0], *whose, *group, *window, len(lines), counted, superseded, text)


def sheet_of(row: Row) -> Sheet:
    """Read a sheet from a row of `COLUMNS`."""
    record, member, owner, waives, place, kind, direction, unit, start, end, text = row
    return Sheet(
        record,
        _whose(member, owner, bool(waives), place),
        _group(kind, direction, unit),
        _window(start, end),
        lines_of(text),
    )


def text_of(lines: Sequence[Line]) -> str:
    """Write a sheet's figures."""
    return to_json(lines).decode()


def lines_of(text: str) -> list[Line]:
    """Read a sheet's figures."""
    return cast("list[Line]", from_json(text))


def checked_lines(text: object) -> list[Line]:
    """Read figures that damage may have spoilt; raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("no text")  # noqa: TRY004
    return _LINES.validate_json(text)


_LINES = TypeAdapter(list[Line], config=ConfigDict(defer_build=True))
# The same few come again and again: made once, they are also compared by being the same object.
_whose = lru_cache(maxsize=4096)(Whose)
_group = lru_cache(maxsize=256)(Group)
_window = lru_cache(maxsize=4096)(Window)
