"""Totals and events: what a stream's windows hold once closed. Neither ever leaves the plant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Aggregation = Literal["sum", "mean"]


@dataclass(frozen=True, slots=True)
class Total:
    """A stream's quantity in one half-open window [start, end), in nanoseconds since 1970 UTC."""

    stream: str
    start: int
    end: int
    quantity: float
    """What was measured, in `unit`."""
    unit: str
    coverage: float
    """Share of the window that was observed, including what was observed with doubt."""
    uncertain: float
    """Share of the window that was observed with doubt; never above `coverage`."""
    band: str | None
    """Temperature band of the supply, for heat that was observed."""
    marks: tuple[str, ...]
    """What a reader must know, sorted: spread, reset, rollover, clock-step, corrected,
    ticket-missed, cross-check."""
    reasons: Mapping[str, int]
    """Readings that were bad or in doubt, counted by reason, `late` and `wild` among them."""
    tickets: int = 0
    """Batches in the quantity; a voided one of an earlier window counts as less than none."""
    aggregation: Aggregation = "sum"
    """`mean` of a stock: the quantity is its mean over what was observed, and is never added up."""
    closing: float | None = None
    """Of a stock: its last observed value in the window, at its end when that was observed."""
    spread: float = 0.0
    """Share of the window over which a quantity was spread, its course unknown; part of
    `uncertain`, whose rest was observed with doubt. Measured is `coverage` less `uncertain`."""
    uncertainty: float | None = None
    """Expanded uncertainty (k = 2) of the quantity by the meter's class, in `unit`; that of windows
    of one stream is added, for the errors of one meter keep their sign. None without a class."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something an operator may have to look at.

    Kinds: `reset`, `rollover`, `clock-step`, `late-samples`, `wild-values`, `meter-silent`,
    `meter-back`, `meter-changed`, `corrected`, `ticket-missed`, `cross-check`.
    """

    time: int
    stream: str
    kind: str
    detail: str
