"""Density and moisture that change on a day: what was measured is worth what held at its instants.

The sums beside the program's are made from the readings alone, in exact fractions, knowing nothing
of windows: each rise is spread evenly over its own time and cut at the instants of validity.
"""

import json
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from config.course import Course
from config.plan import MeterPlan
from tests.measuring import (
    DAY,
    MIN,
    T0,
    S,
    batch_plan,
    block,
    rate_plan,
    stock_plan,
    stream,
    total_plan,
    windows,
)

GAP = 30 * S
LENGTHS = st.sampled_from([MIN, 15 * MIN, 60 * MIN, DAY])
ROWS = st.lists(
    st.tuples(
        st.integers(1, 400),
        st.integers(0, 50),
        st.sampled_from(["", "", "", "restart", "close", "close-late"]),
    ),
    max_size=50,
)


@st.composite
def courses(draw: st.DrawFn, low: float, high: float) -> Course[float]:
    """Draw values with their instants, some of them before and after the readings."""
    at = draw(st.lists(st.integers(-3600, 9000), min_size=1, max_size=4, unique=True))
    values = [draw(st.floats(low, high)) for _ in at]
    return Course(tuple(T0 + second * S for second in sorted(at)), tuple(values))


DENSITY = courses(0.1, 10)
MOISTURE = courses(0, 0.99)


def held(course: Course[float], time: int) -> Fraction:
    """Look a value up in the plain way: the last one that has begun, else the first."""
    begun = [value for since, value in zip(course.since, course.values, strict=True)
             if since <= time]  # fmt: skip
    return Fraction(begun[-1] if begun else course.values[0])


def pieces(left: int, right: int, *given: Course[float]) -> list[tuple[int, int]]:
    inside = {edge for course in given for edge in course.since if left < edge < right}
    return list(pairwise(sorted({left, right} | inside)))


def total_of(totals: list[Total]) -> tuple[float, float]:
    wet = sum((Fraction(one.quantity) for one in totals), Fraction(0))
    dry = sum((Fraction(one.dry or 0.0) for one in totals), Fraction(0))
    return float(wet), float(dry)


def ran(
    meter: MeterPlan, point: str, rows: list[tuple[int, int, str]], length: int, adds: bool
) -> tuple[list[Total], list[tuple[int, int]]]:
    """Run readings through a pipeline; `adds`: they are counted up. Gives what was read, too."""
    plan, span = stream(meter), windows(length)
    pipeline = Pipeline([plan], span)
    totals, time, value = pipeline.close(T0), T0, 0
    read = [(time, value)]
    pipeline.take(block(time, {point: value}))
    for seconds, amount, what in rows:
        time, value = time + seconds * S, value + amount if adds else amount
        if what == "restart":
            pipeline = Pipeline([plan], span, json.loads(json.dumps(pipeline.snapshot())))
        if what == "close-late":
            totals += pipeline.close(time + 4000 * S)
        read.append((time, value))
        pipeline.take(block(time, {point: value}))
        if what == "close":
            totals += pipeline.close(time)
    totals += pipeline.finish(time) + pipeline.open_windows()
    return totals, read


@given(rows=ROWS, length=LENGTHS, density=DENSITY, moisture=MOISTURE)
def test_a_count_is_worth_the_density_and_moisture_of_its_instants(
    rows: list[tuple[int, int, str]], length: int, density: Course[float], moisture: Course[float]
) -> None:
    meter = total_plan(max_gap=GAP, measures="m3", exchange=density, moisture=moisture)
    totals, read = ran(meter, "total", rows, length, adds=True)
    wet = dry = Fraction(0)
    last = read[0]
    for time, count in read[1:]:
        for low, high in pieces(last[0], time, density, moisture):
            part = Fraction(count - last[1]) * (high - low) / (time - last[0])
            wet += part * held(density, low)
            dry += part * held(density, low) * (1 - held(moisture, low))
        last = (time, count)
    assert total_of(totals) == pytest.approx((float(wet), float(dry)), rel=1e-9, abs=1e-12)


