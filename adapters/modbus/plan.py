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

_REQUEST = 1 << 32
"""What a request costs, in addresses read: more than all addresses of a device's tables."""


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
    starts = [value.start for value in values]
    ends = [value.end for value in values]
    costs = [0]
    runs: list[int] = []
    for last in range(len(values)):
        cost, first = _run(starts, ends, last, costs, (limit, cuts))
        costs.append(cost)
        runs.append(first)
    return _trace(values, runs)


def _run(
    starts: Sequence[int],
    ends: Sequence[int],
    last: int,
    costs: Sequence[int],
    bounds: tuple[int, Sequence[int]],
) -> tuple[int, int]:
    """Give the least cost of values up to `last`, and the first value of the run that ends it.

    `costs` are those of the values before each. A plain loop over numbers: it is most of what
    planning takes.
    """
    limit, cuts = bounds
    start, end = starts[last], ends[last]
    least, found = costs[last] + end - start, last
    for first in range(last - 1, -1, -1):
        start = starts[first]
        if ends[first] > end:  # noqa: PLR1730 # a call would take longer than all the rest
            end = ends[first]
        if end - start > limit or (cuts and _across(start, end, cuts)):
            break
        cost = costs[first] + end - start
        if cost <= least:
            least, found = cost, first
    return least + _REQUEST, found


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
