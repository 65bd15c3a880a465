"""The total meter: what is accepted, what is held, what starts a new epoch."""

import pytest

from adapters.reading import Fault, Value
from agent.measuring.meters.total import PATIENCE, TotalMeter
from tests.measuring import BAD, T0, UNSURE, ListBook, S, total_plan


def feed(
    meter: TotalMeter, book: ListBook, *readings: tuple[float, Value], fault: Fault | None = None
) -> None:
    for seconds, value in readings:
        meter.take(T0 + round(seconds * S), [("total", value, fault)], book)


def fed(*readings: tuple[float, Value], **settings: object) -> ListBook:
    meter, book = TotalMeter(total_plan(**settings)), ListBook()
    feed(meter, book, *readings)
    return book


def kinds(book: ListBook) -> list[str]:
    return [kind for _, kind in book.notes]


def test_the_first_reading_is_a_baseline_and_the_next_ones_give_differences() -> None:
    book = fed((0, 1000), (1, 1003), (2, 1003), (3, 1010), factor=0.5)
    assert [one.steady for one in book.added] == [1.5, 0.0, 3.5]
    assert [one.end - T0 for one in book.added] == [S, 2 * S, 3 * S]


def test_counts_beyond_what_a_float_holds_stay_exact() -> None:
    big = 2**62
    assert fed((0, big + 1), (1, big + 4)).sum == 3.0


def test_a_bad_reading_is_passed_over_and_nothing_is_lost() -> None:
    meter, book = TotalMeter(total_plan()), ListBook()
    feed(meter, book, (0, 10))
    feed(meter, book, (1, None), fault=BAD)
    feed(meter, book, (2, 14))
    assert [(one.start, one.end, one.steady) for one in book.added] == [(T0, T0 + 2 * S, 4.0)]
    assert not book.added[0].doubt
    assert book.counts == {"timeout": 1}


def test_an_uncertain_reading_puts_both_its_intervals_in_doubt() -> None:
    meter, book = TotalMeter(total_plan()), ListBook()
    feed(meter, book, (0, 1))
    feed(meter, book, (1, 2), fault=UNSURE)
    feed(meter, book, (2, 3), (3, 4))
    assert [one.doubt for one in book.added] == [True, True, False]


def test_the_course_of_a_rise_over_a_long_gap_is_unknown() -> None:
    assert [one.spread for one in fed((0, 1), (3, 2), (7, 5)).added] == [False, True]


def test_no_rise_over_a_long_gap_leaves_nothing_unknown() -> None:
    assert [one.spread for one in fed((0, 1), (7, 1)).added] == [False]


def test_a_fall_that_is_possible_as_a_rollover_is_one() -> None:
    book = fed((0, 65_530), (1, 4), modulus=65_536.0, max_rate=10.0)
    assert book.sum == 10.0
    assert kinds(book) == ["rollover"]


def test_a_64_bit_register_rolls_over_to_the_count() -> None:
    top = 2**64
    book = fed((0, top - 3), (1, 4), modulus=top * 0.001, max_rate=0.02, factor=0.001)
    assert book.sum == pytest.approx(0.007, rel=1e-15)


def test_a_fall_too_large_for_max_rate_is_a_reset_once_it_has_held() -> None:
    readings = [(float(t), 40_000 if t < 5 else t - 5) for t in range(80)]
    book = fed(*readings, modulus=65_536.0, max_rate=2.0)
    assert kinds(book) == ["reset"]
    assert book.sum == 74.0
    assert (T0 + 4 * S, T0 + 5 * S) not in {(one.start, one.end) for one in book.added}


def test_what_a_new_level_counted_while_it_was_held_counts_when_it_is_confirmed() -> None:
    meter, book = TotalMeter(total_plan(max_rate=2.0)), ListBook()
    feed(meter, book, (0, 40_000), (1, 10), (31, 20), (60.9, 30))
    assert (book.sum, meter.reached()) == (0.0, T0)
    feed(meter, book, (61, 40))
    assert (book.sum, meter.reached()) == (30.0, T0 + 61 * S)


def test_without_max_rate_a_fall_from_top_to_bottom_is_a_rollover_once_it_has_held() -> None:
    readings = [(float(t), (65_500 + t) % 65_536) for t in range(120)]
    book = fed(*readings, modulus=65_536.0)
    assert kinds(book) == ["rollover"]
    assert book.sum == 119.0


def test_without_max_rate_a_fall_from_the_middle_is_a_reset() -> None:
    readings = [(float(t), 30_000 if t < 5 else 1) for t in range(80)]
    book = fed(*readings, modulus=65_536.0)
    assert kinds(book) == ["reset"]
    assert book.sum == 0.0


@pytest.mark.parametrize("wild", [0, 17, 4_000_000_000])
def test_a_single_wild_value_makes_no_quantity_and_loses_none(wild: int) -> None:
    book = fed((0, 5000), (1, 5001), (2, wild), (3, 5003), (4, 5004), max_rate=2.0)
    assert book.sum == 4.0
    assert not book.notes
    assert book.counts == {"wild": 1}


