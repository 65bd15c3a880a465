"""Which earlier windows a partition is chosen from."""

from gateway.hub.calendar import DAY, Window, sampled, window_of
from tests.hubkit import HOUR, MONDAY


def test_a_short_history_is_taken_whole() -> None:
    assert sampled("day", MONDAY, MONDAY - 3 * DAY, 60) == [
        Window(MONDAY - n * DAY, MONDAY - (n - 1) * DAY) for n in (1, 2, 3)
    ]
    assert sampled("hour", MONDAY, MONDAY, 60) == []


def test_a_long_one_is_sampled_over_a_quarter_at_every_hour_and_weekday() -> None:
    hours = sampled("hour", MONDAY, 0, 60)
    assert 50 <= len(hours) <= 60
    assert MONDAY - 91 * DAY <= hours[-1].start < MONDAY - 85 * DAY
    assert len({(one.start - MONDAY) // HOUR % 24 for one in hours}) == 24
    days = sampled("day", MONDAY, 0, 60)
    assert 40 <= len(days) <= 60
    assert len({(one.start - MONDAY) // DAY % 7 for one in days}) == 7


def test_weeks_reach_back_half_a_year_and_months_one() -> None:
    assert len(sampled("week", MONDAY, 0, 60)) == 26
    march = window_of("month", MONDAY)
    months = sampled("month", march.start, 0, 60)
    assert len(months) == 14
    assert months[0].end == march.start
