"""Totals in, detail for a contract partner out: pure steps, each named for the release log.

Order of the steps: consent (the stream's share, its withdrawal), security class, contract (whom the
stream is told to, as what, until when), generalise, tickets and coverage (of a batch meter),
windows, composition, continuity, round. A stream that a step stops is not in the detail.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.reading import NANOSECONDS
from agent.disclosing.figure import Carry, Figure, coarsen, gathered, significant
from agent.disclosing.policy import Policy, Step, admitted, generalised
from agent.measuring.continuity import HOUR, Hours, continuity
from agent.measuring.total import Total, counted
from config.partner_plan import PartnerPlan
from config.plan import StreamPlan, WindowPlan
from gateway.wire import rfc3339

STEPS = (
    "consent",
    "security-class",
    "contract",
    "generalise",
    "tickets",
    "coverage",
    "windows",
    "composition",
    "continuity",
    "round",
)
"""Names of the steps, in order; pad, sign and seal follow when a message is made."""
DAYS = 30
"""Over how many days continuity is told, at most."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of a stream for a contract: hours told so far, batches that still wait.

    It begins with the contract, so that continuity tells of no hour the partner was not told of.
    """

    hours: tuple[tuple[int, float, float], ...] = ()
    carry: Carry | None = None


NOTHING = Kept()


@dataclass(frozen=True, slots=True)
class Told:
    """What a contract's partner is told of a release window, the steps to it, and what is kept.

    `labels` gives the label of each stream that is in it, by the plant's own name, and `kept` what
    is remembered of each.
    """

    streams: tuple[Mapping[str, Any], ...]
    labels: Mapping[str, str]
    steps: tuple[Step, ...]
    kept: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A release window [start, end) and the length of a measurement window, in nanoseconds."""

    start: int
    end: int
    measure: int

    @classmethod
    def of(cls, windows: WindowPlan, start: int) -> "Span":
        """Give the release window that begins at an instant."""
        return cls(start, start + windows.release, windows.measure)


def tell(
    partner: PartnerPlan,
    streams: Sequence[StreamPlan],
    totals: Mapping[str, Sequence[Total]],
    span: Span,
    kept: Mapping[str, Kept],
    rules: Policy,
) -> Told:
    """Apply a contract to one release window; `kept` is what the window before has kept."""
    steps: list[Step] = []
    told, labels, keeping = [], {}, {}
    for stream in streams:
        label = partner.streams.get(stream.name)
        if label is None or not _named(stream, partner, label, rules, steps):
            continue
        body, after = _stream(
            stream,
            partner,
            totals.get(stream.name, ()),
            span,
            kept.get(stream.name, NOTHING),
            steps,
        )
        told.append({"label": label, **body})
        labels[stream.name], keeping[stream.name] = label, after
    return Told(tuple(told), labels, tuple(steps), keeping)


def _named(
    stream: StreamPlan, partner: PartnerPlan, label: str, rules: Policy, steps: list[Step]
) -> bool:
    """Take the steps that decide whether the partner is told of a stream at all."""
    if not admitted(stream, "partner", rules, steps):
        return False
    outcome = f'to {partner.name} as "{label}", until {rfc3339(partner.until)}'
    steps.append(Step("contract", stream.name, outcome))
    return True


def _stream(
    stream: StreamPlan,
    partner: PartnerPlan,
    totals: Sequence[Total],
    span: Span,
    kept: Kept,
    steps: list[Step],
) -> tuple[dict[str, Any], Kept]:
    code, step = generalised(stream)
    steps.append(step)
    own = [counted(total, stream.basis) for total in totals]
    batches = stream.meter.kind == "batch"
    carry: Carry | None = None
    if batches:
        length = span.end - span.start
        figures, carry = _batches(stream, code, own, span, kept.carry, steps)
    else:
        length = partner.window
        figures = _windows(stream, code, own, span, length)
    outcome = f"{len(own)} windows → {len(figures)} of {length // NANOSECONDS} s"
    steps.append(Step("windows", stream.name, outcome))
    body: dict[str, Any] = {
        "kind": stream.kind,
        "direction": stream.direction,
        "basis": stream.basis,
        "unit": stream.unit,
        "length": length // NANOSECONDS,
        "windows": [_window(start, figure, stream.significant) for start, figure in figures],
    }
    if code is not None:
        body["code"] = code
    body |= _made_of(stream, totals, span, steps)
    hours = () if batches else _hours(kept, own, span)
    body |= _steady(stream, hours, steps)
    steps.append(Step("round", stream.name, f"{stream.significant} digits"))
    return body, Kept(hours, carry)


