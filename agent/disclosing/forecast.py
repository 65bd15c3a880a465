"""What would leave: the policy of a plant file on totals that there are, window by window."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.disclosing.figure import NO_CARRY, Carry, Disclosure, disclose
from agent.disclosing.magnitude import Key, Magnitudes, Told, is_due, magnitudes
from agent.disclosing.policy import Policy
from agent.disclosing.yearly import Tally
from agent.measuring.series import Series, as_of
from agent.measuring.total import Total
from config.plan import PlantPlan, StreamPlan


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the record of a release window [start, end) would hold, and every step to it."""

    start: int
    end: int
    disclosure: Disclosure
    year: Magnitudes | None


@dataclass(frozen=True, slots=True)
class Past:
    """What the state file knows: series, the year's tallies at an instant, what was told of them.

    `totals` gives the totals of one stream that start in a span, in order.
    """

    series: Mapping[str, Series]
    tallies: Callable[[int], Mapping[str, Tally]]
    told: Mapping[Key, Told]
    totals: Callable[[str, int, int], Iterator[Total]]


def forecast(
    plan: PlantPlan, rules: Policy, past: Past, first: int, last: int, warm: int
) -> list[Forecast]:
    """Apply the policy to each release window from `first` to `last`, both between windows.

    Batches may have waited since earlier: those of `warm` nanoseconds before are looked at too.
    """
    carried = _carried(plan, rules, past, first - warm, first)
    found: list[Forecast] = []
    totals = by_window(plan, past, [one.name for one in plan.streams], first, last)
    for start in range(first, last, plan.windows.release):
        end = start + plan.windows.release
        streams = streams_at(plan, past, start)
        windows = plan.windows.release // plan.windows.measure
        one = disclose(streams, totals.get(start, {}), windows, carried, rules)
        carried = one.carried
        year = None
        if is_due(start, end):
            year = magnitudes(streams, past.tallies(end), end, past.told, rules)
        found.append(Forecast(start, end, one, year))
    return found


def _carried(
    plan: PlantPlan, rules: Policy, past: Past, first: int, last: int
) -> Mapping[str, Carry]:
    """See which batches wait at `last`; only streams of batches have any."""
    names = [one.name for one in plan.streams if one.meter.kind == "batch"]
    totals = by_window(plan, past, names, max(first, 0), last)
    carried = NO_CARRY
    for start in sorted(totals):
        streams = [one for one in streams_at(plan, past, start) if one.name in names]
        windows = plan.windows.release // plan.windows.measure
        carried = disclose(streams, totals[start], windows, carried, rules).carried
    return carried


def by_window(
    plan: PlantPlan, past: Past, names: Sequence[str], first: int, last: int
) -> Mapping[int, Mapping[str, list[Total]]]:
    """Give totals by the start of their release window, then by stream."""
    found: dict[int, dict[str, list[Total]]] = {}
    for name in names:
        for total in past.totals(name, first, last):
            start = total.start - total.start % plan.windows.release
            found.setdefault(start, {}).setdefault(name, []).append(total)
    return found


def streams_at(plan: PlantPlan, past: Past, start: int) -> list[StreamPlan]:
    """Give the streams as they were classified at an instant."""
    return [
        as_of(one, past.series[one.name].at(start)) if one.name in past.series else one
        for one in plan.streams
    ]


@dataclass(frozen=True, slots=True)
class Difference:
    """What would leave by one file alone, in a window: members of a record's lists."""

    start: int
    end: int
    before: tuple[Mapping[str, object], ...]
    after: tuple[Mapping[str, object], ...]


def members(one: Forecast) -> list[Mapping[str, object]]:
    """Give what a record would hold: figures, then orders of magnitude."""
    orders = () if one.year is None else one.year.items
    return [*(f.content() for f in one.disclosure.figures), *(order.content() for order in orders)]


def differences(before: Sequence[Forecast], after: Sequence[Forecast]) -> list[Difference]:
    """Compare what would leave by two files in each window that either has."""
    old = {(one.start, one.end): members(one) for one in before}
    new = {(one.start, one.end): members(one) for one in after}
    found = []
    for start, end in sorted({*old, *new}):
        was, is_now = old.get((start, end), []), new.get((start, end), [])
        gone = tuple(one for one in was if one not in is_now)
        come = tuple(one for one in is_now if one not in was)
        if gone or come:
            found.append(Difference(start, end, gone, come))
    return found
