"""Who watches the broker: pairing names over a change of quarter, and naming plants, is chance."""

from collections.abc import Sequence

import pytest

from bench.attacks.traffic import (
    BROKEN,
    SHIPPED,
    Habits,
    chance,
    identified,
    relinked,
    scene,
)
from bench.attacks.year import instant

TURN = instant(2026, 4, 1)
SEEDS = (1, 2, 3)
FEW = SEEDS[:2]
BITES = {
    "a constant delay for each plant": ("delays",),
    "delay from the closing, none by name": ("delays",),
    "left and back at once": ("going and coming", "going twice"),
    "records as long as what they hold": ("sizes",),
    "no record of a day at rest": ("plants",),
    "client id kept": ("names and clients",),
    "name kept": ("names and clients",),
}


def found(habits: Habits, seeds: Sequence[int] = SEEDS) -> dict[str, int]:
    """Count right pairs by way, and plants told rightly, over some clusters of twenty plants."""
    seen = [scene(seed, habits, TURN, span=20 if habits.padded else 5) for seed in seeds]
    ways = [{**relinked(one), "plants": identified(one)} for one in seen]
    return {way: sum(one[way] for one in ways) for way in ways[0]}


def test_neither_names_nor_plants_are_told_more_often_than_by_chance() -> None:
    right = found(SHIPPED)
    assert {way: count for way, count in right.items() if count > chance(len(SEEDS))} == {}


@pytest.mark.parametrize("broken", BROKEN)
def test_the_same_attacker_succeeds_on_agents_that_give_something_away(broken: str) -> None:
    right = found(BROKEN[broken], FEW)
    assert all(right[way] > chance(len(FEW)) for way in BITES[broken]), right


def test_chance_is_one_right_pair_a_scene() -> None:
    # Of twenty names dealt at random one is right on average, four or more in 2 of 100 deals.
    assert chance(1) == 4
    assert 3 < chance(3) < 10


def test_every_record_passes_with_one_size_whatever_is_in_it() -> None:
    (seen,) = (scene(1, SHIPPED, TURN, span=4),)
    sizes = {one.size for one in seen.passed if "/records/" in one.topic}
    assert len(sizes) == 1
    assert max(seen.streams.values()) > min(seen.streams.values())
