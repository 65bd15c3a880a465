"""Local days of a plant, by their first instants."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

_NANOSECONDS = 1_000_000_000


def midnight(day: date, zone: ZoneInfo) -> int:
    """Give the first instant of a local day; where clocks skip midnight, the instant they skip."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * _NANOSECONDS
