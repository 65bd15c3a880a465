"""A clock that is set, repeats a second, or is smeared: counts stay, no time is doubled."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import Block
from agent.measuring.meters.total import TotalMeter
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from agent.measuring.track import LONGEST
from agent.running.engine import HORIZON
from config.plan import StreamPlan, WindowPlan
from tests.measuring import DAY, MIN, T0, ListBook, S, rate_plan, total_plan

YEAR = 365 * DAY
WINDOWS = WindowPlan(15 * MIN, 60 * MIN, MIN, 0, 10 * S)
COUNT = StreamPlan("count", "material", "t", total_plan(max_rate=1.0))
FLOW = StreamPlan("flow", "material", "t", rate_plan(factor=1.0))
POINTS = ("total", "rate")


class Plant:
    """A plant that makes a unit each ten seconds, measured by a clock that can be set."""

    def __init__(self) -> None:
        self.pipeline = Pipeline([COUNT, FLOW], WINDOWS, horizon=HORIZON)
        self.true, self.offset, self.value = T0, 0, 1000
        self.closed: list[Total] = []

    @property
    def now(self) -> int:
        return self.true + self.offset

    def run(self, seconds: int) -> None:
        for _ in range(seconds // 2):
            self.true += 2 * S
            self.value += 1
            self.pipeline.take(Block("plc", self.now, POINTS, (self.value, 0.5)))
            self.closed += self.pipeline.close(self.now)

    def step(self, by: int) -> None:
        self.offset += by
        self.pipeline.clock_step(self.now, by)

    def restart(self) -> None:
        state = json.loads(json.dumps(self.pipeline.snapshot()))
        self.pipeline = Pipeline([COUNT, FLOW], WINDOWS, state, horizon=HORIZON)

    def totals(self, stream: str) -> list[Total]:
        return [
            one for one in [*self.closed, *self.pipeline.open_windows()] if one.stream == stream
        ]

    def counted(self) -> float:
        return sum(one.quantity for one in self.totals("count"))

    def check(self) -> None:
        assert abs(self.counted() - (self.value - 1001)) <= 1e-6
        for one in self.totals("flow"):
            assert abs(one.quantity - 0.5 * one.coverage * 900) <= 1e-6
        spans = [(one.stream, one.start) for one in self.closed]
        assert len(set(spans)) == len(spans)


STEPS = st.lists(
    st.tuples(
        st.integers(-2 * 3600, 2 * 3600).filter(lambda size: abs(size) > 2),
        st.integers(10, 2000),
        st.booleans(),
    ),
    max_size=4,
)


@settings(deadline=None, max_examples=25)
@given(STEPS)
def test_steps_lose_nothing_of_a_count_and_cover_no_time_twice(
    steps: list[tuple[int, int, bool]],
) -> None:
    plant = Plant()
    plant.run(600)
    for size, seconds, restarts in steps:
        if restarts:
            # The clock was set while nobody looked.
            plant.restart()
            plant.offset += size * S
        else:
            plant.step(size * S)
        plant.run(seconds)
    plant.check()
    kinds = {event.kind for event in plant.pipeline.drain_events()}
    assert not kinds & {"reset", "rollover", "wild-values"}


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.integers(10, 2000))
def test_windows_of_a_clock_years_ahead_are_moved_whole(years: int, seconds: int) -> None:
    plant = Plant()
    plant.offset = years * YEAR
    plant.run(2000)
    plant.step(-years * YEAR)
    assert plant.pipeline.ahead(plant.now) > YEAR
    moved: dict[str, list[Total]] = {}
    for one in plant.closed:
        moved.setdefault(one.stream, []).append(one)
    flow = sum(one.quantity for one in plant.totals("flow"))
    plant.closed = []
    plant.pipeline.set_aside(plant.now, moved)
    assert plant.pipeline.ahead(plant.now) == 0
    assert abs(sum(one.quantity for one in plant.totals("flow")) - flow) <= 1e-6
    plant.run(seconds)
    assert abs(plant.counted() - (plant.value - 1001)) <= 1e-6
    first = min(plant.totals("count"), key=lambda one: one.start)
    assert {"clock-step", "spread"} <= set(first.marks)
    assert all(abs(one.start - plant.true) < DAY for one in plant.totals("count"))


@settings(deadline=None, max_examples=25)
@given(st.integers(LONGEST // DAY + 1, 20_000))
def test_a_hole_of_years_gets_no_windows_and_the_count_goes_on(days: int) -> None:
    plant = Plant()
    plant.run(2000)
    plant.step(days * DAY)
    plant.run(600)
    assert len(plant.closed) < 20
    plant.check()


@settings(deadline=None, max_examples=25)
@given(st.integers(-12, 12), st.integers(1, 40))
def test_a_smeared_clock_changes_totals_by_no_more_than_the_smear_and_marks_nothing(
    ppm: int, every: int
) -> None:
    plain, smeared = Plant(), Plant()
    plain.run(1800)
    for at in range(900):
        smeared.offset = at * 2 * ppm * 1000 // every
        smeared.run(2)
    assert abs(plain.counted() - smeared.counted()) <= 1e-6
    both = [sum(one.quantity for one in plant.totals("flow")) for plant in (plain, smeared)]
    assert abs(both[0] - both[1]) <= both[0] * 12e-6 + 1e-9
    assert not any(one.marks for one in smeared.totals("count") + smeared.totals("flow"))


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 58), st.sampled_from([100, 250, 500, 1000, 2000, 10_000]), st.integers(1, 100)
)
def test_a_repeated_second_costs_a_count_nothing_and_is_no_reset(
    after: int, every: int, share: int
) -> None:
    """A device counts up to its `max_rate`; the clock goes over one second twice (UTC)."""
    meter, book = TotalMeter(replace(total_plan(max_rate=1.0), max_gap=30 * S)), ListBook()
    times = [at * every / 1000 for at in range(120_000 // every)]
    for real in times:
        wall = real if real < after + 1 else real - 1
        meter.take(T0 + round(wall * S), [("total", real * share / 100, None)], book)
    accepted = times[-1] * share / 100
    held = book.sum
    assert accepted - held <= 2.1 * max(every / 1000, 1) * share / 100 + 1e-9
    assert not book.notes or {kind for _, kind in book.notes} == {"clock-step"}
    # The last of it comes with the next reading that is possible at all.
    meter.take(T0 + round((times[-1] + 60) * S), [("total", accepted, None)], book)
    assert abs(book.sum - accepted) <= 1e-9
