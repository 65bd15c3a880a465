"""How steady a stream is: the hours that reached a firm level, and P10, P50 and P90 of the hours.

An hour is one of UTC and counts when at least half of it was observed; what it had is scaled to the
whole hour by its coverage, so that a short gap does not look like a short stop.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from adapters.reading import NANOSECONDS
from agent.measuring.total import Total

HOUR = 3600 * NANOSECONDS
OBSERVED = 0.5
"""Share of an hour that must be observed for it to count."""
_LOW, _MIDDLE, _HIGH = 0.1, 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Continuity:
    """A stream in one month: quantities are in its unit per hour, shares are of counted hours."""

    name: str
    hours: int
    firm: float
    firm_share: float
    """Share of the hours with the firm level or more."""
    p10: float
    """What nine hours in ten reached."""
    p50: float
    p90: float
    """What one hour in ten reached."""


@dataclass(slots=True)
class Hours:
    """The hours of one stream, gathered from windows that divide an hour; others are passed by."""

    _quantity: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    _observed: dict[int, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, run: Iterable[Total]) -> None:
        """Take windows."""
        for total in run:
            length = total.end - total.start
            if HOUR % length == 0:
                hour = total.start - total.start % HOUR
                self._quantity[hour] += total.quantity
                self._observed[hour] += total.coverage * length / HOUR

    def rows(self, since: int) -> tuple[tuple[int, float, float], ...]:
        """Give start, quantity and share observed of each hour that starts at an instant or later.

        For the state file, which `of` reads them back from.
        """
        return tuple(
            (hour, self._quantity[hour], self._observed[hour])
            for hour in sorted(self._quantity)
            if hour >= since
        )

    @classmethod
    def of(cls, rows: Iterable[tuple[int, float, float]]) -> Self:
        """Take up hours again."""
        made = cls()
        for hour, quantity, observed in rows:
            made._quantity[hour], made._observed[hour] = quantity, observed
        return made

    def counted(self) -> Mapping[int, float]:
        """Give the quantity of each hour that counts, by the hour's start."""
        return {
            hour: self._quantity[hour] / observed
            for hour, observed in sorted(self._observed.items())
            if observed >= OBSERVED
        }


def continuity(months: Mapping[str, Iterable[float]], firm: float | None) -> tuple[Continuity, ...]:
    """Judge months of hourly quantities; without a firm level, it is the P10 of all of them."""
    held = {name: sorted(values) for name, values in months.items()}
    every = sorted(value for values in held.values() for value in values)
    level = percentile(every, _LOW) if firm is None else firm
    return tuple(_month(name, values, level) for name, values in held.items() if values)


def _month(name: str, values: list[float], firm: float) -> Continuity:
    reached = sum(value >= firm for value in values)
    shares = (percentile(values, share) for share in (_LOW, _MIDDLE, _HIGH))
    return Continuity(name, len(values), firm, reached / len(values), *shares)


def percentile(values: list[float], share: float) -> float:
    """Give a percentile of sorted values by the straight line between ranks (NaN of none).

    Hyndman and Fan (1996), definition 7: rank `share`·(n - 1), counted from 0.
    """
    if not values:
        return math.nan
    rank = share * (len(values) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    found = values[low] + (values[high] - values[low]) * (rank - low)
    return min(max(found, values[low]), values[high])
