"""Who subtracts: no sum, and no difference of sums, is nearer to an owner than the rules allow."""

from collections.abc import Mapping

import pytest

from bench.attacks import broken
from bench.attacks.sums import estimates, nearest, remainders
from bench.attacks.year import Events, Told, Year, instant, run
from config.hub_plan import Rules
from gateway.hub.calendar import Window
from gateway.hub.table import Atom
from simulation.clusteryear import World, streams

RULES = Rules()
ALLOWED = RULES.p / 100
WORLD = World(1, 1, 20)
SIZES: Mapping[str, float] = {
    member: sum(s.yearly for s in streams(WORLD) if s.member == member)
    for member in {s.member for s in streams(WORLD)}
}
JOINER = max(SIZES, key=SIZES.__getitem__)
LATE = {(f"plant 0-{n}", day): 4 for n in range(5, 12) for day in range(6 + n, 50, 14)}
EVENTS = Events({JOINER: 14}, LATE, {0: "week", 28: "day", 42: "week"})


@pytest.fixture(scope="module")
def year() -> Year:
    """Give eight weeks over a change of quarter: one joins, some are late, windows change."""
    return run(WORLD, instant(2026, 3, 9), instant(2026, 5, 4), EVENTS)


@pytest.mark.parametrize("outside", [False, True])
def test_no_sum_or_difference_of_sums_is_nearer_to_an_owner_than_the_p_rule_allows(
    year: Year, outside: bool
) -> None:
    assert len(year.told) > 50
    assert nearest(year.told, year.owner, outside=outside) >= ALLOWED


def test_a_late_record_is_in_a_later_window_and_in_no_other(year: Year) -> None:
    late = {
        (unit, one.name) for one in year.told for unit in one.parts if unit[2] < one.window.start
    }
    assert late
    units = [unit for one in year.told for unit in one.parts]
    assert len(units) == len(set(units))


def test_who_joins_within_a_quarter_is_in_no_cell_before_the_next(year: Year) -> None:
    starts = [one.window.start for one in year.told if any(u[0] == JOINER for u in one.parts)]
    assert min(starts) >= instant(2026, 4, 1)


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize(
    "told",
    [
        lambda year: broken.overlapping(year, RULES),
        lambda year: broken.two_rosters(year, JOINER, RULES),
        lambda year: broken.revised(year, LATE, RULES),
        broken.alone,
    ],
    ids=["overlapping windows", "two rosters", "late data released anew", "k = 1"],
)
def test_the_same_attacker_finds_owners_in_what_a_broken_hub_tells(
    year: Year, told: object, outside: bool
) -> None:
    assert callable(told)
    assert nearest(told(year), year.owner, outside=outside) < ALLOWED / 10


def test_a_dominant_owner_is_found_without_the_p_rule(year: Year) -> None:
    loose = Rules(p=0.0)
    spans = broken.weeks(year.rows)
    plan = broken.partition(spans, loose)
    told = [one for rows in spans for one in broken.released(plan, rows, loose)]
    assert nearest(told, year.owner) < ALLOWED


def test_what_is_left_of_a_sum_is_found() -> None:
    def told(quantity: float, **parts: float) -> Told:
        units = {(name, Atom("10 09 03", "a", None), 0): own for name, own in parts.items()}
        return Told("cell", Window(0, 1), quantity, units)

    whole, some = told(10.0, a=5.0, b=3.0, c=2.0), told(8.0, a=5.0, b=3.0)
    left = [one for one in remainders([whole, some]) if len(one.parts) == 1]
    assert {(one.quantity, *one.parts.values()) for one in left} == {(2.0, 2.0)}
    (near,) = estimates(left[0], {"a": "A", "b": "B", "c": "C"})
    assert (near.victim, near.attacker, near.off) == ("C", None, 0.0)
