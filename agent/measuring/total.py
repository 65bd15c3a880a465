"""Totals and events: what a stream's windows hold once closed. Neither ever leaves the plant."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from config.plan import Basis

Aggregation = Literal["sum", "mean"]
EventKind = Literal[
    "reset",
    "rollover",
    "may-have-turned",
    "clock-step",
    "windows-skipped",
    "late-samples",
    "wild-values",
    "meter-silent",
    "meter-back",
    "meter-changed",
    "reclassified",
    "corrected",
    "ticket-missed",
    "cross-check",
    "record-dropped",
    "record-withdrawn",
    "withdrawn",
    "restored",
    "detail-dropped",
    "partner-dropped",
    "partner-ended",
    "partner-resumed",
    "certificate-expiring",
    "certificate-renewed",
    "state-damaged",
]
"""Every kind of event there is; `agent.running.kinds` explains each."""


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
    ticket-missed, cross-check, may-have-turned."""
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
    dry: float | None = None
    """Of a mass whose moisture is stated: what it is without its water, in `unit`."""


def counted(total: Total, basis: Basis) -> Total:
    """Give a total as it counts by a basis: dry, its quantity is what it is without its water.

    Where the dry mass is not known, nothing counts as observed, for nothing is known of it.
    """
    if basis == "wet":
        return total
    if total.dry is None:
        return replace(
            total, quantity=0.0, coverage=0.0, uncertain=0.0, spread=0.0, uncertainty=None,
            tickets=0, closing=None,
        )  # fmt: skip
    share = total.dry / total.quantity if total.quantity else 1.0
    known = total.uncertainty
    return replace(
        total,
        quantity=total.dry,
        uncertainty=None if known is None else known * share,
        closing=None if total.closing is None else total.closing * share,
    )


@dataclass(frozen=True, slots=True)
class Event:
    """Something an operator may have to look at, in nanoseconds since 1970 UTC."""

    time: int
    stream: str
    kind: EventKind
    detail: str
