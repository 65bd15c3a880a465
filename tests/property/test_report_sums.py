"""Every number of a report against one computed apart from it, in fractions."""

import math
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import NANOSECONDS
from agent.measuring.localtime import Calendar, month, year
from agent.measuring.total import Total
from agent.reporting.accounts import Account, Exact, Sum, joined
from agent.reporting.groups import Group
from agent.reporting.lines import Line
from agent.reporting.report import Report, report
from config.plan import BANDS, InputPlan, MeterPlan, PlantPlan, StreamPlan
from tests.plants import HOUR, MINUTE, plan

QUARTER = 15 * MINUTE
OSLO = ZoneInfo("Europe/Oslo")
NAMES = ("a", "b", "c", "d")
_SHARES = st.sampled_from([0.0, 1.0]) | st.floats(1e-9, 1)
"""Shares of a window; the least is a microsecond of a quarter of an hour."""


def stream(name: str, point: str, kind: str = "rate") -> StreamPlan:
    meter = MeterPlan("rate", {"rate": InputPlan("rate", "belt", point)}, 3 * MINUTE)
    if kind == "stock":
        meter = MeterPlan("stock", {"level": InputPlan("level", "belt", point)}, 3 * MINUTE)
    if kind == "heat":
        meter = MeterPlan("heat", {"flow": InputPlan("flow", "belt", point)}, 3 * MINUTE)
        return StreamPlan(name, "heat", "MW.h", meter)
    return StreamPlan(name, "material", "t", meter, code="10 09 03", status="waste")


def plant(*streams: StreamPlan) -> PlantPlan:
    return replace(plan(), streams=streams)


