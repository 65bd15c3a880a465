"""Rows of a CSV of readings: its layout told from the header, and each row parsed. Pure."""

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from adapters.quality import judge
from adapters.reading import NANOSECONDS, NO_FAULTS, Fault, Quality, Value
from adapters.settings import PointSettings

MISSING = Fault(Quality.BAD, "missing")
NOT_A_NUMBER = Fault(Quality.BAD, "not-a-number")
_REPORTED = {
    "": None,
    "good": None,
    "uncertain": Fault(Quality.UNCERTAIN, "reported"),
    "bad": Fault(Quality.BAD, "reported"),
}
_TIMES = ("time", "timestamp")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 2**63
_EXACT = 2.0**53
_MICROSECONDS = 6
_ZONE = 'a time such as 2026-03-01T00:00:00Z, or seconds since 1970, not "{}"'


class Row(NamedTuple):
    """What one row says."""

    time: int
    points: tuple[str, ...]
    values: tuple[Value, ...]
    faults: Mapping[int, Fault]


class Cell(NamedTuple):
    """A point, and how its cells are judged (None: only that they are finite)."""

    point: str
    settings: PointSettings | None


@dataclass(frozen=True, slots=True)
class Layout:
    """How rows of a file are read: `parse` gives a row, or None when no point of it is wanted.

    `parse` raises ValueError with a short reason for a malformed row. `absent` are the columns
    that are wanted and not there.
    """

    parse: Callable[[str], Row | None]
    absent: tuple[str, ...] = ()


def layout(header: str, columns: Mapping[str, str], points: Mapping[str, PointSettings]) -> Layout:
    """Tell the layout from a header line; `columns` gives the point of each wanted column."""
    separator = ";" if ";" in header else ","
    names = [name.strip() for name in split(header, separator)]
    lower = [name.lower() for name in names]
    time = next((lower.index(name) for name in _TIMES if name in lower), 0)
    cells = {column: _cell(point, points[point]) for column, point in columns.items()}
    reader = _Reader(separator, len(names), time, comma=separator == ";")
    if "point" in lower and "value" in lower:
        at = lower.index("point"), lower.index("value")
        quality = lower.index("quality") if "quality" in lower else None
        return Layout(_long(reader, at, quality, cells))
    wanted = [(names.index(column), cell) for column, cell in cells.items() if column in names]
    absent = tuple(column for column in cells if column not in names)
    return Layout(_wide(reader, wanted), absent)


def _cell(point: str, settings: PointSettings) -> Cell:
    plain = settings.plausible is None and not settings.sentinels
    return Cell(point, None if plain else settings)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Splits a row and reads its time."""

    separator: str
    width: int
    time: int
    comma: bool

    def cells(self, line: str) -> list[str]:
        cells = split(line, self.separator)
        if len(cells) != self.width and (len(cells) < self.width or any(cells[self.width :])):
            raise ValueError(f"{len(cells)} cells where the header has {self.width}")
        return cells

    def instant(self, cells: list[str]) -> int:
        text = cells[self.time].strip()
        return instant(text.replace(",", ".") if self.comma else text)

    def value(self, text: str, cell: Cell) -> tuple[Value, Fault | None]:
        return value(text.replace(",", ".") if self.comma else text, cell.settings)


def _wide(reader: _Reader, wanted: list[tuple[int, Cell]]) -> Callable[[str], Row | None]:
    points = tuple(cell.point for _, cell in wanted)

    def parse(line: str) -> Row | None:
        cells = reader.cells(line.replace(",", ".") if reader.comma else line)
        time = instant(cells[reader.time].strip())
        values: list[Value] = []
        faults: dict[int, Fault] = {}
        for at, cell in wanted:
            found, fault = value(cells[at], cell.settings)
            if fault is not None:
                faults[len(values)] = fault
            values.append(found)
        return Row(time, points, tuple(values), faults or NO_FAULTS)

    return parse


def _long(
    reader: _Reader, at: tuple[int, int], quality: int | None, cells: Mapping[str, Cell]
) -> Callable[[str], Row | None]:
    points = {column: (cell.point,) for column, cell in cells.items()}

    def parse(line: str) -> Row | None:
        row = reader.cells(line)
        time = reader.instant(row)
        word = "" if quality is None else row[quality].strip().lower()
        if word not in _REPORTED:
            raise ValueError(f'good, uncertain or bad as quality, not "{word:.20}"')
        column = row[at[0]].strip()
        cell = cells.get(column)
        if cell is None:
            return None
        found, fault = reader.value(row[at[1]], cell)
        fault = max(fault, _REPORTED[word], key=_severity)
        if fault is not None and fault.quality is Quality.BAD:
            found = None
        return Row(time, points[column], (found,), NO_FAULTS if fault is None else {0: fault})

    return parse


def _severity(fault: Fault | None) -> int:
    return 0 if fault is None else fault.quality


def split(line: str, separator: str) -> list[str]:
    """Split a row into cells; quotation marks keep a separator inside a cell."""
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise ValueError(f"quotation marks that do not pair ({error})") from None


def instant(text: str) -> int:
    """Read an RFC 3339 time with its zone, or seconds since 1970, as nanoseconds since 1970 UTC.

    Raises ValueError for anything else, and for what lies before 1970 or after 2262.
    """
    try:
        time = _rfc3339(text) if ":" in text or "T" in text else _epoch(text)
    except (ValueError, OverflowError):
        raise ValueError(_ZONE.format(text[:40])) from None
    if not 0 <= time < _LATEST:
        raise ValueError(_ZONE.format(text[:40]))
    return time


def _rfc3339(text: str) -> int:
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        raise ValueError(text)
    since = parsed - _EPOCH
    time = (since.days * 86_400 + since.seconds) * NANOSECONDS + since.microseconds * 1000
    return time + _nanoseconds(text) if len(text) > 26 else time  # noqa: PLR2004 - digits past µs


def _nanoseconds(text: str) -> int:
    """Give the nanoseconds that datetime leaves out: the seventh to ninth decimal."""
    digits = text.partition(".")[2]
    length = len(digits) - len(digits.lstrip("0123456789"))
    return int(digits[_MICROSECONDS:length][:3].ljust(3, "0")) if length > _MICROSECONDS else 0


def _epoch(text: str) -> int:
    if text.isdecimal():
        return int(text) * NANOSECONDS
    whole, _, fraction = text.partition(".")
    if not (whole.isdecimal() and (fraction.isdecimal() or not fraction)):
        raise ValueError(text)
    return int(whole) * NANOSECONDS + int(fraction[:9].ljust(9, "0"))


def value(text: str, settings: PointSettings | None) -> tuple[Value, Fault | None]:
    """Read a cell and judge it: empty is missing, and what is no number is bad."""
    found = _number(text)
    if found is None:
        return None, NOT_A_NUMBER if text.strip() else MISSING
    if settings is None:
        return found, None
    fault = judge(found, found, settings)
    return (found, None) if fault is None else (None, fault)


def _number(text: str) -> float | int | bool | None:
    try:
        found = float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text.strip().lower())
    if "_" in text:
        return None
    if -_EXACT < found < _EXACT:
        return found
    if not math.isfinite(found):
        return None
    # A counter past 2^53 would lose units as a float.
    return int(text) if text.strip().isdecimal() else found
