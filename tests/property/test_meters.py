"""Rates by an independent trapezoid, restarts to the bit, and streams that do not disturb."""

import json
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reading import Block, Fault, Value
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from tests.measuring import (
    BAD,
    DAY,
    MIN,
    T0,
    UNSURE,
    S,
    block,
    heat_plan,
    rate_plan,
    stream,
    total_plan,
    windows,
)

GAP = 30 * S


class Sent(NamedTuple):
    time: int
    value: float
    kind: str


SENDING = st.lists(
    st.tuples(
        st.integers(-90, 45).filter(bool),
        st.floats(-1e6, 1e6),
        st.sampled_from(["good", "good", "good", "unsure", "bad", "repeat"]),
    ),
    max_size=60,
)


def sent(sending: list[tuple[int, float, str]]) -> list[Sent]:
    """Lay readings on the time line: negative steps are readings that come late."""
    front, out = T0, []
    for step, value, kind in sending:
        time = front + step * S
        if kind == "repeat":
            time = front
        front = max(front, time)
        out.append(Sent(max(time, T0), value, kind))
    return out


def usable(readings: list[Sent]) -> list[Sent]:
    kept: list[Sent] = []
    for one in readings:
        if one.kind != "bad" and (not kept or one.time > kept[-1].time):
            kept.append(one)
    return kept


def expected(readings: list[Sent], start: int, end: int, hold: bool) -> tuple[Fraction, int]:
    """Integrate exactly what lies in [start, end): the quantity and the time covered."""
    quantity, covered = Fraction(0), 0
    for left, right in pairwise(usable(readings)):
        low, high = max(left.time, start), min(right.time, end)
        if right.time - left.time > GAP or low >= high:
            continue
        covered += high - low
        first, last = Fraction(left.value), Fraction(left.value if hold else right.value)
        slope = (last - first) / (right.time - left.time)
        middle = first + slope * (Fraction(low + high, 2) - left.time)
        quantity += middle * Fraction(high - low, S)
    return quantity, covered


def put(pipeline: Pipeline, point: str, one: Sent) -> None:
    faults: dict[str, Fault] = {"bad": {point: BAD}, "unsure": {point: UNSURE}}.get(one.kind, {})
    pipeline.take(block(one.time, {point: one.value}, faults))


@given(sending=SENDING, length=st.sampled_from([MIN, 15 * MIN, DAY]), hold=st.booleans())
def test_rates_are_an_exact_trapezoid_in_each_window(
    sending: list[tuple[int, float, str]], length: int, hold: bool
) -> None:
    readings = sent(sending)
    pipeline = Pipeline([stream(rate_plan(max_gap=GAP, hold=hold))], windows(length))
    pipeline.close(T0)
    for one in readings:
        put(pipeline, "rate", one)
    totals = pipeline.finish(0) + pipeline.open_windows()
    scale = float(sum(abs(one.value) for one in readings)) * 45
    for total in totals:
        quantity, covered = expected(readings, total.start, total.end, hold)
        assert total.quantity == pytest.approx(float(quantity), rel=1e-9, abs=scale * 1e-14)
        assert total.coverage == covered / length
        assert 0 <= total.uncertain <= total.coverage <= 1


PLANS = [
    stream(rate_plan(max_gap=GAP), "rate"),
    stream(total_plan(max_gap=GAP, max_rate=50.0, modulus=65_536.0), "total"),
    stream(heat_plan(max_gap=GAP), "heat"),
]
POINTS = ("rate", "total", "flow", "supply", "return", "unused")
ROW = st.tuples(
    st.integers(1, 25),
    st.floats(0, 10),
    st.one_of(st.integers(0, 100), st.integers(0, 65_535)),
    st.floats(-0.01, 0.05),
    st.floats(-5, 130),
    st.floats(20, 90),
    st.dictionaries(st.integers(0, 5), st.sampled_from([BAD, UNSURE]), max_size=3),
    st.booleans(),
)
ROWS = st.lists(ROW, max_size=50)
Row = tuple[int, float, int, float, float, float, dict[int, Fault], bool]


def blocks(rows: list[Row]) -> list[Block]:
    time, count, out = T0, 65_000, []
    for seconds, rate, jump, flow, supply, back, faults, _ in rows:
        time += seconds * S
        count = (count + min(jump, 20 * seconds)) % 65_536
        shown = count if jump <= 100 or jump % 5 else jump
        values: tuple[Value, ...] = (rate, shown, flow, supply, back, 0.0)
        out.append(Block("plc", time, POINTS, values, faults))
    return out


def driven(rows: list[Row], restarts: bool) -> list[Total]:
    plan = windows(MIN, grace=60 * MIN)
    pipeline = Pipeline(PLANS, plan)
    totals = pipeline.close(T0)
    for one, row in zip(blocks(rows), rows, strict=True):
        if restarts and row[-1]:
            pipeline = Pipeline(PLANS, plan, json.loads(json.dumps(pipeline.snapshot())))
        pipeline.take(one)
        totals += pipeline.close(one.time)
    return totals + pipeline.finish(0) + pipeline.open_windows()


@given(rows=ROWS)
def test_an_interrupted_run_gives_the_same_bits_as_an_uninterrupted_one(rows: list[Row]) -> None:
    assert driven(rows, restarts=True) == driven(rows, restarts=False)


@given(rows=ROWS)
def test_what_a_block_says_at_once_may_come_point_by_point(rows: list[Row]) -> None:
    whole, single = (Pipeline(PLANS[:2], windows(MIN)) for _ in range(2))
    for one in blocks(rows):
        whole.take(one)
        for at, point in enumerate(POINTS):
            faults = {0: one.faults[at]} if at in one.faults else {}
            single.take(Block("plc", one.time, (point,), (one.values[at],), faults))
    assert single.finish(0) == whole.finish(0)
    assert single.open_windows() == whole.open_windows()


@given(first=SENDING, second=SENDING, order=st.randoms(use_true_random=False))
def test_streams_do_not_depend_on_how_their_readings_interleave(
    first: list[tuple[int, float, str]],
    second: list[tuple[int, float, str]],
    order: Random,
) -> None:
    plans = []
    for name in ("a", "b"):
        plan = stream(rate_plan(max_gap=GAP), name)
        point = replace(plan.meter.inputs["rate"], point=name)
        plans.append(replace(plan, meter=replace(plan.meter, inputs={"rate": point})))
    queues = {"a": sent(first), "b": sent(second)}
    mixed = [name for name, readings in queues.items() for _ in readings]
    order.shuffle(mixed)
    together = Pipeline(plans, windows(MIN))
    together.close(T0)
    waiting = {name: iter(readings) for name, readings in queues.items()}
    for name in mixed:
        put(together, name, next(waiting[name]))
    alone = Pipeline(plans, windows(MIN))
    alone.close(T0)
    for name, readings in queues.items():
        for one in readings:
            put(alone, name, one)
    assert together.finish(0) == alone.finish(0)
    assert together.open_windows() == alone.open_windows()


@given(rows=ROWS, at=st.integers(0, 50))
def test_heat_is_never_negative_and_its_shares_are_true(rows: list[Row], at: int) -> None:
    for total in driven(rows[:at], restarts=False):
        assert 0 <= total.uncertain <= total.coverage <= 1
        if total.stream == "heat":
            assert total.quantity >= 0
            assert (total.band is None) is (total.coverage == 0)
