"""The planner: the fewest requests that read a set of values, and among those the shortest.

Values sorted by address are cut into runs; a run is one request from its first address to its
last, unread addresses between included. Some optimal set of requests is always such a cut: drop
requests that lie within others, then hand each value to the last request that starts at or before
it, which holds it because ends grow with starts. Dynamic programming over the cuts therefore finds
the optimum, in time proportional to values times values within one request's reach.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from adapters.modbus.address import Table
from adapters.modbus.points import Span

Cut = tuple[Table, int]
"""A place no request may lie across: the address, and the one before it, are never read at once."""

_Cost = tuple[int, int]


def requests(
    values: Iterable[Span],
    limits: Mapping[Table, int],
    cuts: AbstractSet[Cut] = frozenset(),
) -> tuple[Span, ...]:
    """Plan requests for values: fewest first, then fewest addresses read.

    `limits` gives the most addresses of each table in one request; a single value longer than that
    is a request of its own. Every value lies within one request, no request lies across a cut
    unless a single value does.
    """
    wanted = sorted(set(values))
    tables = dict.fromkeys(value.table for value in wanted)
    return tuple(
        request
        for table in tables
        for request in _table(
            [value for value in wanted if value.table == table],
            limits[table],
            sorted(address for where, address in cuts if where == table),
        )
    )


def hull(values: Sequence[Span]) -> Span:
    """Give the shortest span over values of one table."""
    start = min(value.start for value in values)
    return Span(values[0].table, start, max(value.end for value in values) - start)


def _table(values: Sequence[Span], limit: int, cuts: Sequence[int]) -> list[Span]:
    best: list[_Cost] = [(0, 0)]
    runs: list[int] = []
    for last in range(len(values)):
        cost, first = min(
            ((best[first][0] + 1, best[first][1] + length), first)
            for first, length in _runs(values, last, limit, cuts)
        )
        best.append(cost)
        runs.append(first)
    return _trace(values, runs)


def _runs(
    values: Sequence[Span], last: int, limit: int, cuts: Sequence[int]
) -> Iterable[tuple[int, int]]:
    """Give each first value a run up to `last` may start with, and the run's length."""
    end = values[last].end
    yield last, values[last].length
    for first in range(last - 1, -1, -1):
        start, end = values[first].start, max(end, values[first].end)
        if end - start > limit or _across(start, end, cuts):
            return
        yield first, end - start


def _across(start: int, end: int, cuts: Sequence[int]) -> bool:
    following = bisect_right(cuts, start)
    return following < len(cuts) and cuts[following] < end


def _trace(values: Sequence[Span], runs: Sequence[int]) -> list[Span]:
    found: list[Span] = []
    last = len(values) - 1
    while last >= 0:
        found.append(hull(values[runs[last] : last + 1]))
        last = runs[last] - 1
    return found[::-1]
