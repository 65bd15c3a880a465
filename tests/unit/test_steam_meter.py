"""The heat meter in media whose state several readings tell together."""

import json

import pytest

from agent.measuring.meters.heat import HeatMeter
from agent.measuring.meters.heat_total import HeatTotalMeter
from config.medium_plan import Steam
from config.plan import MeterPlan
from tests.measuring import T0, UNSURE, ListBook, S
from tests.mediakit import made, steam_meter

ROLES = ("supply", "pressure", "return")
STATE = {"supply": 250.0, "pressure": 1.0, "return": 80.0}
MASS = steam_meter(*ROLES, flow_is_mass=True, flow_sensor=None)
COUNTED = steam_meter(*ROLES, flow_is_mass=True, flow_sensor=None, flow_is_total=True,
                      max_rate=50.0)  # fmt: skip


def run(plan: MeterPlan, *rows: dict[str, float]) -> ListBook:
    meter = HeatTotalMeter(plan) if plan.flow_is_total else HeatMeter(plan)
    book = ListBook()
    for second, row in enumerate(rows):
        readings = [(role, row[role], None) for role in plan.inputs]
        meter.take(T0 + second * S, readings, book)
    return book


def kilojoules(**state: float) -> float:
    fall = made(MASS).fall([{**STATE, **state}[role] for role in ROLES])
    assert fall is not None
    return fall.drop


def test_steam_by_mass_is_worth_its_fall_of_enthalpy() -> None:
    book = run(MASS, *[{**STATE, "flow": 2.0}] * 5)
    assert book.sum == pytest.approx(4 * 2.0 * kilojoules() / 3.6e6, rel=1e-12)
    assert {one.doubt for one in book.added} == {False}
    assert book.added[0].warmth == (250.0, 250.0)


def test_steam_that_would_be_water_makes_the_instant_bad_and_counts_once() -> None:
    wet = {**STATE, "flow": 2.0, "supply": 170.0}
    good = {**STATE, "flow": 2.0}
    book = run(MASS, good, wet, good)
    assert book.counts == {"out-of-range": 1}
    assert [(one.start - T0, one.end - T0, one.doubt) for one in book.added] == [(0, 2 * S, True)]


def test_steam_close_to_boiling_is_counted_as_dry_and_in_doubt() -> None:
    book = run(MASS, *[{**STATE, "flow": 2.0, "supply": 179.0}] * 3)
    assert {one.doubt for one in book.added} == {True}
    assert book.sum == pytest.approx(2 * 2.0 * (2777.1 - 335.0) / 3.6e6, rel=1e-3)
    assert not book.counted


@pytest.mark.parametrize("state", [{"supply": 90.0}, {"supply": 20.0, "pressure": 0.0}])
def test_a_line_that_stands_still_and_cools_is_a_true_zero(state: dict[str, float]) -> None:
    cold = {**STATE, **state, "flow": 0.0}
    book = run(MASS, {**STATE, "flow": 0.0}, cold, cold)
    assert (book.sum, book.counted) == (0.0, [])
    assert [one.doubt for one in book.added] == [False, False]


def test_a_counter_that_stands_still_in_a_cold_line_is_a_true_zero() -> None:
    cold = {"supply": 20.0, "pressure": 0.0, "return": 20.0}
    book = run(
        COUNTED, {**STATE, "flow": 10}, {**STATE, "flow": 12}, {**cold, "flow": 12},
        {**cold, "flow": 12}, {**STATE, "flow": 12}, {**STATE, "flow": 15},
    )  # fmt: skip
    assert book.counted == []
    assert [one.doubt for one in book.added] == [False] * 5
    assert book.sum == pytest.approx(5 * kilojoules() / 3.6e6, rel=1e-12)


def test_a_counter_that_moves_in_a_cold_line_waits_for_a_state() -> None:
    cold = {"supply": 20.0, "pressure": 0.0, "return": 20.0}
    book = run(COUNTED, {**STATE, "flow": 10}, {**cold, "flow": 12}, {**STATE, "flow": 15})
    assert book.counts == {"out-of-range": 1}
    assert book.sum == pytest.approx(5 * kilojoules() / 3.6e6, rel=1e-12)
    assert [one.doubt for one in book.added] == [True]


def test_a_counter_goes_on_after_a_restart_in_a_cold_line() -> None:
    cold = {"supply": 20.0, "pressure": 0.0, "return": 20.0, "flow": 12}
    meter, book = HeatTotalMeter(COUNTED), ListBook()
    rows = [{**STATE, "flow": 10}, {**STATE, "flow": 12}, cold, cold, {**STATE, "flow": 15}]
    for second, row in enumerate(rows):
        if second == 3:
            state = json.loads(json.dumps(meter.snapshot()))
            meter = HeatTotalMeter(COUNTED)
            meter.restore(state)
        meter.take(T0 + second * S, [(role, row[role], None) for role in COUNTED.inputs], book)
    assert book.counted == []
    assert book.sum == pytest.approx(5 * kilojoules() / 3.6e6, rel=1e-12)


def test_a_pressure_in_doubt_puts_the_interval_in_doubt() -> None:
    meter, book = HeatMeter(MASS), ListBook()
    for second in range(2):
        faults = {"pressure": UNSURE} if second else {}
        row = [(role, {**STATE, "flow": 2.0}[role], faults.get(role)) for role in MASS.inputs]
        meter.take(T0 + second * S, row, book)
    assert [one.doubt for one in book.added] == [True]


def test_saturated_steam_has_the_band_of_its_boiling() -> None:
    plan = steam_meter("pressure", "return", steam=Steam(saturated=True), flow_is_mass=True,
                       flow_sensor=None)  # fmt: skip
    book = run(plan, *[{"flow": 2.0, "pressure": 1.0, "return": 80.0}] * 2)
    assert book.added[0].warmth == pytest.approx((179.886, 179.886), abs=1e-3)


def test_an_instant_whose_readings_come_one_by_one_is_refused_once() -> None:
    meter, book = HeatMeter(MASS), ListBook()
    wet = {**STATE, "flow": 2.0, "supply": 170.0}
    for second in range(2):
        for role in MASS.inputs:
            meter.take(T0 + second * S, [(role, wet[role], None)], book)
    assert book.counts == {"out-of-range": 2}
    assert not book.added
