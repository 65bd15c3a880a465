"""The report's sums and its local time, over random windows and time zones."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import NANOSECONDS
from agent.measuring.continuity import percentile
from agent.measuring.localtime import Calendar, local_day, month, year
from agent.measuring.total import Total
from agent.reporting.lines import Line
from agent.reporting.report import Report, report
from tests.plants import MINUTE, plan

HOUR = 60 * MINUTE
QUARTER = 15 * MINUTE
ZONES = st.sampled_from(
    ["Europe/Oslo", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia",
     "Africa/Casablanca", "UTC"]
)  # fmt: skip
YEARS = st.integers(2008, 2040)


def instant(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * NANOSECONDS


@st.composite
def totals(draw: st.DrawFn, number: int) -> list[Total]:
    """Draw windows of two streams, some of them outside the year."""
    first = instant(f"{number}-01-01") // QUARTER
    found = []
    for stream in ("slag", "dust"):
        starts = draw(st.lists(st.integers(-200, 366 * 96 + 200), unique=True, max_size=40))
        for at in starts:
            coverage = draw(st.floats(0, 1))
            start = (first + at) * QUARTER
            found.append(
                Total(
                    stream, start, start + QUARTER, draw(st.floats(-1e9, 1e9)), "t", coverage,
                    coverage * draw(st.floats(0, 1)), None, draw(st.sampled_from([(), ("reset",)])),
                    {},
                )
            )  # fmt: skip
    return found


def made(zone: str, calendar: Calendar, held: list[Total]) -> Report:
    return report(replace(plan(), timezone=zone), calendar, held, 2**62)


def whole(line: Line) -> Fraction:
    return Fraction(line.whole.quantity or 0.0)


def near(found: Fraction, wanted: Fraction, terms: list[Fraction]) -> bool:
    return abs(found - wanted) <= sum(map(abs, terms), Fraction(0)) * Fraction(1, 2**50)


@settings(deadline=None)
@given(st.data(), ZONES, YEARS)
def test_days_months_and_windows_add_up_to_the_year(
    data: st.DataObject, zone: str, number: int
) -> None:
    held = data.draw(totals(number))
    local = ZoneInfo(zone)
    yearly = made(zone, year(number, local), held)
    monthly = [made(zone, month(number, within, local), held) for within in range(1, 13)]
    for at, line in enumerate(yearly.lines):
        windows = [
            Fraction(one.quantity) for one in held
            if one.stream == line.what.stream
            and datetime.fromtimestamp(one.start / NANOSECONDS, local).year == number
        ]  # fmt: skip
        assert Fraction(line.whole.quantity or 0.0) == Fraction(float(sum(windows, Fraction(0))))
        assert line.whole.windows == len(windows)
        assert sum(part.windows for part in line.parts) == len(windows)
        months = [Fraction(part.quantity or 0.0) for part in line.parts]
        days = [
            Fraction(part.quantity or 0.0) for one in monthly for part in one.lines[at].parts
        ]  # fmt: skip
        assert near(sum(months, Fraction(0)), whole(line), windows)
        assert near(sum(days, Fraction(0)), whole(line), windows)
        assert [one.lines[at].whole.quantity for one in monthly] == [
            part.quantity for part in line.parts
        ]


@given(ZONES, YEARS, st.integers(0, 365 * 96))
def test_an_instant_belongs_to_the_part_that_it_lies_in(zone: str, number: int, at: int) -> None:
    local = ZoneInfo(zone)
    moment = instant(f"{number}-01-01") + 14 * HOUR + at * QUARTER
    day = local_day(moment, local)
    calendar = month(day.year, day.month, local)
    span = next(part for part in calendar.parts if part.name == calendar.label(day))
    assert span.start <= moment < span.end


@given(ZONES, YEARS)
def test_days_make_months_and_months_make_the_year_without_a_gap(zone: str, number: int) -> None:
    local = ZoneInfo(zone)
    calendar = year(number, local)
    days = [part for within in range(1, 13) for part in month(number, within, local).parts]
    for parts in (calendar.parts, tuple(days)):
        assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
        assert (parts[0].start, parts[-1].end) == calendar.whole[1:]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)]
)
def test_days_on_which_clocks_change_have_23_and_25_hours(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Oslo")
    wanted = date.fromisoformat(day)
    calendar = month(wanted.year, wanted.month, zone)
    span = next(part for part in calendar.parts if part.name == day)
    windows = [
        Total("slag", start, start + QUARTER, 1.0, "t", 1.0, 0.0, None, (), {})
        for start in range(span.start - 8 * QUARTER, span.end + 8 * QUARTER, QUARTER)
    ]
    line = made("Europe/Oslo", calendar, windows).lines[0]
    part = next(one for one in line.parts if one.name == day)
    assert (span.end - span.start) // HOUR == hours
    assert (part.quantity, part.windows, part.coverage) == (hours * 4.0, hours * 4, 1.0)


def test_a_window_over_midnight_belongs_to_the_day_of_its_start() -> None:
    zone = ZoneInfo("Europe/Oslo")
    start = instant("2026-03-09T22:30")
    held = [Total("slag", start, start + HOUR, 1.0, "t", 1.0, 0.0, None, (), {})]
    line = made("Europe/Oslo", month(2026, 3, zone), held).lines[0]
    assert [one.name for one in line.parts if one.quantity is not None] == ["2026-03-09"]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_a_percentile_lies_between_its_neighbours(values: list[float], share: float) -> None:
    values.sort()
    found = percentile(values, share)
    below = sum(value < found for value in values)
    assert values[0] <= found <= values[-1]
    assert below <= share * (len(values) - 1) + 1
    assert percentile(values, 0.0) == values[0]
    assert percentile(values, 1.0) == values[-1]


def test_the_months_of_a_zone_are_not_those_of_utc() -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    span = year(2026, zone).parts[1]
    wanted = datetime(2026, 2, 1, tzinfo=UTC) - timedelta(hours=5, minutes=45)
    assert span.start == int(wanted.timestamp()) * NANOSECONDS
