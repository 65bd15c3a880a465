"""Waits between attempts: bounded, growing, spread out, and slow when a person must act."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.backoff import SLOW, pause

firsts = st.floats(0.01, 10)
factors = st.floats(1, 1000)
draws = st.floats(0, 1, exclude_max=True)
attempts = st.integers(1, 10**9)


@given(attempts, firsts, factors, draws)
def test_a_wait_is_never_negative_nor_above_the_longest(
    attempt: int, first: float, factor: float, draw: float
) -> None:
    bounds = (first, first * factor)
    assert 0 <= pause(attempt, bounds, draw) <= bounds[1]


@given(attempts, firsts, factors, draws)
def test_a_wait_is_spread_over_everything_below_its_ceiling(
    attempt: int, first: float, factor: float, draw: float
) -> None:
    bounds = (first, first * factor)
    nearly = pause(attempt, bounds, 1.0)
    assert pause(attempt, bounds, 0.0) == 0
    assert abs(pause(attempt, bounds, draw) - draw * nearly) <= 1e-9 * nearly


@given(attempts, firsts, factors)
def test_the_ceiling_doubles_with_each_failure_until_the_longest(
    attempt: int, first: float, factor: float
) -> None:
    bounds = (first, first * factor)
    this, following = pause(attempt, bounds, 1.0), pause(attempt + 1, bounds, 1.0)
    assert pause(1, bounds, 1.0) == first
    assert following == min(2 * this, bounds[1])


@given(attempts, attempts, firsts, factors, draws)
def test_what_a_person_must_mend_is_tried_more_slowly_than_anything_else(
    attempt: int, other: int, first: float, factor: float, draw: float
) -> None:
    bounds = (first, first * factor)
    slow = pause(attempt, bounds, draw, slow=True)
    assert slow >= SLOW * bounds[1] > pause(other, bounds, draw)
    assert slow <= 2 * SLOW * bounds[1]
