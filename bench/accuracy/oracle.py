"""What a meter should make of the readings that it was given: sums that share no code with it.

Counts are added as whole numbers. Trapezoids are added by `math.fsum`, which rounds once a minute
of readings, and from there on as fractions, which do not round.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

GAP = 3
"""Seconds: readings further apart are not bridged."""


@dataclass(slots=True)
class Integral:
    """The trapezoid of samples, and how long they cover; `cubes` is the sum of h³ for its bound."""

    whole: Fraction = Fraction(0)
    covered: int = 0
    cubes: int = 0
    stretches: list[tuple[int, int]] = field(default_factory=list)
    _parts: list[float] = field(default_factory=list)
    _last: tuple[int, float] | None = None

    def take(self, second: int, value: float) -> None:
        """Take a usable sample."""
        if self._last is not None:
            before, level = self._last
            step = second - before
            if step <= GAP:
                self._parts.append((level + value) * step)
                self.covered += step
                self.cubes += step * step * step
                if len(self._parts) >= 60:
                    self._fold()
            else:
                self._last = None
        if self._last is None:
            self.stretches.append((second, second))
        self._last = (second, value)
        self.stretches[-1] = (self.stretches[-1][0], second)

    def _fold(self) -> None:
        self.whole += Fraction(math.fsum(self._parts))
        self._parts.clear()

    def total(self) -> float:
        """Give the integral, in the sample's unit times seconds."""
        self._fold()
        return float(self.whole / 2)


@dataclass(slots=True)
class Counted:
    """The rises of a count between readings that were accepted, each times a weight."""

    whole: int = 0
    priced: Fraction = Fraction(0)
    _parts: list[float] = field(default_factory=list)
    _last: tuple[int, float] | None = None

    def take(self, count: int, worth: float = 1.0) -> None:
        """Take the true count; `worth` is a unit's at this instant, and goes in a straight line."""
        if self._last is not None:
            before, price = self._last
            self.whole += count - before
            self._parts.append((count - before) * (price + worth) / 2)
            if len(self._parts) >= 60:
                self._fold()
        self._last = (count, worth)

    def forget(self) -> None:
        """Leave out the rise to the next count: the counter was reset."""
        self._last = None

    def _fold(self) -> None:
        self.priced += Fraction(math.fsum(self._parts))
        self._parts.clear()

    def worth(self) -> float:
        """Give the sum of the rises times their worth."""
        self._fold()
        return float(self.priced)


@dataclass(slots=True)
class Weighed:
    """Tickets in kilograms as last seen; the one shown first does not count."""

    kilograms: int = 0
    tickets: int = 0
    _known: tuple[int, int] | None = None
    _first: int | None = None

    def take(self, number: int, kilograms: int) -> None:
        """Take what the scale shows; a voided ticket weighs 0."""
        if self._first is None:
            self._first = number
        if number == self._first:
            return
        before = self._known[1] if self._known and self._known[0] == number else 0
        self.kilograms += kilograms - before
        self.tickets += bool(kilograms) - bool(before)
        self._known = (number, kilograms)
