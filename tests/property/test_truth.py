"""The simulated truth: integrals are exact, counters follow them."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.truth import HOUR, SECOND, Counter, Course, Path, Scaled, Wave, water_heat

ORIGIN = 1_800_000_000 * SECOND
offsets = st.integers(-100 * SECOND, 300 * SECOND)
spans = st.integers(0, 120 * SECOND)
sizes = st.floats(0.1, 1000.0)


@st.composite
def waves(draw: st.DrawFn) -> Wave:
    mean = draw(sizes)
    swing = draw(st.floats(-1, 1)) * mean
    return Wave(mean, swing, draw(st.floats(1.0, 200.0)), draw(st.floats(-10, 10)), ORIGIN)


@st.composite
def paths(draw: st.DrawFn) -> Path:
    times = sorted(draw(st.sets(st.integers(0, 200), min_size=1, max_size=6)))
    return Path([(ORIGIN + time * SECOND, draw(st.floats(0, 1000))) for time in times])


scaled = st.builds(Scaled, waves(), st.floats(0.01, 100))
courses: st.SearchStrategy[Course] = st.one_of(waves(), paths(), scaled)


def summed(course: Course, start: int, end: int, steps: int = 4000) -> float:
    """Integrate by the midpoint rule."""
    width = (end - start) / steps
    rates = (course.rate(start + round((step + 0.5) * width)) for step in range(steps))
    return math.fsum(rates) * width / SECOND / HOUR


@given(courses, offsets, spans)
def test_an_amount_is_the_integral_of_the_rate(course: Course, offset: int, span: int) -> None:
    start, end = ORIGIN + offset, ORIGIN + offset + span
    _, high = course.bounds(start, end)
    allowed = 1e-9 + 2e-3 * high * span / SECOND / HOUR
    assert course.amount(start, end) == pytest.approx(summed(course, start, end), abs=allowed)


@given(courses, offsets, st.lists(spans, max_size=8))
def test_amounts_of_parts_add_up_to_the_whole(
    course: Course, offset: int, lengths: list[int]
) -> None:
    cuts = [ORIGIN + offset]
    for length in lengths:
        cuts.append(cuts[-1] + length)
    parts = math.fsum(course.amount(a, b) for a, b in pairwise(cuts))
    assert parts == pytest.approx(course.amount(cuts[0], cuts[-1]), rel=1e-9, abs=1e-9)


@given(courses, offsets, spans)
def test_a_rate_stays_within_its_bounds(course: Course, offset: int, span: int) -> None:
    start = ORIGIN + offset
    low, high = course.bounds(start, start + span)
    found = [course.rate(start + span * step // 50) for step in range(51)]
    slack = 1e-6 * (1 + abs(high))
    assert low - slack <= min(found)
    assert max(found) <= high + slack


@given(waves(), st.floats(0.001, 1.0), st.integers(0, 999), st.lists(spans, min_size=2, max_size=9))
def test_a_counter_counts_the_amount_through_any_number_of_rollovers(
    course: Wave, step: float, first: int, lengths: list[int]
) -> None:
    counter = Counter(course, ORIGIN, first, step, steps=1000)
    now = ORIGIN
    for length in lengths:
        now += length
        grown = course.amount(ORIGIN, now) / step
        reading = counter.reading(now)
        assert 0 <= reading < 1000
        assert (reading - first - math.floor(grown)) % 1000 == 0


@pytest.mark.parametrize(
    ("supply", "back", "expected"),
    [(90.0, 40.0, 50 * 1.15395e-3)],  # IAPWS-IF97 at 16 bar, flow sensor in the return
)
def test_the_heat_of_water_agrees_with_the_industrial_formulation(
    supply: float, back: float, expected: float
) -> None:
    assert water_heat(supply, back) == pytest.approx(expected, rel=1e-3)
