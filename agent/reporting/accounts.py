"""Windows of one stream added up: exactly, in little room, whatever their number."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from adapters.reading import NANOSECONDS
from agent.measuring.localtime import Span
from agent.measuring.total import Total

HOUR = 3600 * NANOSECONDS
Stated = Literal["all", "some", "none"]
"""Which of the windows with a quantity state an uncertainty."""
_ROOM = 1024


@dataclass(frozen=True, slots=True)
class Sum:
    """What a stream had in a span; shares are of the span so far, from 0 to 1."""

    name: str
    quantity: float | None
    """None when nothing of the span was measured."""
    uncertainty: float | None
    """Expanded (k = 2), in the unit of the quantity; None unless all that was measured has one."""
    stated: Stated | None
    """What of the quantity has an uncertainty; None when nothing was measured."""
    coverage: float | None
    """Share that was observed; None, like all shares, when the span has not begun."""
    uncertain: float | None
    """Share that was observed with doubt: `spread` and `doubtful` together."""
    measured: float | None
    spread: float | None
    doubtful: float | None
    missing: float | None
    """`measured`, `spread`, `doubtful` and `missing` add up to 1."""
    hours_missing: float | None
    windows: int
    tickets: int
    """Batches in the quantity."""
    marks: Mapping[str, int]
    """Windows that carry each mark."""
    dry: float | None
    """Dry mass of the windows whose moisture is stated; None without any."""


@dataclass(frozen=True, slots=True)
class BandSum:
    """The heat of a stream's windows of one temperature band in a span."""

    name: str
    band: str | None
    """None for heat whose supply temperature is not known, as from a meter that counts energy."""
    quantity: float
    uncertainty: float | None
    stated: Stated | None
    hours: float
    """Hours that were observed in this band."""
    windows: int


class Exact:
    """A sum of floats that is rounded once, when it is asked for, as `math.fsum` of all terms."""

    __slots__ = ("_terms",)

    def __init__(self) -> None:
        self._terms: list[float] = []

    def add(self, terms: Iterable[float]) -> None:
        """Add terms."""
        self._terms += terms
        if len(self._terms) >= _ROOM:
            self.fold()

    def take(self, other: "Exact") -> None:
        """Add all the terms of another sum."""
        self._terms += other._terms  # noqa: SLF001 - of its own kind

    def fold(self) -> None:
        """Keep few floats that add up to exactly the same: each is what the ones before leave."""
        kept: list[float] = []
        while rest := math.fsum((*self._terms, *(-term for term in kept))):
            kept.append(rest)
        self._terms = kept

    def value(self) -> float:
        """Give the sum."""
        return math.fsum(self._terms)


@dataclass(slots=True)
class Account:
    """Windows of one span, gathered; times are in nanoseconds."""

    quantity: Exact = field(default_factory=Exact)
    uncertainty: Exact = field(default_factory=Exact)
    covered: Exact = field(default_factory=Exact)
    uncertain: Exact = field(default_factory=Exact)
    spread: Exact = field(default_factory=Exact)
    dry: Exact = field(default_factory=Exact)
    marks: Counter[str] = field(default_factory=Counter)
    windows: int = 0
    tickets: int = 0
    measured: bool = False
    stating: bool = False
    unstated: bool = False
    dried: bool = False

    def add(self, run: Sequence[Total]) -> None:
        """Take windows, many at once, for there are millions."""
        self.windows += len(run)
        self.tickets += sum(one.tickets for one in run)
        self.marks.update(mark for one in run if one.marks for mark in one.marks)
        self.covered.add([one.coverage * (one.end - one.start) for one in run])
        self.uncertain.add([one.uncertain * (one.end - one.start) for one in run if one.uncertain])
        self.spread.add([one.spread * (one.end - one.start) for one in run if one.spread])
        self._measure([one for one in run if one.coverage > 0 or one.quantity])

    def _measure(self, run: Sequence[Total]) -> None:
        known = [one.uncertainty for one in run if one.uncertainty is not None]
        dry = [one.dry for one in run if one.dry is not None]
        self.quantity.add([one.quantity for one in run])
        self.uncertainty.add(known)
        self.dry.add(dry)
        self.measured |= bool(run)
        self.stating |= bool(known)
        self.dried |= bool(dry)
        if len(known) < len(run):
            self.unstated |= any(one.uncertainty is None and one.quantity for one in run)

    def fold(self) -> None:
        """Make room: nothing that follows from the account changes."""
        for sum_ in (
            self.quantity, self.uncertainty, self.covered, self.uncertain, self.spread, self.dry,
        ):  # fmt: skip
            sum_.fold()

    @property
    def stated(self) -> Stated | None:
        """Say which windows with a quantity state an uncertainty; one of zero needs to state none.

        The limit of a relative error of nothing is nothing, whatever the class.
        """
        if not self.measured:
            return None
        if not self.stating:
            return "none"
        return "some" if self.unstated else "all"

    @property
    def expanded(self) -> float | None:
        """Give the windows' uncertainties added: errors of one meter keep their sign."""
        return self.uncertainty.value() if self.stated == "all" else None

    def sum(self, span: Span, until: int) -> Sum:
        """Say what a span had up to an instant, which is the present."""
        begun = min(span.end, until) > span.start
        shares = self._shares(min(span.end, until) - span.start) if begun else _NO_SHARES
        return Sum(
            name=span.name,
            quantity=self.quantity.value() if self.measured else None,
            uncertainty=self.expanded,
            stated=self.stated,
            **shares,
            windows=self.windows,
            tickets=self.tickets,
            marks=dict(sorted(self.marks.items())),
            dry=self.dry.value() if self.dried else None,
        )

    def _shares(self, so_far: int) -> dict[str, float | None]:
        """Divide the time so far, or what was observed should windows reach beyond the span."""
        covered, uncertain = self.covered.value(), self.uncertain.value()
        spread = min(self.spread.value(), uncertain)
        whole = max(float(so_far), covered)
        missing = whole - covered
        return {
            "coverage": covered / whole,
            "uncertain": uncertain / whole,
            "measured": max(covered - uncertain, 0.0) / whole,
            "spread": spread / whole,
            "doubtful": (uncertain - spread) / whole,
            "missing": missing / whole,
            "hours_missing": missing / HOUR,
        }

    def band_sum(self, name: str, band: str | None) -> BandSum:
        """Say what the windows of one temperature band had."""
        hours = self.covered.value() / HOUR
        return BandSum(
            name, band, self.quantity.value(), self.expanded, self.stated, hours, self.windows
        )


_NO_SHARES: Mapping[str, float | None] = dict.fromkeys(
    ("coverage", "uncertain", "measured", "spread", "doubtful", "missing", "hours_missing")
)


def joined(accounts: Iterable[Account]) -> Account:
    """Make one account of several whose windows are all different ones."""
    whole = Account()
    for one in accounts:
        whole.quantity.take(one.quantity)
        whole.uncertainty.take(one.uncertainty)
        whole.covered.take(one.covered)
        whole.uncertain.take(one.uncertain)
        whole.spread.take(one.spread)
        whole.dry.take(one.dry)
        whole.marks.update(one.marks)
        whole.windows += one.windows
        whole.tickets += one.tickets
        whole.measured |= one.measured
        whole.stating |= one.stating
        whole.unstated |= one.unstated
        whole.dried |= one.dried
    return whole
