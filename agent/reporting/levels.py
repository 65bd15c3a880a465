"""Levels of one stock over a span: a mean over time, and what was there first and last."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent.measuring.localtime import Span
from agent.measuring.total import Total
from agent.reporting.accounts import HOUR, Exact, Stated


@dataclass(frozen=True, slots=True)
class Level:
    """A stock's level at an instant (nanoseconds since 1970 UTC), in the stock's unit."""

    time: int
    value: float


@dataclass(frozen=True, slots=True)
class Stock:
    """What a stock was in a span; it is never added to another span or another stock."""

    name: str
    mean: float | None
    """Over the time that was observed; None when none was."""
    uncertainty: float | None
    """Expanded (k = 2), of the mean; None unless all that was observed has one."""
    stated: Stated | None
    first: Level | None
    """At the end of the first window in which it was observed."""
    last: Level | None
    closing: float | None
    """At the end of the span so far; None when its last window did not observe it."""
    coverage: float | None
    hours_missing: float | None
    windows: int


@dataclass(slots=True)
class Levels:
    """Windows of one stock and span, gathered in any order."""

    weighted: Exact = field(default_factory=Exact)
    uncertainty: Exact = field(default_factory=Exact)
    covered: Exact = field(default_factory=Exact)
    first: Level | None = None
    last: Level | None = None
    windows: int = 0
    stating: bool = False
    unstated: bool = False

    def add(self, run: Sequence[Total]) -> None:
        """Take windows: the mean of each counts for as long as the stock was observed."""
        for total in run:
            self._add(total)

    def _add(self, total: Total) -> None:
        self.windows += 1
        if total.coverage > 0:
            observed = total.coverage * (total.end - total.start)
            self.covered.add([observed])
            self.weighted.add([total.quantity * observed])
            if total.uncertainty is not None:
                self.stating = True
                self.uncertainty.add([total.uncertainty * observed])
            elif total.quantity:
                self.unstated = True
        if total.closing is not None:
            self._see(Level(total.end, total.closing))

    def _see(self, level: Level) -> None:
        if self.first is None or level.time < self.first.time:
            self.first = level
        if self.last is None or level.time > self.last.time:
            self.last = level

    def fold(self) -> None:
        """Make room: nothing that follows from the levels changes."""
        for sum_ in (self.weighted, self.uncertainty, self.covered):
            sum_.fold()

    @property
    def stated(self) -> Stated | None:
        """Say which windows with a level state an uncertainty."""
        if not self.covered.value():
            return None
        if not self.stating:
            return "none"
        return "some" if self.unstated else "all"

    def stock(self, span: Span, until: int) -> Stock:
        """Say what the stock was in a span up to an instant, which is the present."""
        end = min(span.end, until)
        so_far = float(end - span.start)
        covered = self.covered.value()
        whole = max(so_far, covered)
        closes = self.last is not None and self.last.time >= end
        return Stock(
            name=span.name,
            mean=self.weighted.value() / covered if covered else None,
            uncertainty=self.uncertainty.value() / covered if self.stated == "all" else None,
            stated=self.stated,
            first=self.first,
            last=self.last,
            closing=self.last.value if self.last is not None and closes else None,
            coverage=covered / whole if so_far > 0 else None,
            hours_missing=(whole - covered) / HOUR if so_far > 0 else None,
            windows=self.windows,
        )


def joined(each: Iterable[Levels]) -> Levels:
    """Make one of several spans of the same stock whose windows are all different ones."""
    whole = Levels()
    for one in each:
        whole.weighted.take(one.weighted)
        whole.uncertainty.take(one.uncertainty)
        whole.covered.take(one.covered)
        whole.windows += one.windows
        whole.stating |= one.stating
        whole.unstated |= one.unstated
        for level in (one.first, one.last):
            if level is not None:
                whole._see(level)  # noqa: SLF001 - of its own kind
    return whole
