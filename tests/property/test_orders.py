"""Orders of magnitude in cells: whoever puts two orders together does not find a third."""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.hub_plan import Rules
from gateway.hub.orders import choose_orders, decide_orders, quantity_of, told_of
from gateway.hub.table import Atom, Contribution, Group
from gateway.wire import CellMagnitude, Magnitude

LEVELS: tuple[Magnitude, ...] = get_args(Magnitude)
GROUP = Group("material", "surplus", "t")
RULES = Rules()
Outcome = str | None


def outcome(levels: Iterable[int], rules: Rules = RULES) -> Outcome:
    """Give what the hub tells of owners with these orders in one cell; None when it is withheld."""
    atom = Atom("10 09 03", "ora", None)
    table = [
        Contribution(f"m{n}", f"o{n}", atom, quantity_of(LEVELS[level]))
        for n, level in enumerate(levels)
    ]
    open_rules = Rules(k=1)  # Whatever the month, there is one cell.
    chosen = [Contribution(f"m{n}", f"o{n}", atom, 100.0) for n in range(20)]
    partition = choose_orders(GROUP, [chosen], {part.member for part in chosen}, open_rules)
    (decision,) = decide_orders(partition, table, rules)
    return decision.magnitude or None


def worlds(owners: int, highest: int) -> Iterator[tuple[int, ...]]:
    """Give all orders that two colluding owners, a third, and the rest in any order may have."""
    levels = range(highest + 1)
    two = itertools.combinations_with_replacement(levels, 2)
    for colluding, third in itertools.product(two, levels):
        for rest in itertools.combinations_with_replacement(levels, owners - 3):
            yield (*colluding, third, *rest)


@pytest.mark.parametrize(("owners", "highest"), [(3, 6), (4, 6), (5, 5), (6, 4), (7, 3), (8, 3)])
def test_no_two_owners_find_the_order_of_a_third(owners: int, highest: int) -> None:
    possible: dict[tuple[int, int, Outcome], set[int]] = defaultdict(set)
    for first, second, third, *rest in worlds(owners, highest):
        told = outcome((first, second, third, *rest))
        possible[first, second, told].add(third)
    assert any(key[2] is not None for key in possible) is (owners > RULES.k)
    beyond = 10.0**highest  # Orders above the highest that is tried would explain these as well.
    for key, thirds in possible.items():
        if key[2] is None:
            # It may tell those who have some that the others have next to nothing.
            assert len(thirds) > 1 or thirds == {0}, key
        elif float(key[2].partition("-")[2]) <= beyond:
            assert len(thirds) > 1, key


def test_a_lone_order_among_many_of_next_to_nothing_is_not_told() -> None:
    assert outcome([5, *[0] * 9]) is None
    assert outcome([5, 5, *[0] * 9]) is None
    assert outcome([5, 5, 5, 0]) == "10000-100000"
    assert outcome([5, 5, 5]) is None


@given(st.lists(st.floats(1, 1e8), min_size=4, max_size=30))
def test_a_told_decade_is_within_the_bounds_of_what_went_into_it(years: list[float]) -> None:
    levels = [next(n for n in range(11) if year < 10.0**n) for year in years]
    told = told_of(quantity_of(LEVELS[level]) for level in levels)
    low, _, high = told.lstrip(">").partition("-")
    total, slack = math.fsum(years), math.sqrt(10) * 1.001
    assert float(low or 0) / slack <= total
    assert not high or total <= float(high) * slack


def test_each_decade_is_told_as_itself() -> None:
    told = [told_of([10.0**power]) for power in range(10)]
    names: tuple[CellMagnitude, ...] = get_args(CellMagnitude)
    assert told == ["0-100", *names]


def test_sites_of_an_owner_are_one_and_places_are_pooled_before_codes() -> None:
    places, codes = ("ora/north", "ora/south", "mo", "mo/east"), ("10 09 03", "10 09 06")
    table = [
        Contribution(f"m{code}{place}", f"owner {place}", Atom(code, place, None), 31.6)
        for code in codes
        for place in places
    ]
    partition = choose_orders(GROUP, [table], {part.member for part in table}, RULES)
    assert sorted((c.label.code, c.label.place) for c in partition.cells) == [
        (code, "all") for code in codes
    ]
    assert {one.magnitude for one in decide_orders(partition, table, RULES)} == {"100-1000"}
    same = [Contribution(p.member, "one owner", p.atom, p.quantity) for p in table]
    assert not choose_orders(GROUP, [same], {part.member for part in same}, RULES).cells
