"""The stock meter: means and closing values, which are never added up."""

import json
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from adapters.reading import Value
from agent.disclosing.figure import disclose
from agent.measuring.localtime import local_day, year
from agent.measuring.pipeline import Pipeline
from agent.reporting.report import report
from config.plan import MeterPlan, Share
from tests.measuring import BAD, MIN, T0, S, block, rate_plan, stock_plan, stream, windows
from tests.plants import plan


def piped(*rows: tuple[int, Value], meter: MeterPlan | None = None) -> Pipeline:
    pipeline = Pipeline([stream(meter or stock_plan(max_gap=2 * MIN))], windows(MIN))
    for seconds, value in rows:
        faults = {"level": BAD} if value is None else {}
        pipeline.take(block(T0 + seconds * S, {"level": value}, faults))
    return pipeline


def test_a_window_holds_the_mean_and_the_level_at_its_end() -> None:
    pipeline = piped((0, 100.0), (30, 40.0), (90, 40.0), (120, 10.0))
    first, second = pipeline.finish(T0)
    assert (first.quantity, first.closing, first.aggregation) == (55.0, 40.0, "mean")
    assert (second.quantity, second.closing) == (32.5, 10.0)
    assert first.coverage == second.coverage == 1.0


def test_an_edge_between_two_readings_closes_on_the_line_between_them() -> None:
    [first] = piped((0, 0.0), (90, 90.0)).finish(T0)
    assert (first.quantity, first.closing) == (30.0, 60.0)


def test_a_mean_is_over_what_was_observed() -> None:
    pipeline = piped((0, 8.0), (15, 8.0), (45, 2.0), (60, 2.0), meter=stock_plan(max_gap=20 * S))
    [total] = pipeline.finish(T0)
    assert (total.quantity, total.coverage, total.closing) == (5.0, 0.5, 2.0)


def test_a_level_can_be_held_until_the_next_reading() -> None:
    held = stock_plan(max_gap=2 * MIN, hold=True)
    [total] = piped((0, 8.0), (45, 2.0), (60, 1.0), meter=held).finish(T0)
    assert (total.quantity, total.closing) == (6.5, 2.0)


def test_a_stock_that_was_not_observed_has_no_closing_value() -> None:
    [total] = piped((0, None), (60, None)).finish(T0)
    assert (total.quantity, total.coverage, total.closing) == (0.0, 0.0, None)


def test_open_windows_of_a_flow_are_not_taken_for_those_of_a_stock() -> None:
    flow = Pipeline([stream(rate_plan(max_gap=2 * MIN))], windows(MIN))
    for second in (0, 30):
        flow.take(block(T0 + second * S, {"rate": 7.0}))
    stock = Pipeline([stream(stock_plan())], windows(MIN), json.loads(json.dumps(flow.snapshot())))
    stock.take(block(T0 + 31 * S, {"level": 1.0}))
    assert [one.quantity for one in stock.open_windows()] == [0.0]
    [event] = stock.drain_events()
    assert event.kind == "meter-changed"
    assert event.detail == "open windows of a rate in t are left behind: it is a stock in t"


def test_a_mean_goes_on_through_a_change_of_the_window_length_where_it_can() -> None:
    state = json.loads(json.dumps(piped((0, 10.0), (30, 20.0)).snapshot()))
    pipeline = Pipeline([stream(stock_plan(max_gap=2 * MIN))], windows(5 * MIN), state)
    [total] = pipeline.open_windows()
    assert (total.quantity, total.closing) == (15.0, 20.0)
    wide = json.loads(json.dumps(pipeline.snapshot()))
    narrow = Pipeline([stream(stock_plan(max_gap=2 * MIN))], windows(MIN), wide)
    assert [(one.quantity, one.coverage) for one in narrow.open_windows()] == [(0.0, 0.0)]


@pytest.mark.parametrize("share", ["off", "cluster"])
def test_a_stock_never_becomes_a_figure(share: Share) -> None:
    pipeline = piped((0, 5.0), (60, 5.0))
    heap = replace(pipeline._tracks[0].plan, share=share)
    result = disclose([heap], {"slag": pipeline.finish(T0)}, 1)
    assert result.figures == ()
    assert result.steps[-1].stopped


def test_a_report_leaves_stocks_out_for_they_do_not_add_up() -> None:
    slag, dust = plan().streams
    heap = replace(slag, name="heap", meter=stock_plan())
    held = piped((0, 5.0), (60, 5.0)).finish(T0)
    stocks = [replace(one, stream=name) for name in ("heap", "gone") for one in held]
    zone = ZoneInfo("Europe/Oslo")
    calendar = year(local_day(T0, zone).year, zone)
    made = report(replace(plan(), streams=(slag, dust, heap)), calendar, stocks, T0)
    assert [line.what.stream for line in made.lines] == ["slag", "dust"]
