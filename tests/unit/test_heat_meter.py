"""The heat meter."""

from typing import Any

import pytest

from adapters.errors import PermanentError
from adapters.reading import Fault
from agent.measuring.meters.heat import HeatMeter
from tests.measuring import BAD, T0, UNSURE, ListBook, S, heat_plan

FLOW = 0.01  # m3/s
NORMAL: dict[str, Any] = {"flow": FLOW, "supply": 90.0, "return": 40.0}


def feed(
    meter: HeatMeter, book: ListBook, seconds: float, fault: Fault | None = None, **values: float
) -> None:
    inputs = [(role.strip("_"), value, fault) for role, value in values.items()]
    meter.take(T0 + round(seconds * S), inputs, book)


def steady(seconds: int = 3, **changes: float) -> ListBook:
    meter, book = HeatMeter(heat_plan()), ListBook()
    for t in range(seconds + 1):
        feed(meter, book, t, **{**NORMAL, **changes})
    return book


@pytest.mark.parametrize(("sensor", "factor"), [("return", 1.15395), ("supply", 1.12271)])
def test_energy_is_volume_times_difference_times_the_coefficient_of_the_sensors_place(
    sensor: str, factor: float
) -> None:
    meter, book = HeatMeter(heat_plan(flow_sensor=sensor)), ListBook()
    for t in range(101):
        feed(meter, book, t, **NORMAL)
    kwh = FLOW * 100 * 50.0 * factor
    assert book.sum == pytest.approx(kwh / 1000, rel=1e-5)


def test_mass_flow_needs_no_sensor_position() -> None:
    meter, book = HeatMeter(heat_plan(flow_is_mass=True, flow_sensor=None)), ListBook()
    for t in (0, 1):
        feed(meter, book, t, **{**NORMAL, "flow": 10.0})
    assert book.sum == pytest.approx(10.0 * 209.0 / 3.6e6, rel=2e-3)


def test_volume_flow_without_a_sensor_position_is_refused() -> None:
    with pytest.raises(PermanentError, match="where its flow sensor sits"):
        HeatMeter(heat_plan(flow_sensor=None))


def test_three_readings_of_one_instant_are_evaluated_once() -> None:
    book = steady(seconds=5)
    assert len(book.added) == 5
    assert not any(one.doubt for one in book.added)


def test_power_is_integrated_by_trapezoid_with_the_supply_temperature() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    feed(meter, book, 0, **NORMAL)
    feed(meter, book, 2, **{**NORMAL, "flow": 2 * FLOW, "supply": 90.0})
    one = book.added[0]
    assert one.ramp / one.steady == pytest.approx(0.5)
    assert one.warmth == (90.0, 90.0)


def test_inputs_that_come_one_by_one_are_evaluated_as_they_come() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    for t in range(10):
        feed(meter, book, t, flow=FLOW)
        feed(meter, book, t + 0.2, supply=90.0)
        feed(meter, book, t + 0.4, return_=40.0)
    assert book.added[0].start == T0 + 400_000_000
    assert book.added[-1].end == T0 + 9_400_000_000
    assert book.sum == pytest.approx(FLOW * 9 * 50.0 * 1.15395 / 1000, rel=1e-5)


def test_inputs_of_one_instant_in_several_blocks_are_the_same_as_in_one() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    for t in range(4):
        for role, value in NORMAL.items():
            feed(meter, book, t, **{role: value})
    assert book.sum == pytest.approx(steady(3).sum, rel=1e-12)


def test_an_input_older_than_max_gap_stops_the_count() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    feed(meter, book, 0, **NORMAL)
    for t in range(1, 10):
        feed(meter, book, t, flow=FLOW, supply=90.0)
    assert book.added[-1].end == T0 + 3 * S


def test_a_bad_input_is_bridged_with_doubt_within_max_gap_only() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    feed(meter, book, 0, **NORMAL)
    feed(meter, book, 1, flow=FLOW, return_=40.0)
    feed(meter, book, 1, BAD, supply=90.0)
    feed(meter, book, 2, **NORMAL)
    feed(meter, book, 2.5, BAD, flow=FLOW)
    feed(meter, book, 6, **NORMAL)
    spans = [((one.start - T0) / S, (one.end - T0) / S, one.doubt) for one in book.added]
    assert spans == [(0, 1, False), (1, 2, True)]
    assert book.counts == {"timeout": 2}


def test_an_uncertain_input_puts_the_interval_in_doubt() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    feed(meter, book, 0, **NORMAL)
    feed(meter, book, 1, UNSURE, **NORMAL)
    assert book.added[0].doubt


def test_a_small_difference_is_in_doubt_unless_nothing_flows() -> None:
    small = steady(supply=42.0)
    assert all(one.doubt for one in small.added)
    assert small.sum > 0
    still = steady(supply=42.0, flow=0.0)
    assert not any(one.doubt for one in still.added)
    assert still.sum == 0


@pytest.mark.parametrize("change", [{"supply": 30.0}, {"flow": -FLOW}])
def test_heat_that_flows_the_other_way_is_zero_with_doubt(change: dict[str, Any]) -> None:
    book = steady(**change)
    assert book.sum == 0
    assert all(one.doubt for one in book.added)


@pytest.mark.parametrize("change", [{"supply": 250.0}, {"return": -1.0}])
def test_a_temperature_outside_liquid_water_makes_its_reading_bad(
    change: dict[str, Any],
) -> None:
    book = steady(3, **change)
    assert not book.added
    assert book.counts == {"out-of-range": 4}


def test_a_late_input_is_counted_and_changes_nothing() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    feed(meter, book, 0, **NORMAL)
    feed(meter, book, 2, **NORMAL)
    feed(meter, book, 1, supply=130.0)
    feed(meter, book, 3, **NORMAL)
    assert book.sum == pytest.approx(steady(3).sum, rel=1e-12)
    assert book.counts == {"late": 1}


def test_an_input_behind_the_others_makes_no_time_count_twice() -> None:
    meter, book = HeatMeter(heat_plan(max_gap=10 * S)), ListBook()
    feed(meter, book, 0, **NORMAL)
    feed(meter, book, 4, flow=FLOW, supply=90.0)
    feed(meter, book, 3, return_=40.0)
    feed(meter, book, 5, **NORMAL)
    assert [(one.start - T0, one.end - T0) for one in book.added] == [(0, 4 * S), (4 * S, 5 * S)]


def test_what_is_reached_is_the_last_evaluation_or_a_bad_reading_past_bridging() -> None:
    meter, book = HeatMeter(heat_plan()), ListBook()
    feed(meter, book, 0, **NORMAL)
    feed(meter, book, 1, flow=FLOW)
    assert meter.reached() == T0 + S
    feed(meter, book, 9, BAD, flow=FLOW)
    assert meter.reached() == T0 + 9 * S
    assert meter.newest() == T0 + 9 * S
