"""What a measured amount is worth at its instant: in the stream's unit, and dry.

Density and moisture change a few times a year, with an analysis. Each contribution is valued by the
instants it was measured at, however late it comes: windows split it where a value changes.
"""

from bisect import bisect_right
from typing import NamedTuple

from config.course import Course
from config.plan import MeterPlan

FOREVER = 1 << 62


class Worth(NamedTuple):
    """What holds in [since, until): units of the stream for a measured one, and their dry share."""

    since: int
    until: int
    exchange: float
    dry: float | None


PLAIN = Worth(-FOREVER, FOREVER, 1.0, None)
"""Of what is measured in the stream's own unit and whose moisture is not stated."""


class Attributes:
    """The worths of one stream, in order of time."""

    def __init__(self, exchange: Course[float] | None, moisture: Course[float] | None) -> None:
        courses = [course for course in (exchange, moisture) if course is not None]
        edges = sorted({edge for course in courses for edge in course.edges})
        self._starts = [-FOREVER, *edges]
        self._worths = [
            Worth(
                since,
                until,
                1.0 if exchange is None else exchange.at(since),
                None if moisture is None else 1.0 - moisture.at(since),
            )
            for since, until in zip(self._starts, [*edges, FOREVER], strict=True)
        ]
        self.dries = moisture is not None

    @classmethod
    def of(cls, plan: MeterPlan) -> "Attributes":
        """Give those of a meter's plan."""
        return cls(plan.exchange, plan.moisture)

    def at(self, instant: int) -> Worth:
        """Give what holds at an instant."""
        return self._worths[bisect_right(self._starts, instant) - 1]


STEADY = Attributes(None, None)
"""Of a stream that states neither."""
