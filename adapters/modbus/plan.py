"""The planner: the fewest requests that read a set of values, and among those the shortest.

Values that lie within others are read with them. The rest, sorted by address, is cut into runs; a
run is one request from its first address to its last, unread addresses between included. Some
optimal set of requests is always such a cut: drop requests that lie within others, then hand each
value to the last request that starts at or before it, which holds it because ends grow with starts.

Dynamic programming over the cuts finds the optimum. Where the run that ends with a value may begin
moves on with the value, and what a beginning costs does not depend on the end, so the cheapest
beginning is the least of a sliding window: planning takes time proportional to the values.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from adapters.modbus.address import Table
from adapters.modbus.points import Span

Cut = tuple[Table, int]
"""A place no request may lie across: the address, and the one before it, are never read at once."""

_Fits = Callable[[int, int], bool]
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
    def fits(start: int, end: int) -> bool:
        return end - start <= limit and not (cuts and _across(start, end, cuts))

    alone = [value for value in values if not fits(value.start, value.end)]
    return sorted([*alone, *_runs(_outer(values, fits), fits)])


def _outer(values: Sequence[Span], fits: _Fits) -> list[Span]:
    """Leave out sorted values that do not fit, and those that end within one before."""
    found: list[Span] = []
    end = 0
    for value in values:
        if value.end > end and fits(value.start, value.end):
            found.append(value)
            end = value.end
    return found


def _runs(values: Sequence[Span], fits: _Fits) -> list[Span]:
    costs = [0]
    begun: list[int] = []
    window: deque[tuple[int, int]] = deque()
    """What it costs to begin a run, but for its end, and with which value; costs only grow."""
    for last, value in enumerate(values):
        cost = costs[last] - value.start
        while window and window[-1][0] > cost:
            window.pop()
        window.append((cost, last))
        while not fits(values[window[0][1]].start, value.end):
            window.popleft()
        least, first = window[0]
        costs.append(least + value.end + _REQUEST)
        begun.append(first)
    return _trace(values, begun)


def _across(start: int, end: int, cuts: Sequence[int]) -> bool:
    following = bisect_right(cuts, start)
    return following < len(cuts) and cuts[following] < end


def _trace(values: Sequence[Span], begun: Sequence[int]) -> list[Span]:
    found: list[Span] = []
    last = len(values) - 1
    while last >= 0:
        first, end = values[begun[last]], values[last].end
        found.append(Span(first.table, first.start, end - first.start))
        last = begun[last] - 1
    return found[::-1]
