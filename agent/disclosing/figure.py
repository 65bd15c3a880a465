"""Totals in, figures out: the disclosure policy as pure steps, each named for the release log.

Order of the steps: consent, security class, generalise, coarsen, tickets (of a batch meter),
coverage, then over all streams of the plant merge and round. A stream that a step stops leaves
nothing; the step says why. Batches that may not leave yet are not dropped but carried into the next
release window.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import get_args

from agent.disclosing.policy import Policy, Step, admitted, generalised
from agent.measuring.total import Total, counted
from config.plan import StreamPlan
from gateway.wire import Mark

MARKS = frozenset(get_args(Mark))
"""Marks that leave; others are for the plant alone."""
STEPS = (
    "consent",
    "security-class",
    "generalise",
    "coarsen",
    "tickets",
    "coverage",
    "merge",
    "round",
)
"""Names of the steps, in order; pseudonymise, pad, sign and seal follow when a record is made."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What may leave for one kind, code, band and direction; quantity in `unit`, shares 0 to 1."""

    kind: str
    code: str | None
    band: str | None
    direction: str
    unit: str
    quantity: float
    coverage: float
    uncertain: float
    marks: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What figures are merged by."""
        return (self.kind, self.code or "", self.band or "", self.direction, self.unit)

    def content(self) -> dict[str, object]:
        """Give the figure as a member of a record; what does not apply is left out."""
        body: dict[str, object] = {
            "kind": self.kind,
            "direction": self.direction,
            "unit": self.unit,
            "quantity": self.quantity,
            "coverage": self.coverage,
            "uncertain": self.uncertain,
            "marks": list(self.marks),
        }
        if self.code is not None:
            body["code"] = self.code
        if self.band is not None:
            body["band"] = self.band
        return body


@dataclass(frozen=True, slots=True)
class Carry:
    """Batches of a stream that wait for a release window with more of them.

    `key` is a figure's, and the basis where it is not the wet mass.
    """

    key: tuple[str, ...]
    quantity: float
    tickets: int
    marks: tuple[str, ...] = ()


NO_CARRY: Mapping[str, Carry] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Part:
    """What one stream brings to a figure, as it is before the streams are merged and rounded."""

    stream: str
    figure: Figure
    digits: int


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The figures of one release window, every step that led to them, and what is carried on.

    `parts` is what the figures were merged of; it stays in the plant.
    """

    figures: tuple[Figure, ...]
    steps: tuple[Step, ...]
    carried: Mapping[str, Carry] = field(default_factory=lambda: NO_CARRY)
    parts: tuple[Part, ...] = ()


OPEN = Policy()


def disclose(
    streams: Sequence[StreamPlan],
    totals: Mapping[str, Sequence[Total]],
    windows: int,
    carried: Mapping[str, Carry] = NO_CARRY,
    rules: Policy = OPEN,
) -> Disclosure:
    """Apply the policy to one release window of `windows` measurement windows.

    `totals` holds each stream's totals in that release window; a missing one counts as not covered.
    `carried` is what the release window before has carried on, `rules` what holds for all streams.
    """
    steps: list[Step] = []
    parts: list[Part] = []
    carries: dict[str, Carry] = {}
    for stream in streams:
        own = [counted(total, stream.basis) for total in totals.get(stream.name, ())]
        figure = _stream(stream, own, windows, rules, steps)
        if figure is not None and stream.meter.kind == "batch":
            figure = gathered(stream, figure, own, carried.get(stream.name), carries, steps)
        elif figure is not None:
            figure = _covered(stream, figure, own, steps)
        if figure is not None:
            parts.append(Part(stream.name, figure, stream.significant))
    figures = joined(parts, steps)
    return Disclosure(figures, tuple(steps), carries, tuple(parts))


def joined(parts: Sequence[Part], steps: list[Step]) -> tuple[Figure, ...]:
    """Take the steps over all streams of the plant: merge what reads alike, then round."""
    merged = _merge(parts, steps)
    return tuple(_round(figure, digits, steps) for figure, digits in merged)


def _stream(
    stream: StreamPlan, totals: Sequence[Total], windows: int, rules: Policy, steps: list[Step]
) -> Figure | None:
    if not admitted(stream, "cluster", rules, steps):
        return None
    if any(total.aggregation == "mean" for total in totals):
        steps.append(Step("generalise", stream.name, "a stock stays in the plant", stopped=True))
        return None
    code, step = generalised(stream)
    steps.append(step)
    figure = coarsen(stream, code, totals, windows)
    dry = "" if stream.basis == "wet" else ", dry mass"
    outcome = f"{len(totals)} of {windows} windows → one release window{dry}"
    steps.append(Step("coarsen", stream.name, outcome))
    return figure


