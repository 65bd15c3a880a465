"""The truth of a simulated plant: what flows when, with integrals that are exact.

A course gives a flow at any instant and its amount between two instants in closed form. Nothing is
shared with what measures: the water below comes from correlations of its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

SECOND = 1_000_000_000
"""Nanoseconds in a second."""
HOUR = 3600.0
"""Seconds in an hour."""


class Course(Protocol):
    """A flow over time, per hour; instants are nanoseconds since 1970."""

    def rate(self, time: int) -> float:
        """Give the flow at an instant, in quantity per hour."""

    def amount(self, start: int, end: int) -> float:
        """Give the quantity that flowed in [start, end), exactly."""

    def bounds(self, start: int, end: int) -> tuple[float, float]:
        """Give the least and the greatest flow in [start, end], in quantity per hour."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A flow that swings around its mean: `mean + swing · sin(2π (t - origin)/period + phase)`.

    `mean` and `swing` in quantity per hour, `period` in seconds, `phase` in radians.
    """

    mean: float
    swing: float
    period: float
    phase: float = 0.0
    origin: int = 0

    def _angle(self, time: int) -> float:
        turn = round(self.period * SECOND)
        return 2 * math.pi * ((time - self.origin) % turn) / turn + self.phase

    def rate(self, time: int) -> float:
        """Give the flow at an instant, in quantity per hour."""
        return self.mean + self.swing * math.sin(self._angle(time))

    def amount(self, start: int, end: int) -> float:
        """Give the quantity that flowed in [start, end), exactly."""
        hours = (end - start) / SECOND / HOUR
        turn = self.period / HOUR / (2 * math.pi)
        waved = math.cos(self._angle(start)) - math.cos(self._angle(end))
        return self.mean * hours + self.swing * turn * waved

    def bounds(self, start: int, end: int) -> tuple[float, float]:
        """Give the least and the greatest flow in [start, end], in quantity per hour."""
        first = self._angle(start)
        last = first + 2 * math.pi * (end - start) / SECOND / self.period
        found = [self.rate(start), self.rate(end)]
        quarter = math.ceil(first / math.pi - 0.5)
        while quarter * math.pi + math.pi / 2 <= last and len(found) < 4:  # noqa: PLR2004 a crest and a trough
            found.append(self.mean + self.swing * (1 if quarter % 2 == 0 else -1))
            quarter += 1
        return min(found), max(found)


@dataclass(frozen=True, slots=True)
class Path:
    """A flow in straight lines between corners (instant, quantity per hour), level outside them."""

    corners: Sequence[tuple[int, float]]

    def rate(self, time: int) -> float:
        """Give the flow at an instant, in quantity per hour."""
        before, after = self.corners[0], self.corners[-1]
        if time <= before[0]:
            return before[1]
        if time >= after[0]:
            return after[1]
        for first, second in pairwise(self.corners):
            if first[0] <= time < second[0]:
                share = (time - first[0]) / (second[0] - first[0])
                return first[1] + share * (second[1] - first[1])
        raise AssertionError  # corners rise in time

    def _cuts(self, start: int, end: int) -> list[int]:
        return [start, *(time for time, _ in self.corners if start < time < end), end]

    def amount(self, start: int, end: int) -> float:
        """Give the quantity that flowed in [start, end), exactly."""
        cuts = self._cuts(start, end)
        return math.fsum(
            (self.rate(a) + self.rate(b)) / 2 * ((b - a) / SECOND / HOUR) for a, b in pairwise(cuts)
        )

    def bounds(self, start: int, end: int) -> tuple[float, float]:
        """Give the least and the greatest flow in [start, end], in quantity per hour."""
        found = [self.rate(time) for time in self._cuts(start, end)]
        return min(found), max(found)


@dataclass(frozen=True, slots=True)
class Scaled:
    """Another course times a factor: what it is worth in another quantity."""

    course: Course
    factor: float

    def rate(self, time: int) -> float:
        """Give the flow at an instant, in quantity per hour."""
        return self.factor * self.course.rate(time)

    def amount(self, start: int, end: int) -> float:
        """Give the quantity that flowed in [start, end), exactly."""
        return self.factor * self.course.amount(start, end)

    def bounds(self, start: int, end: int) -> tuple[float, float]:
        """Give the least and the greatest flow in [start, end], in quantity per hour."""
        low, high = sorted(self.factor * bound for bound in self.course.bounds(start, end))
        return low, high


@dataclass(frozen=True, slots=True)
class Counter:
    """A totaliser of a course: whole steps of `step` from `start`, wrapping after `steps` of them.

    `first` is the counter's reading in steps at the instant `start`.
    """

    course: Course
    start: int
    first: int
    step: float
    steps: int = 1 << 32

    def reading(self, time: int) -> int:
        """Give what the register holds at an instant."""
        grown = self.course.amount(self.start, time) / self.step
        return (self.first + math.floor(grown)) % self.steps


def water_heat(supply: float, back: float) -> float:
    """Give the heat of a cubic metre metered in the return, in MW.h: density there · cp · ΔT.

    Temperatures in degrees Celsius. Density and specific heat of liquid water after Popiel and
    Wojtkowiak (1998), valid from 0 to 150 °C at saturation; cp is taken at the mean temperature,
    which is within 0.3 % of the enthalpy difference at 16 bar (0.03 % at 78/41 °C).
    """
    joules = _sum(_DENSITY, back) * _sum(_HEAT, (supply + back) / 2) * 1000 * (supply - back)
    return joules / 3.6e9


_DENSITY = ((0, 999.79684), (1, 0.068317355), (2, -0.010740248), (2.5, 8.2140905e-4), (3, -2.3030988e-5))  # fmt: skip  # noqa: E501
_HEAT = ((0, 4.2174356), (1, -5.6181625e-3), (1.5, 1.2992528e-3), (2, -1.1535353e-4), (2.5, 4.14964e-6))  # fmt: skip  # noqa: E501
"""Exponents and coefficients in degrees Celsius, for kg/m3 and kJ/(kg·K)."""


def _sum(terms: Sequence[tuple[float, float]], celsius: float) -> float:
    return math.fsum(factor * math.pow(celsius, exponent) for exponent, factor in terms)
