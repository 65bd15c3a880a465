"""What was measured is conserved: any windows, restarts, rollovers, resets, gaps, late readings."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import Fault, Value
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from config.plan import StreamPlan, WindowPlan
from tests.measuring import BAD, DAY, MIN, T0, UNSURE, S, block, stream, total_plan, windows

MODULUS = 65_536
RATE = 10
LEAST_FOR_RESET, MOST_FOR_RESET = 10_000, 32_000
LENGTHS = st.sampled_from([MIN, 5 * MIN, 15 * MIN, 60 * MIN, DAY])

STEP = st.tuples(
    st.sampled_from(["good", "good", "good", "unsure", "bad", "wild"]),
    st.integers(1, 120),
    st.integers(0, 100),
)
EVENT = st.one_of(
    st.tuples(st.just("late"), st.integers(1, 500), st.integers(0, 100)),
    st.tuples(st.just("repeat"), st.integers(0, 0), st.integers(0, MODULUS - 1)),
    st.tuples(st.just("reset"), st.integers(0, 3000), st.integers(0, 100)),
    st.tuples(st.just("close"), st.sampled_from([0, 30, 200, 4000]), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
)
START = st.one_of(st.integers(0, MODULUS - 1), st.integers(MODULUS - 2000, MODULUS - 1))
HISTORY = st.lists(st.one_of(STEP, STEP, EVENT), max_size=80)


@dataclass
class Plant:
    """A totaliser whose true count is known, and what a careful reader would accept of it."""

    pipeline: Pipeline
    plan: StreamPlan
    windows: WindowPlan
    scale: float
    time: int = T0
    true: int = 0
    register: int = 0
    accepted: Fraction = Fraction(0)
    seen: int | None = None
    good: int | None = None
    unread: int = 0
    totals: list[Total] = field(default_factory=list)

    def show(self, time: int, count: int, fault: Fault | None = None) -> None:
        value: Value = count if self.scale == 1 else count * self.scale
        faults = {} if fault is None else {"total": fault}
        self.pipeline.take(block(time, {"total": value}, faults))

    def read(self, kind: str, seconds: int, percent: int) -> None:
        self.time += seconds * S
        counted = RATE * seconds * percent // 100
        self.true += counted
        self.register = (self.register + counted) % MODULUS
        if kind in {"bad", "wild"} and self.unread < 3 and self.seen is not None:
            self.unread += 1
            wild = (self.register + MODULUS // 2) % MODULUS
            bad = kind == "bad" or self.unread > 1  # two that agree are a new level
            self.show(self.time, wild, BAD if bad else None)
            return
        self.unread, self.good = 0, self.time
        self.show(self.time, self.register, UNSURE if kind == "unsure" else None)
        if self.seen is not None:
            self.accepted += self.true - self.seen
        self.seen = self.true

    def reset(self, new: int) -> None:
        """Set the register back between two good readings, and read it until that has held."""
        self.read("good", 1, 100)
        if not LEAST_FOR_RESET < self.register < MOST_FOR_RESET:
            return
        self.register = new
        self.seen = None
        for _ in range(9):
            self.read("good", 8, 50)

    def act(self, what: str, first: int, second: int) -> None:
        if what == "late" and self.good is not None:
            self.show(self.good - first * S + S - 1, (self.register - second) % MODULUS)
        elif what == "repeat" and self.good is not None:
            self.show(self.good, second)
        elif what == "reset":
            self.reset(first)
        elif what == "close":
            self.totals += self.pipeline.close(self.time + first * S)
        elif what == "restart":
            state = json.loads(json.dumps(self.pipeline.snapshot()))
            self.pipeline = Pipeline([self.plan], self.windows, state)
        elif what in {"good", "unsure", "bad", "wild"}:
            self.read(what, first, second)

    def settle(self) -> None:
        """End with good readings, so that nothing is held, and close what is whole."""
        for _ in range(3):
            self.read("good", 40, 10)
        self.totals += self.pipeline.finish(self.time)


def lived(history: list[tuple[str, int, int]], length: int, start: int, scale: float) -> Plant:
    meter = total_plan(
        factor=0.25 if scale == 1 else 1.0,
        max_gap=30 * S,
        modulus=MODULUS * (0.25 if scale == 1 else scale),
        max_rate=RATE * (0.25 if scale == 1 else scale),
    )
    plan, span = stream(meter), windows(length)
    plant = Plant(Pipeline([plan], span), plan, span, scale, true=start, register=start)
    plant.totals += plant.pipeline.close(T0)
    for what, first, second in history:
        plant.act(what, first, second)
    plant.settle()
    return plant


def all_of(plant: Plant) -> Iterator[Total]:
    yield from plant.totals
    yield from plant.pipeline.open_windows()


@given(
    history=HISTORY,
    length=LENGTHS,
    start=START,
    scale=st.sampled_from([1, 0.001]),
)
def test_totals_add_up_to_the_accepted_differences(
    history: list[tuple[str, int, int]], length: int, start: int, scale: float
) -> None:
    plant = lived(history, length, start, scale)
    unit = Fraction(1, 4) if scale == 1 else Fraction(1, 1000)
    total = sum((Fraction(one.quantity) for one in all_of(plant)), Fraction(0))
    assert float(total) == pytest.approx(float(plant.accepted * unit), rel=1e-9, abs=1e-9)


@given(history=HISTORY, length=LENGTHS, start=START)
def test_each_window_comes_once_without_holes_and_with_true_shares(
    history: list[tuple[str, int, int]], length: int, start: int
) -> None:
    plant = lived(history, length, start, 1)
    starts = [one.start for one in plant.totals]
    following = plant.pipeline.open_windows()[0].start
    assert [*starts, following] == list(range(T0 - T0 % length, following + 1, length))
    for one in all_of(plant):
        assert one.end - one.start == length
        assert 0 <= one.uncertain <= one.coverage <= 1
        assert one.quantity >= 0


@given(history=HISTORY, start=START)
def test_totals_are_the_same_however_time_is_partitioned(
    history: list[tuple[str, int, int]], start: int
) -> None:
    sums = [
        float(sum((Fraction(one.quantity) for one in all_of(plant)), Fraction(0)))
        for plant in (lived(history, length, start, 1) for length in (MIN, 15 * MIN, DAY))
    ]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-12)


@settings(max_examples=30, deadline=None)  # thousands of windows each
@given(days=st.integers(1, 400), count=st.integers(1, 2**53), factor=st.floats(1e-6, 1e6))
def test_a_rise_spread_over_a_long_outage_adds_up(days: int, count: int, factor: float) -> None:
    plan, span = stream(total_plan(factor=factor)), windows(15 * MIN)
    pipeline = Pipeline([plan], span)
    pipeline.take(block(T0, {"total": 0}))
    pipeline.take(block(T0 + days * DAY // 10 + 7, {"total": count}))
    totals = pipeline.finish(0) + pipeline.open_windows()
    total = sum((Fraction(one.quantity) for one in totals), Fraction(0))
    assert float(total) == pytest.approx(count * factor, rel=1e-12)
