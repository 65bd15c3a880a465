"""Heat from a totaliser, and heat above a reference temperature."""

import pytest

from adapters.reading import Value
from agent.measuring.meters import METERS
from agent.measuring.water import water
from config.plan import MeterPlan
from tests.measuring import BAD, T0, ListBook, S, heat_plan

TABLE = water(1.6)


def fed(plan: MeterPlan, *rows: tuple[float, Value, Value, Value]) -> ListBook:
    meter, book = METERS["heat"](plan), ListBook()
    for seconds, *values in rows:
        inputs = [
            (role, value, BAD if value is None else None)
            for role, value in zip(("flow", "supply", "return"), values, strict=True)
            if role in plan.inputs
        ]
        meter.take(T0 + round(seconds * S), inputs, book)
    return book


def counted(**settings: object) -> MeterPlan:
    return heat_plan(flow_is_total=True, **settings)


def test_a_cubic_metre_counted_is_worth_its_published_heat() -> None:
    book = fed(counted(), (0, 100, 90.0, 40.0), (1, 101, 90.0, 40.0))
    assert book.sum * 1000 / 50 == pytest.approx(1.15395, rel=1e-5)
    book = fed(counted(flow_sensor="supply"), (0, 100, 90.0, 40.0), (1, 101, 90.0, 40.0))
    assert book.sum * 1000 / 50 == pytest.approx(1.12271, rel=1e-5)


def test_a_kilogram_counted_needs_no_volume() -> None:
    plan = counted(flow_is_mass=True, flow_sensor=None)
    book = fed(plan, (0, 0, 90.0, 40.0), (1, 3600, 90.0, 40.0))
    assert book.sum == pytest.approx((TABLE.enthalpy(90) - TABLE.enthalpy(40)) / 1000, rel=1e-12)


def test_flow_counted_while_a_temperature_is_missing_is_not_lost() -> None:
    whole = fed(counted(), (0, 0, 90.0, 40.0), (2, 8, 90.0, 40.0))
    book = fed(counted(), (0, 0, 90.0, 40.0), (1, 4, 90.0, None), (2, 8, 90.0, 40.0))
    assert book.sum == whole.sum
    assert [one.doubt for one in book.added] == [True]
    assert book.counts == {"timeout": 1}


def test_flow_counted_over_an_outage_is_spread() -> None:
    [added] = fed(counted(), (0, 0, 90.0, 40.0), (60, 8, 90.0, 40.0)).added
    assert added.spread


def test_a_reset_of_the_counter_makes_no_heat() -> None:
    rows = [(float(t), 5000 if t < 5 else t - 5, 90.0, 40.0) for t in range(80)]
    book = fed(counted(max_rate=2.0), *rows)
    assert [kind for _, kind in book.notes] == ["reset"]
    assert book.sum == pytest.approx(74 * 1.15395 * 50 / 1000, rel=1e-5)


def test_a_small_difference_or_one_the_other_way_leaves_doubt() -> None:
    book = fed(counted(), (0, 0, 41.0, 40.0), (1, 1, 41.0, 40.0), (2, 2, 30.0, 40.0))
    assert all(one.doubt for one in book.added)
    assert book.sum == pytest.approx(1.5 * 1.154e-3, rel=1e-2)


def test_heat_above_a_reference_is_that_of_a_return_at_its_temperature() -> None:
    plan = heat_plan(reference=10.0, flow_sensor="supply")
    above = fed(plan, (0, 0.01, 60.0, None), (1, 0.01, 70.0, None))
    between = fed(heat_plan(flow_sensor="supply"), (0, 0.01, 60.0, 10.0), (1, 0.01, 70.0, 10.0))
    assert above.added == between.added
    assert above.counts == {}


def test_heat_above_a_reference_from_a_totaliser() -> None:
    plan = counted(reference=10.0, flow_sensor="supply")
    book = fed(plan, (0, 0, 60.0, None), (1, 1, 60.0, None))
    drop = TABLE.enthalpy(60) - TABLE.enthalpy(10)
    assert book.sum == pytest.approx(drop / TABLE.volume(60) / 3.6e6, rel=1e-12)