def _batches(
    stream: StreamPlan,
    code: str | None,
    totals: Sequence[Total],
    span: Span,
    before: Carry | None,
    steps: list[Step],
) -> tuple[list[tuple[int, Figure]], Carry | None]:
    """Tell batches as one window, and only when they are enough: none is ever told alone."""
    count = (span.end - span.start) // span.measure
    carries: dict[str, Carry] = {}
    figure = coarsen(stream, code, totals, count)
    found = gathered(stream, figure, totals, before, carries, steps)
    return [] if found is None else [(span.start, found)], carries.get(stream.name)


def _windows(
    stream: StreamPlan, code: str | None, totals: Sequence[Total], span: Span, length: int
) -> list[tuple[int, Figure]]:
    found = []
    for start in range(span.start, span.end, length):
        own = [total for total in totals if start <= total.start < start + length]
        found.append((start, coarsen(stream, code, own, length // span.measure)))
    return found


def _window(start: int, figure: Figure, digits: int) -> dict[str, Any]:
    body: dict[str, Any] = {
        "start": rfc3339(start),
        "coverage": round(figure.coverage, 3),
        "uncertain": round(figure.uncertain, 3),
    }
    if figure.coverage > 0 or figure.quantity:
        body["quantity"] = significant(figure.quantity, digits)
    if figure.band is not None:
        body["band"] = figure.band
    if figure.marks:
        body["marks"] = list(figure.marks)
    return body


def _made_of(
    stream: StreamPlan, totals: Sequence[Total], span: Span, steps: list[Step]
) -> dict[str, Any]:
    """Tell the last analyses of moisture and composition, and what there was of each component."""
    last, body = span.end - 1, dict[str, Any]()
    if stream.meter.moisture is not None:
        body["moisture"] = round(stream.meter.moisture.at(last), 6)
    course = stream.composition
    if course is None:
        steps.append(Step("composition", stream.name, "none is known"))
        return body
    since = course.since[course.position(last)]
    made = course.at(last)
    parts = []
    for name, share in made.shares.items():
        part: dict[str, Any] = {"name": name, "share": round(share, 6)}
        quantity = None if stream.meter.kind == "batch" else _component(stream, totals, name)
        if quantity is not None:
            part["quantity"] = significant(quantity, stream.significant)
        parts.append(part)
    body["composition"] = {"of": made.of, "components": parts}
    if course.since != (0,):
        body["composition"]["since"] = rfc3339(since)
    steps.append(Step("composition", stream.name, f"{len(parts)} components"))
    return body


def _component(stream: StreamPlan, totals: Sequence[Total], name: str) -> float | None:
    """Add up what windows had of a component, each by the analysis that held when it began.

    None where the mass that its shares are of is not known of any window.
    """
    found: list[float] = []
    for total in totals:
        made = stream.composition.at(total.start) if stream.composition else None
        mass = total.dry if made is not None and made.of == "dry" else total.quantity
        if made is not None and mass is not None and total.coverage > 0:
            found.append(mass * made.shares.get(name, 0.0))
    return math.fsum(found) if found else None


def _hours(kept: Kept, totals: Sequence[Total], span: Span) -> tuple[tuple[int, float, float], ...]:
    since = span.end - DAYS * 24 * HOUR
    hours = Hours.of(kept.hours)
    hours.add(totals)
    return hours.rows(since)


def _steady(
    stream: StreamPlan, hours: Sequence[tuple[int, float, float]], steps: list[Step]
) -> dict[str, Any]:
    """Tell how steady a stream was; of batches nothing, for an hour may hold a single one."""
    firm = None if stream.firm is None else stream.firm * HOUR / NANOSECONDS
    found = continuity({"": Hours.of(hours).counted().values()}, firm)
    if not found:
        steps.append(Step("continuity", stream.name, "no hour counts"))
        return {}
    [one], digits = found, stream.significant
    steps.append(Step("continuity", stream.name, f"{one.hours} hours of {DAYS} days"))
    values = {name: getattr(one, name) for name in ("firm", "p10", "p50", "p90")}
    body = {name: significant(value, digits) for name, value in values.items()}
    share = round(one.firm_share, 3)
    return {"continuity": {"days": DAYS, "hours": one.hours, "firm_share": share, **body}}