@st.composite
def windows(draw: st.DrawFn, name: str, calendar: Calendar) -> list[Total]:
    """Draw windows of a stream within a calendar, with and without a stated uncertainty."""
    first, last = (-(-at // QUARTER) for at in calendar.whole[1:])
    starts = draw(st.lists(st.integers(first, last - 1), unique=True, max_size=25))
    class_ = draw(st.sampled_from([0.01, 0.07, 0.02, 0.05, None]))
    odd = draw(st.sampled_from([class_, class_, class_, None]))
    found = []
    for at in starts:
        coverage = draw(_SHARES)
        uncertain = coverage * draw(_SHARES)
        quantity = draw(st.sampled_from([0.0, 0.1, -2.5]) | st.floats(-1e6, 1e6))
        known = draw(st.sampled_from([class_, odd]))
        found.append(
            Total(
                name, at * QUARTER, (at + 1) * QUARTER, quantity, "t", coverage, uncertain, None,
                (), {}, tickets=draw(st.integers(-1, 5)), spread=uncertain * draw(_SHARES),
                uncertainty=None if known is None else known * abs(quantity),
            )
        )  # fmt: skip
    return found


def exact(values: list[float]) -> float:
    return float(sum(map(Fraction, values), Fraction(0)))


def unstated(held: list[Total]) -> bool:
    return any(one.quantity and one.uncertainty is None for one in held)


def uncertainty(held: list[Total]) -> float | None:
    """Say what the rules say: all that was measured states one, or none is told of it."""
    known = [one.uncertainty for one in held if one.uncertainty is not None]
    seen = [one for one in held if one.coverage or one.quantity]
    if unstated(held) or not [one for one in seen if one.uncertainty is not None]:
        return None
    return exact(known)


def close(found: float | None, wanted: float | None) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=1e-12, abs_tol=1e-12)


@given(st.lists(st.floats(-1e300, 1e300), max_size=40), st.integers(0, 3))
def test_an_exact_sum_is_rounded_once_however_often_it_is_folded(
    values: list[float], folds: int
) -> None:
    sum_, other = Exact(), Exact()
    for value in values:
        (sum_ if value > 0 else other).add([value / 64])
        for _ in range(folds):
            sum_.fold()
            other.fold()
    sum_.take(other)
    assert sum_.value() == exact([value / 64 for value in values])


def test_an_exact_sum_stays_small_and_exact_over_very_many_terms() -> None:
    sum_ = Exact()
    values = [(-1.0) ** at * 1.1**at for at in range(5000)]
    for value in values:
        sum_.add([value])
    assert sum_.value() == exact(values)
    assert len(sum_._terms) < 1024


@settings(deadline=None, max_examples=60)
@given(st.data(), st.sampled_from([year(2024, OSLO), month(2026, 3, OSLO), month(2026, 10, OSLO)]))
def test_the_sum_of_a_stream_is_what_fractions_say(data: st.DataObject, calendar: Calendar) -> None:
    held = data.draw(windows("a", calendar))
    found = report(plant(stream("a", "rate")), calendar, held, 2**62)
    line = found.lines[0]
    for span, sum_ in zip(
        (calendar.whole, *calendar.parts), (line.whole, *line.parts), strict=True
    ):
        own = [one for one in held if span.start <= one.start < span.end]
        check_sum(sum_, own, Fraction(span.end - span.start))


def check_sum(sum_: Sum, own: list[Total], length: Fraction) -> None:
    measured = [one for one in own if one.coverage or one.quantity]
    assert sum_.quantity == (exact([one.quantity for one in measured]) if measured else None)
    assert sum_.uncertainty == uncertainty(own)
    assert sum_.tickets == sum(one.tickets for one in own)

    def share(of: str) -> float:
        time = sum((Fraction(getattr(one, of)) * QUARTER for one in own), Fraction(0))
        return float(time / length)

    coverage, uncertain, spread = share("coverage"), share("uncertain"), share("spread")
    assert close(sum_.coverage, coverage)
    assert close(sum_.uncertain, uncertain)
    assert close(sum_.measured, coverage - uncertain)
    assert close(sum_.spread, spread)
    assert close(sum_.doubtful, uncertain - spread)
    assert close(sum_.missing, 1 - coverage)
    assert close(sum_.hours_missing, float((1 - Fraction(coverage)) * length / HOUR))
    shares = (sum_.measured, sum_.spread, sum_.doubtful, sum_.missing)
    assert all(one is not None and 0 <= one <= 1 for one in shares)
    assert close(sum(one or 0.0 for one in shares), 1.0)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_one_account_of_parts_is_the_account_of_all_their_windows(data: st.DataObject) -> None:
    calendar = year(2026, OSLO)
    held = data.draw(windows("a", calendar))
    cut = data.draw(st.integers(0, len(held)))
    parts = [Account(), Account()]
    together = Account()
    for at, one in enumerate(held):
        parts[at >= cut].add([one])
        together.add([one])
    parts[0].fold()
    assert joined(parts).sum(calendar.whole, 2**62) == together.sum(calendar.whole, 2**62)


def by_code(found: Report) -> Group:
    return next(one for one in found.groups if one.by == "code")


@settings(deadline=None, max_examples=60)
@given(st.data(), st.lists(st.sampled_from(["p", "q", "r", "s"]), min_size=4, max_size=4))
def test_uncertainties_of_streams_combine_by_the_meters_they_share(
    data: st.DataObject, points: list[str]
) -> None:
    calendar = month(2026, 3, OSLO)
    streams = [stream(name, point) for name, point in zip(NAMES, points, strict=True)]
    held = [data.draw(windows(name, calendar)) for name in NAMES]
    found = report(plant(*streams), calendar, [one for each in held for one in each], 2**62)
    own = {name: uncertainty(each) for name, each in zip(NAMES, held, strict=True)}
    seen = [
        name for name, each in zip(NAMES, held, strict=True)
        if any(one.coverage or one.quantity for one in each)
    ]  # fmt: skip
    group = by_code(found)
    assert (group.streams, group.measured) == (4, len(seen))
    assert group.stating == sum(own[name] is not None for name in seen)
    if not seen or any(own[name] is None for name in seen):
        assert group.uncertainty is None
        return
    squares = Fraction(0)
    for point in set(points):
        linear = sum(
            (Fraction(own[name] or 0.0) for name, its in zip(NAMES, points, strict=True)
             if its == point and name in seen), Fraction(0),
        )  # fmt: skip
        squares += linear * linear
    assert close(group.uncertainty, math.sqrt(squares))
    assert found.declared[0].uncertainty == group.uncertainty


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_heat_is_divided_among_the_bands_of_its_windows(data: st.DataObject) -> None:
    calendar = month(2026, 10, OSLO)
    drawn = data.draw(windows("a", calendar))
    bands = st.sampled_from([*(name for _, name in BANDS), None])
    held = [replace(one, unit="MW.h", band=data.draw(bands)) for one in drawn]
    line = report(plant(stream("a", "flow", "heat")), calendar, held, 2**62).lines[0]
    for name in (*(band for _, band in BANDS), None):
        own = [one for one in held if one.band == name and (one.coverage or one.quantity)]
        sums = [one for one in line.bands if one.band == name]
        assert len(sums) == bool(own)
        for one in sums:
            assert one.quantity == exact([total.quantity for total in own])
            assert close(one.hours, exact([total.coverage for total in own]) / 4)
            assert one.uncertainty == uncertainty(own)
    assert_bands_add_up(line)


def assert_bands_add_up(line: Line) -> None:
    size = sum(abs(one.quantity) for one in line.band_parts)
    whole = sum(Fraction(one.quantity) for one in line.bands)
    parts = sum(Fraction(one.quantity) for one in line.band_parts)
    assert math.isclose(whole, line.whole.quantity or 0.0, abs_tol=1e-12 * (1 + size))
    assert math.isclose(parts, line.whole.quantity or 0.0, abs_tol=1e-12 * (1 + size))


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_stock_has_the_mean_over_what_was_observed_and_its_first_and_last_level(
    data: st.DataObject,
) -> None:
    calendar = month(2026, 3, OSLO)
    levels = st.none() | st.floats(0, 1e6)
    held = [
        replace(one, aggregation="mean", closing=data.draw(levels))
        for one in data.draw(windows("heap", calendar))
    ]
    found = report(plant(stream("heap", "level", "stock")), calendar, held, 2**62)
    assert found.lines == ()
    stock = found.stocks[0].whole
    weights = sum((Fraction(one.coverage) for one in held), Fraction(0))
    if not weights:
        assert stock.mean is None
    else:
        weighted = sum(
            (Fraction(one.coverage) * Fraction(one.quantity) for one in held), Fraction()
        )
        size = sum(one.coverage * abs(one.quantity) for one in held) / float(weights)
        assert math.isclose(
            stock.mean or 0.0, float(weighted / weights), rel_tol=1e-12, abs_tol=1e-12 * size
        )
    seen = sorted((one.end, one.closing) for one in held if one.closing is not None)
    ends = [None if one is None else (one.time, one.value) for one in (stock.first, stock.last)]
    assert ends == ([seen[0], seen[-1]] if seen else [None, None])
    at_end = dict(seen).get(calendar.whole.end)
    assert stock.closing == at_end
    assert close(
        stock.coverage, float(weights * QUARTER / (calendar.whole.end - calendar.whole.start))
    )


def test_a_year_of_whole_windows_has_all_its_hours_leap_years_and_clock_changes_included() -> None:
    for number, hours in ((2024, 8784), (2025, 8760)):
        calendar = year(number, OSLO)
        held = [
            Total("a", start, start + HOUR, 1.0, "t", 1.0, 0.0, None, (), {})
            for start in range(calendar.whole.start, calendar.whole.end, HOUR)
        ]
        line = report(plant(stream("a", "rate")), calendar, held, 2**62).lines[0]
        assert line.whole.quantity == hours == sum(part.windows for part in line.parts)
        assert line.whole.hours_missing == 0.0
        assert (line.parts[2].quantity, line.parts[9].quantity) == (743, 745)
        february = datetime.fromtimestamp(calendar.parts[1].start // NANOSECONDS, OSLO)
        assert line.parts[1].quantity == (29 if number == 2024 else 28) * 24, february


def test_windows_of_whole_days_in_utc_miss_nothing_of_local_months() -> None:
    day = 24 * HOUR
    calendar = year(2026, OSLO)
    first = -(-calendar.whole.start // day) * day
    daily = replace(plant(stream("a", "rate")), windows=replace(plan().windows, measure=day))
    held = [
        Total("a", start, start + day, 1.0, "t", 1.0, 0.0, None, (), {})
        for start in range(first, calendar.whole.end, day)
    ]
    line = report(daily, calendar, held, 2**62).lines[0]
    assert [part.hours_missing for part in line.parts] == [0.0] * 12
    assert [part.coverage for part in line.parts] == [1.0] * 12
