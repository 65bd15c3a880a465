"""When records leave: no instant tells when a window was closed or what is constant of a plant."""

import random

from hypothesis import given
from hypothesis import strategies as st

from agent.disclosing.sending import Delays, due
from tests.plants import HOUR, START

S = 1_000_000_000
GRACE = 60 * S


@given(st.integers(0, 300 * S), st.lists(st.integers(-HOUR, GRACE), min_size=2, max_size=5))
def test_a_window_closed_within_its_grace_leaves_when_it_would_have_anyway(
    delay: int, closings: list[int]
) -> None:
    instants = {due(START, GRACE, START + closed, delay) for closed in closings}
    assert instants == {START + GRACE + delay}


@given(st.integers(0, 300 * S), st.integers(0, 100 * HOUR))
def test_nothing_leaves_before_it_is_made_or_later_than_its_delay(delay: int, late: int) -> None:
    now = START + late
    at = due(START, GRACE, now, delay)
    assert now <= at <= max(now, START + GRACE) + delay


@given(st.integers(0, 600 * S), st.integers(0, 2**32), st.integers(1, 30))
def test_delays_are_at_most_the_longest(longest: int, seed: int, count: int) -> None:
    made = random.Random(seed)
    drawn = Delays(longest, lambda most: made.randint(0, most))
    assert all(0 <= drawn(f"q{n % 3}") <= longest for n in range(count))


def test_each_quarter_has_a_part_of_its_own_and_each_record_another() -> None:
    asked: list[int] = []

    def draw(most: int) -> int:
        asked.append(most)
        return len(asked)

    drawn = Delays(301, draw)
    assert [drawn(name) for name in ("2026Q1", "2026Q1", "2026Q2")] == [1 + 2, 1 + 3, 4 + 5]
    assert asked == [150, 151, 151, 150, 151]
