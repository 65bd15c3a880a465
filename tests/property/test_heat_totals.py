"""Heat from a totaliser by an independent sum, whatever the windows, restarts and gaps."""

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.measuring.pipeline import Pipeline
from agent.measuring.water import water
from tests.measuring import BAD, DAY, MIN, T0, S, block, heat_plan, stream, windows

GAP = 30 * S
MODULUS = 10_000
TABLE = water(1.6)
ROWS = st.lists(
    st.tuples(
        st.integers(1, 25),
        st.integers(0, 100),
        st.floats(50, 95),
        st.floats(20, 45),
        st.sampled_from(["good", "good", "good", "cold", "restart", "close"]),
    ),
    min_size=1,
    max_size=60,
)


def worth(supply: float, back: float) -> Fraction:
    """Give MW.h per m3 at a sensor in the return."""
    drop = TABLE.enthalpy(supply) - TABLE.enthalpy(back)
    return Fraction(drop) / Fraction(TABLE.volume(back)) / 3_600_000


@given(
    rows=ROWS,
    start=st.integers(0, MODULUS - 1),
    length=st.sampled_from([MIN, 15 * MIN, DAY]),
)
def test_counted_flow_is_worth_the_mean_of_both_ends(
    rows: list[tuple[int, int, float, float, str]], start: int, length: int
) -> None:
    meter = heat_plan(max_gap=GAP, flow_is_total=True, modulus=MODULUS, max_rate=100.0)
    plan, span = stream(meter, "heat"), windows(length)
    pipeline = Pipeline([plan], span)
    totals, time, count = pipeline.close(T0), T0, start
    last: tuple[int, Fraction] | None = None
    heat = Fraction(0)
    missing = 0
    for seconds, flow, supply, back, what in rows:
        time, count = time + seconds * S, count + flow
        if what == "restart":
            state = json.loads(json.dumps(pipeline.snapshot()))
            pipeline = Pipeline([plan], span, state)
        missing = missing + 1 if what == "cold" else 0
        bad = what == "cold"
        cold = None if bad else back
        shown = {"flow": count % MODULUS, "supply": supply, "return": cold}
        pipeline.take(block(time, {**shown}, {"return": BAD} if bad else {}))
        if not bad:
            now = worth(supply, back)
            heat += 0 if last is None else (count - last[0]) * (last[1] + now) / 2
            last = (count, now)
        if what == "close":
            totals += pipeline.close(time + seconds % 2 * 4000 * S)
    totals += pipeline.finish(time) + pipeline.open_windows()
    total = sum((Fraction(one.quantity) for one in totals), Fraction(0))
    assert float(total) == pytest.approx(float(heat), rel=1e-9, abs=1e-12)
    for one in totals:
        assert 0 <= one.uncertain <= one.coverage <= 1
