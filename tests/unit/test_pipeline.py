"""The pipeline: routing, closing, restarts."""

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.errors import PermanentError
from adapters.reading import Block, Value
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from config.plan import InputPlan, StreamPlan, WindowPlan
from tests.measuring import (
    BAD,
    DAY,
    MIN,
    T0,
    S,
    block,
    heat_plan,
    rate_plan,
    stream,
    total_plan,
    windows,
)

RATE = stream(rate_plan(max_gap=30 * S))
TOTAL = stream(total_plan(max_gap=30 * S))


def fed(pipeline: Pipeline, point: str, *readings: tuple[float, Value]) -> None:
    for seconds, value in readings:
        pipeline.take(block(T0 + round(seconds * S), {point: value}))


def spans(totals: list[Total]) -> list[tuple[int, float, float]]:
    return [((t.start - T0) // MIN, round(t.quantity, 9), round(t.coverage, 9)) for t in totals]


def every(step: int, first: int, last: int) -> list[tuple[float, Value]]:
    return [(t, 1.0) for t in range(first, last + 1, step)]


def restarted(pipeline: Pipeline, *streams: StreamPlan, plan: WindowPlan | None = None) -> Pipeline:
    state = json.loads(json.dumps(pipeline.snapshot()))
    return Pipeline(streams, plan or windows(MIN), state)


def test_a_window_closes_when_its_end_and_the_grace_have_passed() -> None:
    pipeline = Pipeline([RATE], windows(MIN, grace=10 * S))
    fed(pipeline, "rate", *every(10, 0, 50))
    assert pipeline.close(T0 + 70 * S - 1) == []
    assert spans(pipeline.close(T0 + 70 * S)) == [(0, 50.0, 0.833333333)]
    assert pipeline.close(T0 + 80 * S) == []


def test_a_window_closes_early_when_its_point_has_moved_beyond_the_end() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    fed(pipeline, "rate", *every(10, 0, 70))
    assert spans(pipeline.close(T0 + 70 * S)) == [(0, 60.0, 1.0)]


def test_a_reading_with_a_time_ahead_of_now_closes_nothing() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    fed(pipeline, "rate", (0, 1.0), (600, 1.0))
    assert pipeline.close(T0 + 30 * S) == []


def test_windows_begin_with_the_first_instant_heard_of() -> None:
    pipeline = Pipeline([RATE, replace(TOTAL, name="dust")], windows(MIN))
    assert pipeline.open_windows() == []
    pipeline.take(block(T0 + 30 * S, {"other": 1.0}))
    totals = pipeline.close(T0 + 3 * MIN)
    assert [(total.stream, total.start - T0) for total in totals] == [
        ("slag", 0),
        ("dust", 0),
        ("slag", MIN),
        ("dust", MIN),
    ]


def test_close_alone_begins_the_windows() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    assert pipeline.close(T0 + 5 * S) == []
    assert spans(pipeline.close(T0 + 2 * MIN)) == [(0, 0.0, 0.0)]


def test_finish_closes_whole_windows_at_once_and_leaves_the_last_open() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    fed(pipeline, "rate", *every(10, 0, 150))
    assert spans(pipeline.finish(0)) == [(0, 60.0, 1.0), (1, 60.0, 1.0)]
    assert spans(pipeline.open_windows()) == [(2, 30.0, 0.5)]
    assert spans(pipeline.finish(T0 + 3 * MIN)) == [(2, 30.0, 0.5)]


def test_a_rise_across_an_outage_of_the_source_goes_into_the_first_open_window() -> None:
    pipeline = Pipeline([TOTAL], windows(MIN))
    fed(pipeline, "total", (0, 0), (30, 30))
    assert spans(pipeline.close(T0 + 4 * MIN)) == [(0, 30.0, 0.5), (1, 0.0, 0.0), (2, 0.0, 0.0)]
    fed(pipeline, "total", (270, 270))
    total = pipeline.close(T0 + 6 * MIN)[0]
    assert (total.quantity, total.coverage, total.marks) == (210.0, 1.0, ("spread",))


def test_a_rise_across_an_outage_of_the_agent_is_spread_over_the_windows_it_spans() -> None:
    pipeline = Pipeline([TOTAL], windows(MIN))
    fed(pipeline, "total", (0, 0), (30, 30))
    pipeline = restarted(pipeline, TOTAL)
    assert pipeline.close(T0 + 10 * MIN) == []
    fed(pipeline, "total", (605, 605))
    totals = pipeline.close(T0 + 11 * MIN)
    assert [total.quantity for total in totals] == pytest.approx([60.0] * 10)
    assert {total.coverage for total in totals} == {1.0}
    assert {total.marks for total in totals} == {("spread",)}
    assert [total.uncertain for total in totals] == [0.5] + [1.0] * 9


def test_after_a_restart_overdue_windows_wait_a_grace_for_the_source() -> None:
    pipeline = Pipeline([TOTAL], windows(MIN))
    fed(pipeline, "total", (0, 0), (30, 30))
    pipeline = restarted(pipeline, TOTAL)
    assert pipeline.close(T0 + 10 * MIN) == []
    assert pipeline.close(T0 + 11 * MIN - 1) == []
    assert len(pipeline.close(T0 + 11 * MIN)) == 10


def test_the_status_point_makes_the_meters_readings_bad() -> None:
    more = {"status": InputPlan("status", "plc", "state")}
    plan = stream(rate_plan(max_gap=30 * S, more=more, gates={"status": (1.0,)}))
    pipeline = Pipeline([plan], windows(MIN))
    for t in range(0, 61, 10):
        pipeline.take(block(T0 + t * S, {"rate": 1.0, "state": 0 if t in {20, 30, 40, 50} else 1}))
    total = pipeline.finish(0)[0]
    assert (total.quantity, total.reasons) == (10.0, {"status": 4})


@pytest.mark.parametrize(("state", "counts"), [(True, True), (1.0, True), ("1", False), (2, False)])
def test_only_the_named_status_values_are_good(state: Value, counts: bool) -> None:
    more = {"status": InputPlan("status", "plc", "state")}
    plan = stream(rate_plan(max_gap=30 * S, more=more, gates={"status": (1.0, 3.0)}))
    pipeline = Pipeline([plan], windows(MIN))
    for t in (0, 10):
        pipeline.take(block(T0 + t * S, {"state": state, "rate": 1.0}))
    assert bool(pipeline.open_windows()[0].coverage) is counts


def test_a_status_that_is_bad_old_or_unheard_of_is_not_good() -> None:
    more = {"status": InputPlan("status", "plc", "state")}
    plan = stream(rate_plan(max_gap=30 * S, more=more, gates={"status": (1.0,)}))
    pipeline = Pipeline([plan], windows(MIN))
    fed(pipeline, "rate", (0, 1.0), (1, 1.0))
    pipeline.take(block(T0 + 2 * S, {"state": 1}, {"state": BAD}))
    fed(pipeline, "rate", (3, 1.0), (4, 1.0))
    fed(pipeline, "state", (5, 1))
    fed(pipeline, "rate", (6, 1.0), (36, 1.0))
    total = pipeline.open_windows()[0]
    assert (total.coverage, total.reasons) == (0.0, {"status": 5})


def test_readings_with_their_own_times_are_taken_in_time_order() -> None:
    pipeline = Pipeline([RATE, stream(heat_plan(), "heat")], windows(MIN))
    points = ("rate", "x", "rate", "flow", "supply", "return", "rate")
    values = (3.0, 0.0, 1.0, 0.01, 90.0, 40.0, 2.0)
    times = (T0 + 2 * S, T0, T0, T0 + S, T0 + S, T0 + S, T0 + S)
    pipeline.take(Block("plc", T0, points, values, times=times))
    assert pipeline.open_windows()[0].quantity == 4.0
    assert pipeline.open_windows()[0].reasons == {}


def test_a_point_of_another_source_is_not_taken() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    for t in range(3):
        pipeline.take(Block("other", T0 + t * S, ("rate",), (1.0,)))
    assert pipeline.open_windows()[0].coverage == 0.0


def test_one_point_may_feed_two_streams() -> None:
    pipeline = Pipeline([RATE, replace(RATE, name="again")], windows(MIN))
    fed(pipeline, "rate", *every(10, 0, 30))
    assert [total.quantity for total in pipeline.open_windows()] == [30.0, 30.0]


def test_windows_begin_where_a_step_of_the_clock_is_the_first_thing_heard_of() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    pipeline.clock_step(T0 + 30 * S, -5 * S)
    assert [one.start for one in pipeline.finish(T0 + 70 * S)] == [T0]


def test_many_different_blocks_do_not_grow_the_memory_without_bound() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    for number in range(3000):
        pipeline.take(Block("plc", T0, (f"p{number}",), (1.0,)))
    assert len(pipeline._routes.layouts) <= 1024


def test_large_groups_of_points_that_never_recur_do_not_grow_the_memory_either() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    names = [f"p{at}" for at in range(9000)]
    for second in range(100):
        points = (*names[second:], *names[:second])
        pipeline.take(Block("plc", T0 + second * S, points, (1.0,) * len(points)))
    assert sum(len(points) for points, _ in pipeline._routes.seen.values()) < 300_000
    assert sum(len(points) for _, points in pipeline._routes.layouts) < 300_000


def test_readings_far_ahead_of_now_are_refused_when_a_horizon_is_set() -> None:
    pipeline = Pipeline([RATE], windows(MIN), horizon=MIN)
    pipeline.close(T0)
    fed(pipeline, "rate", (0, 1.0), (10, 1.0), (86_400, 1.0), (20, 1.0))
    late = Block("plc", T0, ("rate", "rate"), (1.0, 1.0), times=(T0 + DAY, T0 + 30 * S))
    pipeline.take(late)
    total = pipeline.open_windows()[0]
    assert (total.quantity, total.reasons) == (30.0, {"future": 2})


def test_late_readings_are_one_event_a_window() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    fed(pipeline, "rate", *every(10, 0, 50), (45, 1.0), (49, 1.0), (60, 1.0))
    pipeline.finish(0)
    assert [(event.kind, event.detail[:10]) for event in pipeline.drain_events()] == [
        ("late-samples", "2 readings")
    ]
    assert pipeline.drain_events() == []


def test_a_stream_that_is_new_to_a_saved_state_begins_at_the_restart() -> None:
    pipeline = Pipeline([RATE], windows(MIN))
    fed(pipeline, "rate", *every(10, 0, 70))
    pipeline.close(T0 + 70 * S)
    pipeline = restarted(pipeline, RATE, replace(TOTAL, name="dust"))
    fed(pipeline, "total", (185, 0))
    assert [(t.stream, (t.start - T0) // MIN) for t in pipeline.open_windows()] == [
        ("slag", 1),
        ("dust", 3),
    ]


def test_a_baseline_is_not_taken_over_by_another_point() -> None:
    pipeline = Pipeline([TOTAL], windows(MIN))
    fed(pipeline, "total", (0, 100), (30, 130))
    other = stream(total_plan(max_gap=30 * S, point="new"))
    pipeline = restarted(pipeline, other)
    fed(pipeline, "new", (40, 90_000), (50, 90_001))
    assert pipeline.open_windows()[0].quantity == 31.0
    assert [event.kind for event in pipeline.drain_events()] == ["meter-changed"]


def test_quantities_of_another_unit_are_left_behind_with_an_event() -> None:
    pipeline = Pipeline([TOTAL], windows(MIN))
    fed(pipeline, "total", (0, 100), (30, 130))
    pipeline = restarted(pipeline, replace(TOTAL, unit="m3"))
    fed(pipeline, "total", (40, 140), (50, 150))
    assert pipeline.open_windows()[0].quantity == 10.0
    assert "in t" in pipeline.drain_events()[0].detail


@pytest.mark.parametrize(
    "broken", [{"version": 99}, {"meter": {}}, {"windows": None}, {"gate": 3}, {"version": None}]
)
def test_a_state_that_cannot_be_read_is_refused_by_name(broken: dict[str, Any]) -> None:
    pipeline = Pipeline([TOTAL], windows(MIN))
    fed(pipeline, "total", (0, 100))
    state = {"slag": {**pipeline.snapshot()["slag"], **broken}}
    with pytest.raises(PermanentError, match="stream slag: the saved state cannot be read"):
        Pipeline([TOTAL], windows(MIN), state)


def test_a_snapshot_shares_nothing_with_the_pipeline_that_goes_on() -> None:
    plans = [RATE, replace(TOTAL, name="dust"), stream(heat_plan(), "heat")]
    pipeline = Pipeline(plans, windows(MIN))
    values: dict[str, Value] = {
        "rate": 1.0,
        "total": 1,
        "flow": 0.01,
        "supply": 90.0,
        "return": 40.0,
    }
    pipeline.take(block(T0, values))
    before = pipeline.snapshot()
    written = json.dumps(before)
    for t in range(1, 100):
        pipeline.take(block(T0 + t * S, values, {"rate": BAD}))
        pipeline.close(T0 + t * S)
    assert json.dumps(before) == written
