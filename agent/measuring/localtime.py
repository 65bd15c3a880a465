"""Days and months of a plant's own time zone, as half-open spans of nanoseconds since 1970 UTC."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from adapters.reading import NANOSECONDS
from config.days import midnight

_MONTHS = 12
_DAYS = 31


class Span(NamedTuple):
    """A named half-open span [start, end) in nanoseconds: `2026-03` or `2026-03-29`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a report is of, and the parts it is told in, which follow one another without a gap.

    `label` names the part that a local day belongs to.
    """

    whole: Span
    parts: tuple[Span, ...]
    label: Callable[[date], str]


def local_day(instant: int, zone: ZoneInfo) -> date:
    """Give the local day that an instant lies in."""
    return datetime.fromtimestamp(instant // NANOSECONDS, UTC).astimezone(zone).date()


def local_text(instant: int, zone: ZoneInfo) -> str:
    """Write an instant in local time with its distance from UTC: `2026-10-25T02:15:00+01:00`."""
    return datetime.fromtimestamp(instant // NANOSECONDS, UTC).astimezone(zone).isoformat()


def year(number: int, zone: ZoneInfo) -> Calendar:
    """Give a local year in its months."""
    firsts = [date(number, month, 1) for month in range(1, _MONTHS + 1)]
    firsts.append(date(number + 1, 1, 1))
    return _calendar(f"{number}", firsts, zone, "%Y-%m")


def month(number: int, within: int, zone: ZoneInfo) -> Calendar:
    """Give month `within` (1 to 12) of a local year in its days, of 23 and 25 hours too."""
    first = date(number, within, 1)
    days = [first + timedelta(days=at) for at in range((_next_month(first) - first).days + 1)]
    return _calendar(f"{first:%Y-%m}", days, zone, "%Y-%m-%d")


def period(first: date, last: date, zone: ZoneInfo) -> Calendar:
    """Give the local days from `first` to before `last`: in days up to 31 of them, else in months.

    Months at either end may be cut; ValueError when there is no day between.
    """
    if first >= last:
        raise ValueError(f"{last} is not after {first}")
    name = f"{first} to {last}"
    if (last - first).days <= _DAYS:
        days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
        return _calendar(name, days, zone, "%Y-%m-%d")
    firsts = [first]
    while (following := _next_month(firsts[-1])) < last:
        firsts.append(following)
    return _calendar(name, [*firsts, last], zone, "%Y-%m")


def _next_month(day: date) -> date:
    return date(day.year + day.month // _MONTHS, day.month % _MONTHS + 1, 1)


def _calendar(name: str, firsts: list[date], zone: ZoneInfo, form: str) -> Calendar:
    edges = [midnight(day, zone) for day in firsts]
    parts = tuple(
        Span(day.strftime(form), start, end)
        for day, start, end in zip(firsts[:-1], edges[:-1], edges[1:], strict=True)
    )
    return Calendar(Span(name, edges[0], edges[-1]), parts, lambda day: day.strftime(form))
