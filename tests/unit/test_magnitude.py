"""Orders of magnitude: when they leave, what they are made of, and when they change."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from agent.disclosing.magnitude import Magnitudes, Told, held, is_due, level_of, magnitudes
from agent.disclosing.policy import Policy
from agent.disclosing.yearly import Sum, Tally, last_year, month, month_start, recounted, tallied
from agent.measuring.total import Total
from config.plan import InputPlan, MeterPlan, StreamPlan
from tests.plants import HOUR, plan, sealer

DAY = 24 * HOUR
METER = MeterPlan("total", {"total": InputPlan("total", "belt", "total")}, max_gap=3)
SLAG = StreamPlan("slag", "material", "t", METER, code="10 09 03", share="band")
KEY = ("material", "10 09 03", "surplus", "t", "wet")
TOLD_KEY = ("material", "10 09 03", "surplus", "t")
FIRST = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**9
END = month_start(month(FIRST) + 12)
EMPTY = Tally(KEY, FIRST)


def year(quantity: float, days: float = 365.0, **change: object) -> Tally:
    tally = Tally(KEY, FIRST, {month(FIRST): Sum(quantity, days * DAY, 10)})
    return replace(tally, **change)  # type: ignore[arg-type]


def told(tally: Tally, stream: StreamPlan = SLAG, **more: object) -> Magnitudes:
    return magnitudes([stream], {stream.name: tally}, END, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [(-5.0, 0), (0.0, 0), (0.999, 0), (1.0, 1), (9.99, 1), (10.0, 2), (1e3, 4), (1e9, 10)],
)
def test_a_level_begins_at_its_power_of_ten(quantity: float, expected: int) -> None:
    assert level_of(quantity) == expected


def test_a_magnitude_leaves_in_the_record_in_which_a_month_ends_and_in_no_other() -> None:
    boundary = month_start(month(FIRST) + 1)
    hours = [boundary + at * HOUR for at in range(-3, 3)]
    assert [is_due(at, at + HOUR) for at in hours] == [False, False, True, False, False, False]
    assert is_due(boundary - 5 * DAY, boundary + 2 * DAY)


def test_a_stream_that_shares_its_band_tells_its_order_of_magnitude_and_nothing_else() -> None:
    [item] = told(year(220_000.0)).items
    assert item.content() == {
        "kind": "material", "code": "10 09 03", "direction": "surplus", "unit": "t",
        "magnitude": "100000-1000000",
    }  # fmt: skip


def test_what_there_is_is_annualised_over_what_was_observed() -> None:
    half = year(60.0, days=200)
    [part] = told(half).parts
    assert part.quantity == pytest.approx(60.0 * 365 / 200)


def test_a_year_observed_too_little_tells_nothing() -> None:
    result = told(year(60.0, days=100))
    assert result.items == ()
    assert result.steps[-1].outcome == "27% covered, 50% needed"
    assert result.steps[-1].stopped


def test_less_than_a_week_is_no_year() -> None:
    result = told(year(60.0, days=6, first=END - 6 * DAY))
    assert result.items == ()
    assert result.steps[-1].outcome == "6.0 days observed, 7 needed"


@pytest.mark.parametrize(
    "change", [{"share": "off"}, {"never_publish": True}, {"code": "16 04 01*"}]
)
def test_what_may_not_leave_tells_no_magnitude_either(change: dict[str, object]) -> None:
    stream = replace(SLAG, **change)  # type: ignore[arg-type]
    assert told(year(60.0), stream, rules=Policy(("16 04",))).items == ()


def test_a_stream_that_shares_figures_tells_its_magnitude_too() -> None:
    assert len(told(year(60.0), replace(SLAG, share="cluster")).items) == 1


def test_a_magnitude_stays_while_the_quantity_is_near_the_border() -> None:
    assert held(1100.0, 3) == 3
    assert held(1249.0, 3) == 3
    assert held(1251.0, 3) == 4
    assert held(900.0, 4) == 4
    assert held(799.0, 4) == 3
    assert held(1100.0, None) == 4


def test_what_was_told_last_month_decides_at_a_border() -> None:
    before = {TOLD_KEY: Told(3, month(END) - 1)}
    first = told(year(1100.0), told=before)
    assert [item.level for item in first.items] == [3]
    assert first.told[TOLD_KEY] == Told(3, month(END), 3)
    assert [item.level for item in told(year(1100.0), told=first.told).items] == [3]


def test_streams_that_read_alike_tell_one_magnitude_of_their_sum() -> None:
    dust = replace(SLAG, name="dust")
    both = magnitudes([SLAG, dust], {"slag": year(60.0), "dust": year(60.0)}, END)
    assert [item.level for item in both.items] == [3]
    assert "2 years → 1" in [step.outcome for step in both.steps]


def test_batches_are_told_of_when_there_are_enough_of_them() -> None:
    batches = replace(SLAG, meter=replace(METER, kind="batch"), min_tickets=11)
    result = told(year(60.0), batches)
    assert result.items == ()
    assert result.steps[-1].outcome == "10 of at least 11 batches"


def test_months_more_than_a_year_back_do_not_count() -> None:
    tally = Tally(KEY, FIRST - 400 * DAY, {month(END) - 13: Sum(1e9, DAY), month(FIRST): Sum(5.0)})
    begin, found = last_year(tally, END)
    assert begin == FIRST
    assert found.quantity == 5.0


def hour(at: int, quantity: float = 2.0, stream: str = "slag") -> Total:
    start = FIRST + at * HOUR
    return Total(stream, start, start + HOUR, quantity, "t", 0.5, 0.0, None, (), {}, tickets=1)


def test_counting_anew_gives_what_was_counted_window_by_window() -> None:
    totals = [hour(at, 0.1 * at) for at in range(24 * 40)]
    tallies: dict[str, Tally] = {}
    for one in totals:
        tallies = tallied(tallies, [SLAG], {"slag": [one]}, one.start)
    assert recounted([SLAG], {}, totals, HOUR) == tallies
    months = tallies["slag"].months
    assert sum(one.quantity for one in months.values()) == pytest.approx(
        sum(one.quantity for one in totals)
    )
    assert sum(one.observed for one in months.values()) == pytest.approx(24 * 40 * HOUR / 2)


def test_another_code_begins_another_year() -> None:
    first = tallied({}, [SLAG], {"slag": [hour(0)]}, FIRST)
    other = tallied(first, [replace(SLAG, code="10 09 05")], {"slag": [hour(1)]}, FIRST + HOUR)
    assert other["slag"].first == FIRST + HOUR
    assert [one.quantity for one in other["slag"].months.values()] == [2.0]


def test_a_record_holds_magnitudes_only_where_they_are_due() -> None:
    orders = told(year(60.0)).items
    assert plan().uplink is not None
    without = sealer().seal(END - HOUR, END, 1, ())
    plain = sealer().seal(END - HOUR, END, 1, (), orders=orders).plain
    assert '"magnitude":"10-100"' in plain
    assert "magnitude" not in without.plain
