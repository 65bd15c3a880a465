"""Heat in any medium: no state makes nonsense, nothing is lost, restarts change no bit."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.measuring.media.curve import Curve
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from agent.measuring.water import water
from config.combustion import AIR
from config.fluids import liquid
from config.medium_plan import Gas, Grid, Steam
from config.plan import MeterPlan
from config.saturation import saturation_temperature
from tests.measuring import BAD, DAY, MIN, T0, UNSURE, S, block, stream, windows
from tests.mediakit import ZERO, made, meter, steam_meter, synthetic, synthetic_gas

DRY = tuple(sorted(AIR.items()))
GAP = 30 * S
MODULUS = 100_000


def gas_plan(gas: Gas, *roles: str) -> MeterPlan:
    plan = meter(gas, *(roles or ("supply", "return")), pressure_mpa=0.101325, max_gap=GAP)
    return replace(plan, properties=synthetic_gas(gas))


PLANS = {
    "oil": meter(
        liquid("Therminol 66"), "supply", "return", properties=synthetic(0.0, 380.0), max_gap=GAP
    ),
    "superheated": steam_meter("supply", "pressure", "return", max_gap=GAP),
    "condensate": steam_meter(
        "supply", "pressure", "return", max_gap=GAP, flow_sensor="return", steam=Steam()
    ),
    "lost": steam_meter(
        "supply", "return", max_gap=GAP, steam=Steam(returned=0.6, make_up=8.0, pressure=0.5)
    ),
    "saturated": steam_meter(
        "pressure", "return", max_gap=GAP, steam=Steam(saturated=True, dryness=0.95)
    ),
    "flue gas": gas_plan(Gas(DRY, vapour=0.15)),
    "hot flue gas": gas_plan(Gas(DRY, vapour=0.15, condensing=False)),
    "fumes": gas_plan(Gas(DRY, vapour=0.3, flow="norm")),
    "dryer": gas_plan(Gas(DRY, "relative", None), "supply", "return", "humidity"),
    "scrubber": gas_plan(Gas(DRY, "saturated", None, flow="moist")),
    "vent": gas_plan(Gas(DRY, "dew point", None), "supply", "return", "humidity"),
}
MADE = {name: made(plan) for name, plan in PLANS.items()}
RANGES = {"supply": (-5.0, 900.0), "return": (-5.0, 400.0), "pressure": (-0.1, 20.0)}


@given(name=st.sampled_from(list(PLANS)), data=st.data())
@settings(deadline=None)
def test_a_state_is_refused_or_gives_heat_that_is_finite_and_not_negative(
    name: str, data: st.DataObject
) -> None:
    found = MADE[name]
    ranges = {**RANGES, "humidity": (-0.5, 120.0 if name == "vent" else 1.5)}
    values = [data.draw(st.floats(*ranges[role]), role) for role in found.roles]
    held = [found.holds(role, value) for role, value in zip(found.roles, values, strict=True)]
    if not all(held):
        return
    fall = found.fall(values)
    assert math.isfinite(found.warmth(values))
    if fall is not None:
        assert all(map(math.isfinite, fall[:4]))
        assert fall.drop >= 0.0
        assert fall.volume > 0.0


@given(
    mpa=st.floats(0.01, 16.4),
    above=st.floats(2.5, 400.0),
    more=st.floats(0.01, 50.0),
    back=st.floats(5.0, 45.0),
)
def test_hotter_steam_gives_off_more_and_fills_more(
    mpa: float, above: float, more: float, back: float
) -> None:
    found, boiling = MADE["superheated"], saturation_temperature(mpa) - ZERO
    low = found.fall((boiling + above, mpa, back))
    high = found.fall((boiling + above + more, mpa, back))
    assert low is not None
    assert high is not None
    assert high.drop > low.drop
    assert high.volume > low.volume
    assert not low.doubt


@given(supply=st.floats(60.0, 300.0), back=st.floats(1.0, 55.0), less=st.floats(0.0, 20.0))
def test_colder_return_takes_more_and_condensing_never_less(
    supply: float, back: float, less: float
) -> None:
    wet, dry = MADE["flue gas"], MADE["hot flue gas"]
    one, two = wet.fall((supply, back)), wet.fall((supply, max(back - less, 0.0)))
    same = dry.fall((supply, back))
    assert one is not None
    assert two is not None
    assert same is not None
    assert two.drop >= one.drop
    assert one.drop >= same.drop
    dew = saturation_temperature(0.101325 * 0.15 / 1.15 / 1.004) - ZERO
    if abs(back - dew) > 0.01:
        assert (one.drop > same.drop) is (back < dew)


@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=20),
    low=st.floats(-100, 100),
    step=st.sampled_from([0.5, 1.0, 5.0]),
)
def test_a_curve_goes_through_its_samples(values: list[float], low: float, step: float) -> None:
    curve = Curve(Grid(low, step, tuple(values)))
    for node, value in enumerate(values):
        assert curve(low + node * step) == pytest.approx(value, rel=1e-9, abs=1e-6)


@given(share=st.floats(0, 1))
def test_water_by_samples_is_water_by_its_equation(share: float) -> None:
    table = water(1.6)
    values = tuple(table.enthalpy(float(node)) for node in range(202))
    celsius = 201.0 * share
    assert Curve(Grid(0.0, 1.0, values))(celsius) == pytest.approx(
        table.enthalpy(celsius), rel=1e-7, abs=1e-5
    )


ROW = st.tuples(
    st.integers(1, 25),
    st.integers(0, 60),
    st.floats(-5, 300),
    st.floats(0.0, 1.5),
    st.floats(0, 120),
    st.dictionaries(st.integers(0, 3), st.sampled_from([BAD, UNSURE]), max_size=2),
    st.sampled_from(["go", "go", "restart", "idle"]),
)
Row = tuple[int, int, float, float, float, dict[int, object], str]
NAMES = ("flow", "supply", "pressure", "return", "humidity")


def totalised(plan: MeterPlan) -> MeterPlan:
    return replace(plan, flow_is_total=True, modulus=MODULUS, max_rate=100.0)


def driven(rows: Sequence[Row], plan: MeterPlan, restarts: bool) -> list[Total]:
    plans, counted = [stream(plan, "heat")], plan.flow_is_total
    span = windows(MIN, grace=60 * MIN)
    pipeline = Pipeline(plans, span)
    totals, time, count = pipeline.close(T0), T0, MODULUS - 500
    for seconds, flow, supply, mpa, back, faults, what in rows:
        time += seconds * S
        count += 0 if what == "idle" else flow
        if restarts and what == "restart":
            pipeline = Pipeline(plans, span, json.loads(json.dumps(pipeline.snapshot())))
        rate = 0.0 if what == "idle" else flow / 10
        shown = (count % MODULUS if counted else rate, supply, mpa, back, back / 120)
        wrong = {NAMES[at]: fault for at, fault in faults.items()}
        pipeline.take(block(time, dict(zip(NAMES, shown, strict=True)), wrong))  # type: ignore[arg-type]
        totals += pipeline.close(time)
    return totals + pipeline.finish(0) + pipeline.open_windows()


@given(rows=st.lists(ROW, max_size=30), name=st.sampled_from(list(PLANS)), counted=st.booleans())
@settings(deadline=None)
def test_an_interrupted_run_gives_the_same_bits_in_every_medium(
    rows: list[Row], name: str, counted: bool
) -> None:
    plan = totalised(PLANS[name]) if counted else PLANS[name]
    told = driven(rows, plan, restarts=True)
    assert told == driven(rows, plan, restarts=False)
    for total in told:
        assert total.quantity >= 0.0
        assert 0 <= total.uncertain <= total.coverage <= 1


STEPS = st.lists(
    st.tuples(
        st.integers(1, 25),
        st.integers(0, 100),
        st.floats(185.0, 320.0),
        st.floats(0.4, 0.95),
        st.floats(20, 95),
        st.sampled_from(["good", "good", "good", "water", "silent", "restart", "close"]),
    ),
    min_size=1,
    max_size=50,
)


@given(rows=STEPS, length=st.sampled_from([MIN, 15 * MIN, DAY]))
def test_counted_steam_is_worth_the_mean_of_both_ends_and_none_is_lost(
    rows: list[tuple[int, int, float, float, float, str]], length: int
) -> None:
    """By an independent sum, whatever the windows, restarts, and states that are none."""
    plan = totalised(PLANS["superheated"])
    kind, span = MADE["superheated"], windows(length)
    pipeline = Pipeline([stream(plan, "heat")], span)
    totals, time, count = pipeline.close(T0), T0, 0
    last: tuple[int, Fraction] | None = None
    heat = Fraction(0)
    for seconds, flow, supply, mpa, back, what in rows:
        time, count = time + seconds * S, count + flow
        if what == "restart":
            state = json.loads(json.dumps(pipeline.snapshot()))
            pipeline = Pipeline([stream(plan, "heat")], span, state)
        warm = 120.0 if what == "water" else supply
        shown = {"flow": count % MODULUS, "supply": warm, "pressure": mpa, "return": back}
        faults = {"return": BAD} if what == "silent" else {}
        pipeline.take(block(time, {**shown}, faults))
        if what == "water" and last is not None and count == last[0]:
            continue
        if what not in ("water", "silent"):
            fall = kind.fall((warm, mpa, back))
            assert fall is not None
            now = Fraction(fall.drop) / Fraction(fall.volume) / 3_600_000
            heat += 0 if last is None else (count - last[0]) * (last[1] + now) / 2
            last = (count, now)
        if what == "close":
            totals += pipeline.close(time + seconds % 2 * 4000 * S)
    totals += pipeline.finish(time) + pipeline.open_windows()
    total = sum((Fraction(one.quantity) for one in totals), Fraction(0))
    assert float(total) == pytest.approx(float(heat), rel=1e-9, abs=1e-12)
    for one in totals:
        assert 0 <= one.uncertain <= one.coverage <= 1
