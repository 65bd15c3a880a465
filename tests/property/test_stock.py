"""Stocks by an independent mean, whatever the windows and restarts."""

import json
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.measuring.pipeline import Pipeline
from tests.measuring import DAY, MIN, T0, S, block, stock_plan, stream, windows

GAP = 30 * S
LEVELS = st.lists(st.tuples(st.integers(1, 45), st.floats(0, 1e6), st.booleans()), max_size=60)


def level_at(left: tuple[int, float], right: tuple[int, float], time: int, hold: bool) -> Fraction:
    first, last = Fraction(left[1]), Fraction(left[1] if hold else right[1])
    return first + (last - first) * Fraction(time - left[0], right[0] - left[0])


@given(levels=LEVELS, length=st.sampled_from([MIN, 15 * MIN, DAY]), hold=st.booleans())
def test_means_and_closing_values_are_those_of_the_line_through_the_readings(
    levels: list[tuple[int, float, bool]], length: int, hold: bool
) -> None:
    plan, span = stream(stock_plan(max_gap=GAP, hold=hold)), windows(length)
    pipeline = Pipeline([plan], span)
    totals, time, points = pipeline.close(T0), T0, []
    for seconds, level, restart in levels:
        if restart:
            pipeline = Pipeline([plan], span, json.loads(json.dumps(pipeline.snapshot())))
        time += seconds * S
        points.append((time, level))
        pipeline.take(block(time, {"level": level}))
    totals += pipeline.finish(0) + pipeline.open_windows()
    for total in totals:
        area, covered, closing = Fraction(0), 0, None
        for left, right in pairwise(points):
            low, high = max(left[0], total.start), min(right[0], total.end)
            if right[0] - left[0] > GAP or low >= high:
                continue
            middle = level_at(left, right, low, hold) + level_at(left, right, high, hold)
            area += middle / 2 * (high - low)
            covered += high - low
            closing = float(level_at(left, right, high, hold))
        mean = float(area / covered) if covered else 0.0
        assert total.quantity == pytest.approx(mean, rel=1e-9, abs=1e-6)
        assert total.closing == (None if closing is None else pytest.approx(closing, abs=1e-6))
        assert total.coverage == covered / length