@given(rows=ROWS, density=DENSITY, moisture=MOISTURE)
def test_a_ramp_is_cut_where_the_value_changes(
    rows: list[tuple[int, int, str]], density: Course[float], moisture: Course[float]
) -> None:
    meter = rate_plan(max_gap=400 * S, measures="m3", exchange=density, moisture=moisture)
    timely = [(seconds, rate, "" if what == "close-late" else what) for seconds, rate, what in rows]
    sums = []
    for length in (MIN, 15 * MIN, DAY):
        totals, read = ran(meter, "rate", timely, length, adds=False)
        sums.append(total_of(totals))
    wet = dry = Fraction(0)
    for (left, first), (right, last) in pairwise(read):
        for low, high in pieces(left, right, density, moisture):
            middle = Fraction(low + high, 2) - left
            level = first + (last - first) * middle / (right - left)
            part = level * (high - low) / S * held(density, low)
            wet, dry = wet + part, dry + part * (1 - held(moisture, low))
    assert sums == [pytest.approx((float(wet), float(dry)), rel=1e-9, abs=1e-9)] * 3


@given(rows=ROWS, length=LENGTHS, density=DENSITY, moisture=MOISTURE)
def test_a_ticket_is_worth_what_held_when_it_was_seen_and_so_is_its_correction(
    rows: list[tuple[int, int, str]], length: int, density: Course[float], moisture: Course[float]
) -> None:
    meter = batch_plan(max_gap=400 * S, measures="m3", exchange=density, moisture=moisture,
                       remember=100)  # fmt: skip
    plan, span = stream(meter), windows(length)
    pipeline = Pipeline([plan], span)
    totals, time = pipeline.close(T0), T0
    pipeline.take(block(time, {"weight": 0, "ticket": 0}))
    wet = dry = Fraction(0)
    for number, (seconds, weight, what) in enumerate(rows, start=1):
        seen = time = time + seconds * S
        if what == "restart":
            pipeline = Pipeline([plan], span, json.loads(json.dumps(pipeline.snapshot())))
        pipeline.take(block(time, {"weight": weight, "ticket": number}))
        if what.startswith("close"):
            totals += pipeline.close(time + (4000 * S if what == "close-late" else 0))
            time += seconds * S
            pipeline.take(block(time, {"weight": weight + 7, "ticket": number}))
        net = weight + 7 if what.startswith("close") else weight
        wet += net * held(density, seen)
        dry += net * held(density, seen) * (1 - held(moisture, seen))
    totals += pipeline.finish(time) + pipeline.open_windows()
    assert total_of(totals) == pytest.approx((float(wet), float(dry)), rel=1e-9, abs=1e-12)


@given(rows=ROWS, length=LENGTHS, density=DENSITY, moisture=MOISTURE)
def test_a_stock_is_worth_what_held_while_it_lay_there(
    rows: list[tuple[int, int, str]], length: int, density: Course[float], moisture: Course[float]
) -> None:
    meter = stock_plan(max_gap=400 * S, measures="m3", exchange=density, moisture=moisture,
                       hold=True)  # fmt: skip
    timely = [(seconds, level, "restart" if what else "") for seconds, level, what in rows]
    totals, read = ran(meter, "level", timely, length, adds=False)
    for total in totals:
        wet, dry, covered = Fraction(0), Fraction(0), 0
        closing = None
        for (left, level), (right, _) in pairwise(read):
            low, high = max(left, total.start), min(right, total.end)
            if low >= high:
                continue
            for start, end in pieces(low, high, density, moisture):
                part = level * (end - start) * held(density, start)
                wet, dry = wet + part, dry + part * (1 - held(moisture, start))
                closing = float(level * held(density, start))
            covered += high - low
        wanted = (float(wet / covered), float(dry / covered)) if covered else (0.0, 0.0)
        assert (total.quantity, total.dry) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
        assert total.closing == (None if closing is None else pytest.approx(closing, rel=1e-9))


@given(st.lists(st.integers(-50, 50), min_size=1, unique=True), st.integers(-60, 60))
def test_a_value_holds_until_the_next_and_the_first_before_its_day(
    days: list[int], asked: int
) -> None:
    days.sort()
    course = Course(tuple(days), tuple(str(day) for day in days))
    assert course.at(asked) == str(days[max(bisect_right(days, asked) - 1, 0)])
    assert all(course.at(edge) != course.at(edge - 1) for edge in course.edges)
