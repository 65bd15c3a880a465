"""Totals gathered for a report, stream by stream, so that little is held of any."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from zoneinfo import ZoneInfo

from agent.measuring.continuity import Continuity, Hours, continuity
from agent.measuring.localtime import Calendar, local_day
from agent.measuring.series import Series, marked
from agent.measuring.total import Total, counted
from agent.reporting.accounts import Account
from agent.reporting.levels import Levels
from agent.reporting.makeup import Makeup
from config.course import always
from config.plan import Basis, Classification, PlantPlan, StreamPlan

Key = tuple[str, str, int]
"""A stream, its unit, and the number of its series."""
_SECONDS_AN_HOUR = 3600
_ONE: Series = always(Classification(None, None, None, None, "surplus"))
"""Of a stream that the plan does not have."""


@dataclass(slots=True)
class Flow:
    """Windows that add up, of one stream in one unit: by number of part and temperature band."""

    accounts: dict[tuple[int, str | None], Account] = field(
        default_factory=lambda: defaultdict(Account)
    )
    hours: Hours = field(default_factory=Hours)
    continuity: tuple[Continuity, ...] = ()
    makeup: Makeup = field(default_factory=Makeup)


@dataclass(slots=True)
class Gathered:
    """All that a report's totals hold; `end` is the latest end of their windows."""

    flows: dict[Key, Flow] = field(default_factory=dict)
    stocks: dict[Key, dict[int, Levels]] = field(default_factory=dict)
    end: int = 0


def gathered(
    plan: PlantPlan,
    calendar: Calendar,
    totals: Iterable[Total],
    series: Mapping[str, Series],
) -> Gathered:
    """Gather the totals of windows that start within a calendar; others are passed by.

    `series` are those of the plan's streams: a window belongs to the one of its start. Raises
    ValueError when a stream's totals do not follow one another.
    """
    zone = ZoneInfo(plan.timezone)
    streams = {one.name: one for one in plan.streams}
    firm = {(one.name, str(one.unit)): one.firm for one in plan.streams}
    _, first, last = calendar.whole
    within = (total for total in totals if first <= total.start < last)
    held = Gathered()
    seen: set[str] = set()
    for name, windows in groupby(within, key=lambda total: total.stream):
        if name in seen:
            raise ValueError(f"totals of {name} come in two goes")
        seen.add(name)
        starts = [part.start for part in calendar.parts]
        own = _of_stream(windows, streams.get(name), series.get(name, _ONE), starts)
        for key, flow in own.flows.items():
            _settle(flow, firm.get(key[:2]), zone)
        for parts in own.stocks.values():
            for levels in parts.values():
                levels.fold()
        held.flows |= own.flows
        held.stocks |= own.stocks
        held.end = max(held.end, own.end)
    return held


def _of_stream(
    windows: Iterable[Total], stream: StreamPlan | None, series: Series, starts: Sequence[int]
) -> Gathered:
    """Gather one stream's windows in runs of the same part, unit, band and series."""
    held = Gathered()

    def where(total: Total) -> tuple[int, str, str, str | None, int]:
        return (
            bisect_right(starts, total.start) - 1, total.unit, total.aggregation, total.band,
            series.position(total.start),
        )  # fmt: skip

    for (part, unit, aggregation, band, number), each in groupby(windows, key=where):
        measured = [marked(total, series) for total in each]
        run = _counted(measured, series.values[number].basis)
        key = (run[0].stream, unit, number)
        held.end = max(held.end, *(total.end for total in run))
        if aggregation == "sum":
            flow = held.flows.get(key) or held.flows.setdefault(key, Flow())
            flow.accounts[part, band].add(run)
            flow.hours.add(run)
            if stream is not None and stream.composition is not None:
                flow.makeup.add(measured, stream.composition)
        else:
            held.stocks.setdefault(key, defaultdict(Levels))[part].add(run)
    return held


def _counted(run: list[Total], basis: Basis) -> list[Total]:
    """Give windows as they count by a basis."""
    return run if basis == "wet" else [counted(total, basis) for total in run]


def _settle(flow: Flow, firm: float | None, zone: ZoneInfo) -> None:
    """Keep of a stream what a report needs; `firm` is in its unit per second."""
    for account in flow.accounts.values():
        account.fold()
    months: Mapping[str, list[float]] = defaultdict(list)
    for hour, quantity in flow.hours.counted().items():
        months[local_day(hour, zone).strftime("%Y-%m")].append(quantity)
    flow.continuity = continuity(months, None if firm is None else firm * _SECONDS_AN_HOUR)
    flow.hours = Hours()
