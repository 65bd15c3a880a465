"""A plant's own report from its totals: by stream and by what its streams are, in local time.

Nothing of it leaves the plant. What a stream is, is what the plant file says when the report is
made. Sums are exact to the last bit (`math.fsum`); what was not measured lowers the coverage and is
never a zero.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from agent.continuity import Continuity, Hours, continuity
from agent.localtime import Calendar, Span, local_day
from agent.total import Total
from config.plan import PlantPlan, StreamPlan

MATERIAL = "material recovery"
ENERGY = "energy recovery"
OTHER = "other"
_ENERGY = {"R1"}
_MATERIAL = {f"R{number}" for number in range(2, 12)}
_SECONDS_AN_HOUR = 3600
UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Sum:
    """What a stream had in a span; `coverage` and `uncertain` are shares of the span so far."""

    name: str
    quantity: float | None
    """None when nothing of the span was measured."""
    coverage: float | None
    """None when the span has not begun."""
    uncertain: float | None
    windows: int
    marks: Mapping[str, int]
    """Windows that carry each mark."""


@dataclass(frozen=True, slots=True)
class Line:
    """One stream in one unit: what it is, its sum, and the sums of the parts of the report."""

    stream: str
    kind: str
    unit: str
    code: str | None
    title: str | None
    """Title of the code in the plant's code list."""
    ns9431: str | None
    status: str | None
    treatment: str | None
    treatment_class: str | None
    direction: str
    whole: Sum
    parts: tuple[Sum, ...]
    continuity: tuple[Continuity, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Streams that have something in common, added up; surplus and need are never added.

    `coverage` is the lowest of its streams, `uncertain` the highest.
    """

    by: str
    value: str
    kind: str
    direction: str
    unit: str
    quantity: float | None
    coverage: float | None
    uncertain: float | None
    streams: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report of a year or a month; `until` is the instant it was made at, in nanoseconds."""

    plant: str
    owner: str
    timezone: str
    whole: Span
    parts: tuple[Span, ...]
    codes: str
    """File and version of the code list, or nothing."""
    until: int
    lines: tuple[Line, ...]
    groups: tuple[Group, ...]


def treatment_class(treatment: str | None) -> str | None:
    """Give the class of a treatment of Annexes I and II of Directive 2008/98/EC.

    R1 is energy recovery. R2 to R11 are material recovery (Article 3(15a): any recovery but that of
    energy and the making of fuels). R12 (exchange, pre-treatment) and R13 (storage) come before a
    recovery that they do not name, and D is disposal: both are other.
    """
    if treatment is None:
        return None
    if treatment in _ENERGY:
        return ENERGY
    return MATERIAL if treatment in _MATERIAL else OTHER


@dataclass(slots=True)
class _Account:
    """Windows of one span, gathered."""

    quantities: list[float] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    doubtful: list[float] = field(default_factory=list)
    marks: Counter[str] = field(default_factory=Counter)
    measured: bool = False

    def add(self, total: Total) -> None:
        length = total.end - total.start
        self.quantities.append(total.quantity)
        self.covered.append(total.coverage * length)
        self.doubtful.append(total.uncertain * length)
        self.marks.update(total.marks)
        self.measured = self.measured or total.coverage > 0 or total.quantity != 0

    def sum(self, span: Span, until: int) -> Sum:
        so_far = min(span.end, until) - span.start
        begun = so_far > 0
        return Sum(
            name=span.name,
            quantity=math.fsum(self.quantities) if self.measured else None,
            coverage=min(math.fsum(self.covered) / so_far, 1.0) if begun else None,
            uncertain=min(math.fsum(self.doubtful) / so_far, 1.0) if begun else None,
            windows=len(self.quantities),
            marks=dict(sorted(self.marks.items())),
        )


@dataclass(slots=True)
class _Ledger:
    """Everything of one stream in one unit."""

    whole: _Account = field(default_factory=_Account)
    parts: dict[str, _Account] = field(default_factory=lambda: defaultdict(_Account))
    hours: Hours = field(default_factory=Hours)


def report(plan: PlantPlan, calendar: Calendar, totals: Iterable[Total], until: int) -> Report:
    """Report the totals of windows that start within a calendar; others are passed by.

    A window belongs to the local day of its start. Streams that the plant file no longer has are
    reported by their name alone; stocks are left out, for they do not add up. `until` is the
    present: later time lowers no coverage.
    """
    zone = ZoneInfo(plan.timezone)
    ledgers: dict[tuple[str, str], _Ledger] = defaultdict(_Ledger)
    _, first, last = calendar.whole
    for total in totals:
        if total.aggregation == "sum" and first <= total.start < last:
            ledger = ledgers[total.stream, total.unit]
            ledger.whole.add(total)
            ledger.parts[calendar.label(local_day(total.start, zone))].add(total)
            ledger.hours.add(total)
            until = max(until, total.end)
    lines = _lines(plan, calendar, ledgers, until, zone)
    return Report(
        plant=plan.name,
        owner=plan.owner,
        timezone=plan.timezone,
        whole=calendar.whole,
        parts=calendar.parts,
        codes=f"{plan.codes.file}, version {plan.codes.version}" if plan.codes else "",
        until=until,
        lines=lines,
        groups=_groups(lines),
    )


def _lines(
    plan: PlantPlan,
    calendar: Calendar,
    ledgers: Mapping[tuple[str, str], _Ledger],
    until: int,
    zone: ZoneInfo,
) -> tuple[Line, ...]:
    """Make a line for each stream of the plan, and for what else has totals, in that order."""
    streams = {stream.name: stream for stream in plan.streams}
    flows = [stream for stream in plan.streams if stream.meter.kind != "stock"]
    keys = dict.fromkeys((stream.name, str(stream.unit)) for stream in flows)
    keys |= dict.fromkeys(sorted(ledgers))
    titles = plan.codes.titles if plan.codes else {}
    nothing = _Ledger()
    return tuple(
        _line(key, streams.get(key[0]), ledgers.get(key, nothing), calendar, until, zone, titles)
        for key in keys
    )


def _line(
    key: tuple[str, str],
    stream: StreamPlan | None,
    ledger: _Ledger,
    calendar: Calendar,
    until: int,
    zone: ZoneInfo,
    titles: Mapping[str, str],
) -> Line:
    name, unit = key
    own = stream is not None and stream.unit == unit
    firm = stream.firm if stream is not None and own else None
    return Line(
        stream=name,
        kind=stream.kind if stream else UNSTATED,
        unit=unit,
        code=stream.code if stream else None,
        title=titles.get(stream.code or "") if stream else None,
        ns9431=stream.ns9431 if stream else None,
        status=stream.status if stream else None,
        treatment=stream.treatment if stream else None,
        treatment_class=treatment_class(stream.treatment) if stream else None,
        direction=stream.direction if stream else UNSTATED,
        whole=ledger.whole.sum(calendar.whole, until),
        parts=tuple(
            ledger.parts.get(part.name, _Account()).sum(part, until) for part in calendar.parts
        ),
        continuity=_continuity(ledger.hours, firm, zone),
    )


def _continuity(hours: Hours, firm: float | None, zone: ZoneInfo) -> tuple[Continuity, ...]:
    months: dict[str, list[float]] = defaultdict(list)
    for hour, quantity in hours.counted().items():
        months[local_day(hour, zone).strftime("%Y-%m")].append(quantity)
    return continuity(months, None if firm is None else firm * _SECONDS_AN_HOUR)


_BY: Mapping[str, Callable[[Line], str | None]] = {
    "code": lambda line: line.code,
    "ns9431": lambda line: line.ns9431,
    "treatment": lambda line: line.treatment,
    "treatment class": lambda line: line.treatment_class,
    "status": lambda line: line.status,
    "direction": lambda line: line.direction,
}


def _groups(lines: Sequence[Line]) -> tuple[Group, ...]:
    """Add up the lines by each thing they may have in common, where any of them states it."""
    groups: list[Group] = []
    for by, value in _BY.items():
        held: dict[tuple[str, str, str, str], list[Line]] = defaultdict(list)
        for line in lines:
            held[value(line) or UNSTATED, line.kind, line.direction, line.unit].append(line)
        if any(key[0] != UNSTATED for key in held):
            groups += [_group(by, key, members) for key, members in sorted(held.items())]
    return tuple(groups)


def _group(by: str, key: tuple[str, str, str, str], lines: Sequence[Line]) -> Group:
    sums = [line.whole for line in lines]
    quantities = [each.quantity for each in sums if each.quantity is not None]
    return Group(
        by,
        *key,
        quantity=math.fsum(quantities) if quantities else None,
        coverage=min((each.coverage for each in sums if each.coverage is not None), default=None),
        uncertain=max(
            (each.uncertain for each in sums if each.uncertain is not None), default=None
        ),
        streams=len(lines),
    )