def gathered(
    stream: StreamPlan,
    own: Figure,
    totals: Sequence[Total],
    before: Carry | None,
    carries: dict[str, Carry],
    steps: list[Step],
) -> Figure | None:
    """Join a figure with the batches carried to it, or carry all of them on."""
    key = own.key if stream.basis == "wet" else (*own.key, stream.basis)
    if before is not None and before.key != key:
        outcome = f"{before.tickets} carried as {' '.join(filter(None, before.key))}: left behind"
        steps.append(Step("tickets", stream.name, outcome))
        before = None
    figure, tickets = own, sum(total.tickets for total in totals)
    if before is not None:
        marks = {*own.marks, *before.marks, "spread"}
        total = math.fsum((own.quantity, before.quantity))
        figure = replace(own, quantity=total, marks=tuple(sorted(marks)))
        tickets += before.tickets
    enough = tickets >= stream.min_tickets
    outcome = f"{tickets} of at least {stream.min_tickets}"
    if not enough:
        outcome += ": carried to the next release window"
    steps.append(Step("tickets", stream.name, outcome, stopped=not enough))
    left = _covered(stream, figure, totals, steps) if enough else None
    if left is None and (tickets or figure.quantity):
        carries[stream.name] = Carry(key, figure.quantity, tickets, figure.marks)
    return left


def _covered(
    stream: StreamPlan, figure: Figure, totals: Sequence[Total], steps: list[Step]
) -> Figure | None:
    """Stop a figure that too little was observed of."""
    if figure.coverage < stream.coverage_floor or not totals:
        outcome = f"{figure.coverage:.0%} covered, {stream.coverage_floor:.0%} needed"
        steps.append(Step("coverage", stream.name, outcome, stopped=True))
        return None
    steps.append(Step("coverage", stream.name, f"{figure.coverage:.0%} covered"))
    return figure


def coarsen(stream: StreamPlan, code: str | None, totals: Sequence[Total], windows: int) -> Figure:
    """Sum a stream's totals over a release window; the band is that of the largest share."""
    bands: dict[str, float] = {}
    for total in totals:
        if total.band is not None:
            bands[total.band] = bands.get(total.band, 0.0) + abs(total.quantity)
    return Figure(
        kind=stream.kind,
        code=code,
        band=max(sorted(bands), key=lambda band: bands[band]) if bands else None,
        direction=stream.direction,
        unit=stream.unit,
        quantity=math.fsum(total.quantity for total in totals),
        coverage=min(1.0, math.fsum(total.coverage for total in totals) / windows),
        uncertain=min(1.0, math.fsum(total.uncertain for total in totals) / windows),
        marks=tuple(sorted({mark for total in totals for mark in total.marks} & MARKS)),
    )


def _merge(parts: Sequence[Part], steps: list[Step]) -> list[tuple[Figure, int]]:
    """Add figures of one key; the coarsest rounding of them holds for the sum."""
    groups: dict[tuple[str, str, str, str, str], list[Part]] = {}
    for part in parts:
        groups.setdefault(part.figure.key, []).append(part)
    if len(groups) < len(parts):
        steps.append(Step("merge", "plant", f"{len(parts)} figures → {len(groups)}"))
    return [
        (_sum([part.figure for part in group]), min(part.digits for part in group))
        for _, group in sorted(groups.items())
    ]


def _sum(figures: Sequence[Figure]) -> Figure:
    """Add figures of one key; shares are the mean, so that two streams do not read as one gap."""
    return replace(
        figures[0],
        quantity=math.fsum(figure.quantity for figure in figures),
        coverage=math.fsum(figure.coverage for figure in figures) / len(figures),
        uncertain=math.fsum(figure.uncertain for figure in figures) / len(figures),
        marks=tuple(sorted({mark for figure in figures for mark in figure.marks})),
    )


def _round(figure: Figure, digits: int, steps: list[Step]) -> Figure:
    rounded = replace(
        figure,
        quantity=significant(figure.quantity, digits),
        coverage=round(figure.coverage, 2),
        uncertain=round(figure.uncertain, 2),
    )
    subject = " ".join(part for part in figure.key if part)
    steps.append(Step("round", subject, f"{rounded.quantity:g} {figure.unit} ({digits} digits)"))
    return rounded


def significant(value: float, digits: int) -> float:
    """Round to a number of significant decimal figures; zero stays zero."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))
