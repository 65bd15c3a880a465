"""Uncertainty by class, and the four shares of a window."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.measuring.pipeline import Pipeline
from config.texts import uncertainty
from tests.measuring import BAD, MIN, T0, UNSURE, S, block, stream, total_plan, windows

LIMITS = st.lists(st.integers(1, 10_000).map(lambda part: part / 100), min_size=1, max_size=6)
ROWS = st.lists(
    st.tuples(st.integers(1, 200), st.integers(0, 50), st.sampled_from(["good", "unsure", "bad"])),
    max_size=40,
)


@given(limits=LIMITS)
def test_independent_parts_add_as_the_root_of_the_sum_of_squares(limits: list[float]) -> None:
    text = " + ".join(f"{limit} %" for limit in limits)
    variance = math.fsum((limit / 100) ** 2 / 3 for limit in limits)
    assert uncertainty(text) == pytest.approx(2 * math.sqrt(variance), rel=1e-12)


@given(rows=ROWS, stop=st.integers(0, 40))
def test_shares_are_true_and_add_up_and_uncertainties_go_with_the_quantity(
    rows: list[tuple[int, int, str]], stop: int
) -> None:
    meter = total_plan(max_gap=30 * S)
    bare, classed = (stream(one) for one in (meter, replace(meter, uncertainty=0.02)))
    pipelines = [Pipeline([plan], windows(MIN)) for plan in (bare, classed)]
    time, count, spread = T0, 0, 0
    good: list[tuple[int, int]] = []
    for at, (seconds, rise, kind) in enumerate(rows):
        if at == stop:
            state = json.loads(json.dumps(pipelines[1].snapshot()))
            pipelines[1] = Pipeline([classed], windows(MIN), state)
        time, count = time + seconds * S, count + rise
        fault = {"good": {}, "unsure": {"total": UNSURE}, "bad": {"total": BAD}}[kind]
        good += [(time, count)] if kind != "bad" else []
        for pipeline in pipelines:
            pipeline.take(block(time, {"total": count}, fault))
    for start, end in pairwise(good):
        if (
            end[0] - start[0] > 30 * S
            and end[1] > start[1]
            and end[0] > start[0] // MIN * MIN + MIN
        ):
            spread += end[0] - start[0]
    plain, told = (one.finish(time) + one.open_windows() for one in pipelines)
    for one, other in zip(plain, told, strict=True):
        assert one.uncertainty is None
        assert other == replace(one, uncertainty=0.02 * one.quantity)
        assert 0 <= one.spread <= one.uncertain <= one.coverage <= 1
    assert math.fsum(one.spread for one in plain) * MIN == pytest.approx(spread)
