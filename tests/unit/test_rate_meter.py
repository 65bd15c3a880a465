"""The rate meter."""

import pytest

from adapters.reading import Fault, Quality, Value
from agent.measuring.meters.rate import RateMeter
from tests.measuring import BAD, T0, UNSURE, ListBook, S, rate_plan


def feed(
    meter: RateMeter, book: ListBook, *readings: tuple[float, Value], fault: Fault | None = None
) -> None:
    for seconds, value in readings:
        meter.take(T0 + round(seconds * S), [("rate", value, fault)], book)


def test_a_ramp_is_integrated_by_trapezoid() -> None:
    meter, book = RateMeter(rate_plan(factor=0.5)), ListBook()
    feed(meter, book, (0, 2.0), (2, 4.0), (3, 0))
    assert [one.steady + one.ramp for one in book.added] == [3.0, 1.0]
    assert [(one.start - T0, one.end - T0) for one in book.added] == [(0, 2 * S), (2 * S, 3 * S)]


def test_hold_keeps_the_earlier_value_until_the_next_reading() -> None:
    meter, book = RateMeter(rate_plan(hold=True)), ListBook()
    feed(meter, book, (0, 2.0), (2, 4.0), (3, 0.0))
    assert [one.steady + one.ramp for one in book.added] == [4.0, 4.0]


def test_a_gap_longer_than_max_gap_is_not_bridged() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0), (3, 1.0), (6.001, 1.0))
    assert [one.end - T0 for one in book.added] == [3 * S]


def test_a_bad_reading_between_good_ones_is_bridged_with_doubt() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0))
    feed(meter, book, (1, None), fault=BAD)
    feed(meter, book, (2, 1.0), (3, 1.0))
    assert [(one.steady, one.doubt) for one in book.added] == [(2.0, True), (1.0, False)]
    assert book.counts == {"timeout": 1}


def test_an_interval_with_an_uncertain_end_is_in_doubt() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0))
    feed(meter, book, (1, 1.0), fault=UNSURE)
    feed(meter, book, (2, 1.0), (3, 1.0))
    assert [one.doubt for one in book.added] == [True, True, False]
    assert book.counts == {"last-usable": 1}


def test_a_bad_reading_with_a_value_is_still_not_used() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0), (3, 1.0))
    feed(meter, book, (4, 99.0), fault=Fault(Quality.BAD, "sentinel"))
    assert book.sum == 3.0


@pytest.mark.parametrize("value", [None, "12", True, float("nan"), float("inf")])
def test_what_is_not_a_number_is_a_bad_reading(value: Value) -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0), (1, value))
    assert not book.added
    assert book.counts == {"not-a-number": 1}


def test_a_repeat_is_ignored_and_a_late_reading_is_counted() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0), (2, 1.0), (2, 9.0), (1, 9.0), (3, 1.0))
    assert book.sum == 3.0
    assert book.counts == {"late": 1}
    assert not book.notes


def test_a_clock_set_back_is_marked_once_and_no_time_is_counted_twice() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, *((t, 1.0) for t in range(11)))
    feed(meter, book, *((t, 1.0) for t in range(5, 15)))
    assert book.sum == 14.0
    assert [kind for _, kind in book.notes] == ["clock-step"]
    assert book.counts == {"late": 5}


def test_the_offset_of_a_rate_counts() -> None:
    plan = rate_plan()
    point = plan.inputs["rate"]
    moved = type(point)("rate", point.source, point.point, 2.0, -1.0)
    meter, book = RateMeter(rate_plan(more={"rate": moved})), ListBook()
    feed(meter, book, (0, 3.0), (1, 3.0))
    assert book.sum == 5.0


def test_what_is_reached_waits_for_a_reading_that_may_still_bridge() -> None:
    meter, book = RateMeter(rate_plan()), ListBook()
    feed(meter, book, (0, 1.0))
    feed(meter, book, (2, None), fault=BAD)
    assert meter.reached() == T0
    feed(meter, book, (4, None), fault=BAD)
    assert meter.reached() == T0 + 4 * S
    assert meter.newest() == T0 + 4 * S
