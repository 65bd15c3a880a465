"""The cross-check of a totaliser: an event for each window in which its rate says otherwise."""

import json

from hypothesis import given
from hypothesis import strategies as st

from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from config.plan import InputPlan, StreamPlan
from tests.measuring import MIN, T0, S, block, stream, total_plan, windows

MORE = {"check": InputPlan("check", "plc", "rate")}


def plan(**settings: object) -> StreamPlan:
    return stream(total_plan(**{"max_gap": 30 * S, "more": MORE, "tolerance": 0.05, **settings}))


def run(
    pipeline: Pipeline, minutes: int, count: float, rate: float | None, begin: int = 0
) -> list[Total]:
    """Count so much each ten seconds, and show a rate; None does not show one."""
    for step in range(6 * minutes + 1):
        values = {"total": count * (step + 6 * begin)}
        if rate is not None:
            values["rate"] = rate
        pipeline.take(block(T0 + begin * MIN + step * 10 * S, {**values}))
    return pipeline.finish(T0)


def checked(count: float, rate: float | None, **settings: object) -> tuple[list[Total], list[str]]:
    pipeline = Pipeline([plan(**settings)], windows(MIN))
    totals = run(pipeline, 3, count, rate)
    return totals, [event.kind for event in pipeline.drain_events()]


def test_a_counter_that_agrees_with_its_rate_is_left_alone() -> None:
    totals, events = checked(10.0, 1.04)
    assert [one.marks for one in totals] == [(), (), ()]
    assert events == []


def test_each_window_past_the_tolerance_is_marked_and_told() -> None:
    totals, events = checked(10.0, 1.06)
    assert [one.marks for one in totals] == [("cross-check",)] * 3
    assert [one.quantity for one in totals] == [60.0] * 3
    assert events == ["cross-check"] * 3


def test_a_counter_of_whole_counts_may_be_one_count_behind() -> None:
    assert checked(10, 1.06)[1] == []
    assert checked(10, 1.08)[1] == ["cross-check"] * 3
    assert checked(0, 0.01)[1] == []


def test_what_only_one_of_them_observed_is_not_compared() -> None:
    assert checked(10.0, None)[1] == []


def test_the_check_goes_on_over_a_restart_and_may_be_added_later() -> None:
    bare = Pipeline([plan(more={})], windows(MIN))
    run(bare, 1, 10.0, 5.0)
    bare.drain_events()
    state = json.loads(json.dumps(bare.snapshot()))
    pipeline = Pipeline([plan()], windows(MIN), state)
    totals = run(pipeline, 2, 10.0, 5.0, begin=1)
    assert [one.quantity for one in totals] == [60.0, 60.0]
    assert [event.kind for event in pipeline.drain_events()] == ["cross-check"] * 2
    state = json.loads(json.dumps(pipeline.snapshot()))
    pipeline = Pipeline([plan()], windows(MIN), state)
    run(pipeline, 1, 10.0, 5.0, begin=3)
    assert [event.kind for event in pipeline.drain_events()] == ["cross-check"]


def test_a_window_waits_for_a_rate_that_is_read_after_the_counter() -> None:
    pipeline, totals = Pipeline([plan()], windows(MIN)), []
    for step in range(20):
        time = T0 + step * 10 * S
        for at, point, value in [(time, "total", 10.0 * step), (time + S, "rate", 1.2)]:
            pipeline.take(block(at, {point: value}))
            totals += pipeline.close(at)
    assert [one.marks for one in totals] == [(), ("cross-check",), ("cross-check",)]


@given(
    count=st.integers(1, 1000),
    share=st.floats(-0.5, 0.5),
    tolerance=st.floats(0.01, 0.3),
)
def test_an_event_means_that_they_differ_by_more_than_the_tolerance(
    count: int, share: float, tolerance: float
) -> None:
    rate = count / 10 * (1 + share)
    apart = abs(share) / max(1.0, 1 + share)
    if abs(apart - tolerance) > 1e-6:
        found = checked(float(count), rate, tolerance=tolerance)[1]
        assert bool(found) is (apart > tolerance)
