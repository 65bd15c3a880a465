"""Orders of magnitude: what a stream with `share = "band"` tells, of a year, once a month.

The last twelve calendar months in UTC, or what there is of them, are annualised over what was
observed. The record of the release window in which a month ends holds them: a fixed schedule.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, get_args

from adapters.reading import NANOSECONDS
from agent.disclosing.policy import Policy, Step, admitted, generalised
from agent.disclosing.yearly import Sum, Tally, last_year, month
from config.plan import StreamPlan
from gateway.wire import Magnitude

LEVELS: tuple[Magnitude, ...] = get_args(Magnitude)
"""Names of the orders of magnitude, by level: level n is from 10^(n-1) to 10^n, the first below."""
STEPS = (
    "consent",
    "security-class",
    "generalise",
    "annualise",
    "coverage",
    "merge",
    "magnitude",
)
"""Names of the steps, in order."""
HYSTERESIS = 1.25
"""A magnitude is told anew when the year's quantity is beyond a border by more than this factor."""
YEAR = 365 * 86_400 * NANOSECONDS
LEAST = 7 * 86_400 * NANOSECONDS
"""What must have been observed, in all, before a year is made of it."""

Key = tuple[str, str, str, str]
"""Kind, code, direction, unit: what magnitudes are merged by."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was told last of a key: its level, when (a month's number), and the level before."""

    level: int
    month: int
    before: int | None = None

    def ahead_of(self, month: int) -> int | None:
        """Give the level that was told before a month."""
        return self.level if self.month < month else self.before


@dataclass(frozen=True, slots=True)
class Year:
    """What one stream brings to a magnitude: its annualised quantity."""

    stream: str
    key: Key
    quantity: float


@dataclass(frozen=True, slots=True)
class Ordered:
    """One order of magnitude, as it may leave."""

    key: Key
    level: int

    @property
    def told(self) -> str:
        """Say it in words."""
        return f"{LEVELS[self.level]} {self.key[3]} a year"

    def content(self) -> dict[str, object]:
        """Give it as a member of a record."""
        kind, code, direction, unit = self.key
        body: dict[str, object] = {
            "kind": kind,
            "direction": direction,
            "unit": unit,
            "magnitude": LEVELS[self.level],
        }
        return {**body, "code": code} if code else body


NOTHING_TOLD: Mapping[Key, Told] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """What a month's record tells of the year, the steps to it, and what is to be remembered."""

    items: tuple[Ordered, ...]
    steps: tuple[Step, ...]
    told: Mapping[Key, Told]
    parts: tuple[Year, ...]


def is_due(start: int, end: int) -> bool:
    """Tell whether a month ends in a release window, at its end or within."""
    return month(start) < month(end)


def magnitudes(
    streams: Sequence[StreamPlan],
    tallies: Mapping[str, Tally],
    end: int,
    told: Mapping[Key, Told] = NOTHING_TOLD,
    rules: Policy | None = None,
) -> Magnitudes:
    """Apply the policy to the year before the month that the end of a release window is in."""
    steps: list[Step] = []
    parts: list[Year] = []
    for stream in streams:
        year = _stream(stream, tallies.get(stream.name), end, rules or Policy(), steps)
        if year is not None:
            parts.append(year)
    now = month(end)
    items = ordered(parts, told, now, steps)
    kept = dict(told)
    for item in items:
        last = told.get(item.key)
        kept[item.key] = Told(item.level, now, None if last is None else last.ahead_of(now))
    return Magnitudes(items, tuple(steps), kept, tuple(parts))


def _stream(
    stream: StreamPlan, tally: Tally | None, end: int, rules: Policy, steps: list[Step]
) -> Year | None:
    if not admitted(stream, "band", rules, steps) or stream.meter.kind == "stock":
        return None
    code, step = generalised(stream)
    steps.append(step)
    begin, found = last_year(tally, end)
    quantity = found.quantity / found.observed * YEAR if found.observed > 0 else 0.0
    span = f"{(end - begin) / (86_400 * NANOSECONDS):.0f} days → a year"
    steps.append(Step("annualise", stream.name, span))
    lacking = _lacking(stream, found, end - begin)
    steps.append(Step("coverage", stream.name, lacking or "enough observed", stopped=bool(lacking)))
    key = (stream.kind, code or "", stream.direction, stream.unit)
    return None if lacking else Year(stream.name, key, quantity)


def _lacking(stream: StreamPlan, found: Sum, span: int) -> str:
    """Say what a year cannot be made of; empty when it can."""
    if found.observed < LEAST:
        return f"{found.observed / LEAST * 7:.1f} days observed, 7 needed"
    if found.observed < stream.coverage_floor * span:
        return f"{found.observed / span:.0%} covered, {stream.coverage_floor:.0%} needed"
    if stream.meter.kind == "batch" and found.tickets < stream.min_tickets:
        return f"{found.tickets} of at least {stream.min_tickets} batches"
    return ""


def ordered(
    parts: Sequence[Year], told: Mapping[Key, Told], now: int, steps: list[Step]
) -> tuple[Ordered, ...]:
    """Take the steps over all streams of the plant: merge what reads alike, then give the order."""
    groups: dict[Key, list[float]] = {}
    for part in parts:
        groups.setdefault(part.key, []).append(part.quantity)
    if len(groups) < len(parts):
        steps.append(Step("merge", "plant", f"{len(parts)} years → {len(groups)}"))
    found = []
    for key, quantities in sorted(groups.items()):
        last = told.get(key)
        level = held(math.fsum(quantities), None if last is None else last.ahead_of(now))
        subject = " ".join(filter(None, key))
        found.append(Ordered(key, level))
        steps.append(Step("magnitude", subject, found[-1].told))
    return tuple(found)


def level_of(quantity: float) -> int:
    """Give the level of a year's quantity in its unit; below 1, and below nothing, it is 0."""
    return sum(quantity >= 10.0**power for power in range(len(LEVELS) - 1))


def held(quantity: float, before: int | None) -> int:
    """Give the level, which stays what it was while the quantity is near that level's borders."""
    if before is None:
        return level_of(quantity)
    low = -math.inf if before == 0 else 10.0 ** (before - 1) / HYSTERESIS
    high = math.inf if before == len(LEVELS) - 1 else 10.0**before * HYSTERESIS
    return before if low <= quantity < high else level_of(quantity)


def told_document(told: Mapping[Key, Told]) -> list[Any]:
    """Write what was told for the state file."""
    return [[list(key), asdict(one)] for key, one in sorted(told.items())]


def told_of(document: Sequence[Any]) -> dict[Key, Told]:
    """Read what was told from the state file."""
    found: dict[Key, Told] = {}
    for (kind, code, direction, unit), one in document:
        found[kind, code, direction, unit] = Told(**one)
    return found