def test_a_wild_value_in_the_upper_half_of_the_register_needs_no_max_rate() -> None:
    book = fed((0, 5000), (1, 4_000_000_000), (2, 5002), modulus=2.0**32)
    assert book.sum == 2.0
    assert book.counts == {"wild": 1}


def test_two_wild_values_in_a_row_are_left_out_both() -> None:
    book = fed((0, 5000), (1, 9_000), (2, 70), (3, 5003), max_rate=2.0)
    assert book.sum == 3.0
    assert book.counts == {"wild": 2}


def test_a_device_that_shows_zero_while_it_starts_costs_nothing() -> None:
    zeros = [(float(t), 0) for t in range(2, 50)]
    book = fed((0, 5000), (1, 5001), *zeros, (50, 5050))
    assert book.sum == 50.0
    assert not book.notes


def test_a_count_that_comes_back_after_a_reset_goes_on_from_where_it_was() -> None:
    zeros = [(float(t), 0) for t in range(2, 200)]
    book = fed((0, 5000), (1, 5001), *zeros, (200, 5100), (201, 5101))
    assert book.sum == 101.0
    assert kinds(book) == ["reset", "reset"]


def test_a_count_that_comes_back_at_more_than_max_rate_goes_on_once_it_has_held() -> None:
    zeros = [(float(t), 0) for t in range(2, 200)]
    back = [(float(t), 4900 + t) for t in range(200, 300)]
    book = fed((0, 5000), (1, 5001), *zeros, *back, max_rate=2.0)
    assert book.sum == 4900 + 299 - 5000
    assert kinds(book) == ["reset", "reset"]


def test_a_wild_value_near_the_level_before_a_reset_counts_nothing() -> None:
    after = [(float(t), t - 2) for t in range(2, 900)]
    book = fed((0, 5000), (1, 5001), *after[:-9], (891, 5500), *after[-7:], max_rate=2.0)
    assert book.sum == 1 + 897
    assert kinds(book) == ["reset"]
    assert book.counts == {"wild": 1}


def test_a_count_that_grows_past_its_old_level_after_a_reset_is_counted_in_full() -> None:
    after = [(float(t), 10 * (t - 2)) for t in range(2, 300)]
    book = fed((0, 1000), (1, 1001), *after)
    assert book.sum == pytest.approx(1 + 10 * 297)


def test_another_meter_with_a_higher_count_is_a_reset() -> None:
    readings = [(float(t), 100 + t if t < 5 else 90_000 + t) for t in range(80)]
    book = fed(*readings, max_rate=2.0)
    assert kinds(book) == ["reset"]
    assert book.sum == 4.0 + 74.0


def test_a_coarse_pulse_is_accepted_as_soon_as_max_rate_allows_it() -> None:
    readings = [(float(t), 10.0 * (t // 10)) for t in range(101)]
    book = fed(*readings, max_rate=1.0)
    assert book.sum == 100.0
    assert not book.counts


def test_a_pulse_of_one_count_may_come_at_any_moment() -> None:
    book = fed((0, 7), (1, 7), (1.5, 8), max_rate=1 / 60)
    assert book.sum == 1.0


def test_readings_above_max_rate_are_held_back_and_lost_to_nobody() -> None:
    meter, book = TotalMeter(total_plan(max_rate=1.0)), ListBook()
    feed(meter, book, *((float(t), 3 * t) for t in range(100)))
    assert book.sum < 10.0
    feed(meter, book, (400, 300))
    assert book.sum == 300.0


def test_the_rounding_of_a_float32_is_no_fall() -> None:
    book = fed((0, 16_777_216.0), (1, 16_777_214.0), (2, 16_777_218.0))
    assert book.sum == 2.0
    assert not book.notes


def test_a_turn_that_may_have_gone_unseen_is_in_doubt() -> None:
    book = fed((0, 100), (100, 200), modulus=1000.0, max_rate=11.0)
    assert book.added[0].doubt
    book = fed((0, 100), (100, 200), modulus=1000.0, max_rate=9.0)
    assert not book.added[0].doubt


def test_late_and_repeated_readings_change_nothing() -> None:
    book = fed((0, 1), (2, 3), (1, 2), (2, 3), (3, 4))
    assert book.sum == 3.0
    assert book.counts == {"late": 1}


def test_a_clock_set_back_loses_nothing_of_a_totaliser() -> None:
    book = fed(*((t, t) for t in range(100)), *((50 + t, 100 + t) for t in range(100)))
    assert book.sum == 199.0
    assert kinds(book) == ["clock-step"]


def test_what_is_reached_waits_while_a_reading_is_held() -> None:
    meter, book = TotalMeter(total_plan(max_rate=1.0)), ListBook()
    feed(meter, book, (0, 5), (1, 6), (2, 0))
    assert meter.reached() == T0 + S
    assert meter.newest() == T0 + 2 * S
    assert PATIENCE == 60 * S
