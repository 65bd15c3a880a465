"""The planner gives the fewest requests, checked against trying everything."""

from collections.abc import Iterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.address import Table
from adapters.modbus.plan import Cut, hull, requests
from adapters.modbus.points import Span

TABLES: tuple[Table, ...] = ("holding", "input", "coil", "discrete")
LIMIT = 8
LIMITS = dict.fromkeys(TABLES, LIMIT)


LENGTHS = (1, 1, 2, 4)


def spans(
    table: Table, top: int, count: int, lengths: Sequence[int] = LENGTHS
) -> st.SearchStrategy[list[Span]]:
    one = st.builds(Span, st.just(table), st.integers(0, top), st.sampled_from(lengths))
    return st.lists(one, min_size=1, max_size=count)


def groupings(values: Sequence[Span]) -> Iterator[list[list[Span]]]:
    """Give every way to put values into groups."""
    if not values:
        yield []
        return
    first, rest = values[0], values[1:]
    for groups in groupings(rest):
        yield [[first], *groups]
        for at in range(len(groups)):
            yield [*groups[:at], [first, *groups[at]], *groups[at + 1 :]]


def allowed(request: Span, cuts: set[Cut]) -> bool:
    inside = range(request.start + 1, request.end)
    return request.length <= LIMIT and not any((request.table, at) in cuts for at in inside)


def cost(plan: Sequence[Span]) -> tuple[int, int]:
    return len(plan), sum(request.length for request in plan)


@given(
    spans("holding", 14, 7, (*LENGTHS, LIMIT, LIMIT + 1)), st.sets(st.integers(0, 18), max_size=6)
)
def test_no_grouping_needs_fewer_requests_or_registers(
    values: list[Span], places: set[int]
) -> None:
    cuts: set[Cut] = {("holding", at) for at in places}
    alone = [value for value in set(values) if not allowed(value, cuts)]
    plans = ([hull(group) for group in groups] for groups in groupings([*set(values) - {*alone}]))
    best = min(cost(plan) for plan in plans if all(allowed(one, cuts) for one in plan))
    plan = requests(values, LIMITS, cuts)
    assert cost([request for request in plan if allowed(request, cuts)]) == best
    assert sorted(request for request in plan if not allowed(request, cuts)) == sorted(alone)
    assert list(plan) == sorted(set(plan))


@given(
    st.lists(st.sampled_from(TABLES).flatmap(lambda table: spans(table, 500, 30)), max_size=4),
    st.sets(st.tuples(st.sampled_from(TABLES), st.integers(0, 500)), max_size=20),
)
def test_every_value_lies_whole_in_a_request_within_limits_and_off_every_cut(
    lists: list[list[Span]], places: set[Cut]
) -> None:
    values = [value for chosen in lists for value in chosen]
    inside = {(v.table, at) for v in values for at in range(v.start + 1, v.end)}
    cuts = places - inside
    plan = requests(values, LIMITS, cuts)
    assert all(any(request.holds(value) for request in plan) for value in values)
    assert all(allowed(request, cuts) for request in plan)
    assert len(set(plan)) == len(plan)


@given(st.integers(1, 400), st.integers(1, 125))
def test_a_solid_map_takes_as_many_requests_as_its_length_over_the_limit(
    length: int, limit: int
) -> None:
    plan = requests([Span("input", at, 1) for at in range(length)], {**LIMITS, "input": limit})
    assert len(plan) == -(-length // limit)
    assert sum(request.length for request in plan) == length


def test_a_value_longer_than_the_limit_is_a_request_of_its_own() -> None:
    values = [Span("holding", 0, 2), Span("holding", 2, 20), Span("holding", 22, 2)]
    assert requests(values, LIMITS) == tuple(values)


def test_no_values_take_no_requests() -> None:
    assert requests([], LIMITS) == ()


def test_a_value_that_ends_after_the_last_one_of_a_run_counts_for_its_length() -> None:
    values = [Span("holding", 0, 2), Span("holding", 1, 10), Span("holding", 3, 1)]
    planned = requests(values, {"holding": 10})
    assert planned == (Span("holding", 0, 2), Span("holding", 1, 10))
