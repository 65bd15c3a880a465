"""The months of a year: what each stream that shares had in them, and how much was observed.

A tally is a running sum of release windows by calendar month in UTC. It follows what the stream is:
a new series begins a new tally.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from adapters.reading import NANOSECONDS
from agent.measuring.series import Series, as_of
from agent.measuring.total import Total, counted
from config.plan import StreamPlan

YEAR = "year:"
TALLIES = "tallies"
TOLD = "told"
"""Names in the state file: what the months hold, and the orders of magnitude told of them."""
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Sum:
    """What a stream had in a month: quantity, nanoseconds observed, batches."""

    quantity: float = 0.0
    observed: float = 0.0
    tickets: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """A stream's months by number (year times 12 plus month), since it is what `key` says.

    `first` is the start of the first release window that was counted.
    """

    key: tuple[str | None, ...]
    first: int
    months: Mapping[int, Sum] = field(default_factory=dict)


def month(instant: int) -> int:
    """Give the number of the month in UTC that an instant is in: year times 12 plus month."""
    moment = datetime.fromtimestamp(instant // NANOSECONDS, UTC)
    return moment.year * _MONTHS + moment.month - 1


def month_start(number: int) -> int:
    """Give the first instant of a month."""
    first = datetime(number // _MONTHS, number % _MONTHS + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * NANOSECONDS


def tallied(
    tallies: Mapping[str, Tally],
    streams: Iterable[StreamPlan],
    totals: Mapping[str, Sequence[Total]],
    start: int,
) -> dict[str, Tally]:
    """Count a release window that starts at `start` in the tallies of the streams that share.

    A stream that is another than it was begins anew; months more than a year back are left out.
    """
    found = {}
    for stream in streams:
        if stream.share == "off":
            continue
        own = [counted(total, stream.basis) for total in totals.get(stream.name, ())]
        key = (stream.kind, stream.code, stream.direction, stream.unit, stream.basis)
        tally = tallies.get(stream.name)
        if tally is None or tally.key != key:
            tally = Tally(key, start)
        found[stream.name] = _added(tally, month(start), own)
    return found


def _added(tally: Tally, number: int, totals: Sequence[Total]) -> Tally:
    months = {at: one for at, one in tally.months.items() if at > number - _MONTHS}
    before = months.get(number, Sum())
    observed = (total.coverage * (total.end - total.start) for total in totals)
    months[number] = Sum(
        math.fsum((before.quantity, *(total.quantity for total in totals))),
        math.fsum((before.observed, *observed)),
        before.tickets + sum(total.tickets for total in totals),
    )
    return replace(tally, months=months)


def recounted(
    streams: Sequence[StreamPlan],
    series: Mapping[str, Series],
    totals: Iterable[Total],
    release: int,
) -> dict[str, Tally]:
    """Count totals in the order of their time, each in its release window."""
    plans = {stream.name: stream for stream in streams}
    found: dict[str, Tally] = {}
    for total in totals:
        stream = plans.get(total.stream)
        if stream is None or stream.meter.kind == "stock":
            continue
        start = total.start - total.start % release
        if stream.name in series:
            stream = as_of(stream, series[stream.name].at(start))
        found |= tallied(found, [stream], {stream.name: [total]}, start)
    return found


def last_year(tally: Tally | None, end: int) -> tuple[int, Sum]:
    """Sum the twelve months before that of `end`; gives the instant they begin at too."""
    if tally is None:
        return end, Sum()
    now = month(end)
    sums = [one for at, one in tally.months.items() if now - _MONTHS <= at < now]
    found = Sum(
        math.fsum(one.quantity for one in sums),
        math.fsum(one.observed for one in sums),
        sum(one.tickets for one in sums),
    )
    return max(tally.first, month_start(now - _MONTHS)), found


def tallies_document(tallies: Mapping[str, Tally]) -> dict[str, Any]:
    """Write tallies for the state file."""
    return {
        name: {
            "key": list(tally.key),
            "first": tally.first,
            "months": {str(at): asdict(one) for at, one in sorted(tally.months.items())},
        }
        for name, tally in tallies.items()
    }


def tallies_of(document: Mapping[str, Any]) -> dict[str, Tally]:
    """Read tallies from the state file."""
    return {
        name: Tally(
            tuple(body["key"]),
            body["first"],
            {int(at): Sum(**one) for at, one in body["months"].items()},
        )
        for name, body in document.items()
    }
