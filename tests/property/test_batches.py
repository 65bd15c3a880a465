"""Batches: each counts once, whatever is repeated, corrected, voided, late or interrupted."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.reading import Value
from agent.disclosing.figure import NO_CARRY, Carry, disclose
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from tests.measuring import DAY, MIN, T0, S, batch_plan, block, stream, windows

GAP = 30 * S
WEIGHT = st.integers(1, 60_000).map(lambda kilograms: kilograms / 1000)
ACT = st.one_of(
    st.tuples(st.just("ticket"), WEIGHT),
    st.tuples(st.just("ticket"), WEIGHT),
    st.tuples(st.just("again"), st.integers(1, 20)),
    st.tuples(st.just("correct"), WEIGHT),
    st.tuples(st.just("void"), st.integers(1, 20)),
    st.tuples(st.just("late"), WEIGHT),
    st.tuples(st.just("repeat"), WEIGHT),
    st.tuples(st.just("silent"), st.integers(1, 100)),
    st.tuples(st.just("restart"), st.just(0)),
    st.tuples(st.just("close"), st.sampled_from([0, 100, 4000])),
)
ACTS = st.lists(ACT, max_size=60)


class Bridge:
    """A weighbridge with its own book of tickets, to compare with; `split` reads one by one."""

    def __init__(self, length: int, split: bool) -> None:
        self.plan, self.windows = stream(batch_plan("ticket", "void", max_gap=GAP)), windows(length)
        self.pipeline = Pipeline([self.plan], self.windows)
        self.split = split
        self.time, self.number = T0, 0
        self.tickets: dict[int, float] = {}
        self.totals: list[Total] = self.pipeline.close(T0)
        self.show(0, 0.0)

    def show(self, number: int, weight: float, void: bool = False) -> None:
        self.time += 2 * S
        values: dict[str, Value] = {"weight": weight, "ticket": number, "void": void}
        rounds = 2 if self.split else 1
        for turn in range(rounds):
            self.say(self.time + turn * S // 2, values)

    def say(self, time: int, values: dict[str, Value]) -> None:
        if not self.split:
            self.pipeline.take(block(time, values))
            return
        for place, (point, value) in enumerate(values.items()):
            self.pipeline.take(block(time + place * S // 100, {point: value}))

    def weigh(self, weight: float) -> None:
        self.number += 1
        self.tickets[self.number] = weight
        self.show(self.number, weight)

    def act(self, what: str, amount: float) -> None:
        known = max(1, self.number - int(amount) % 20)
        if what == "ticket":
            self.weigh(amount)
        elif what == "silent":
            self.time += int(amount) * S
            self.show(self.number, self.tickets.get(self.number, 0.0))
        elif what == "restart":
            state = json.loads(json.dumps(self.pipeline.snapshot()))
            self.pipeline = Pipeline([self.plan], self.windows, state)
        elif what == "close":
            self.totals += self.pipeline.close(self.time + int(amount) * S)
        elif not self.number:
            return
        elif what == "again":
            self.show(known, self.tickets[known])
        elif what == "correct":
            self.tickets[self.number] = amount
            self.show(self.number, amount)
        elif what == "void":
            self.tickets[known] = 0.0
            self.show(known, 9.9, void=True)
        else:
            self.past(what, amount)

    def past(self, what: str, amount: float) -> None:
        """Tell of the past, all values at once: a new ticket, or the one that is known."""
        values: dict[str, Value] = {"weight": amount, "ticket": self.number, "void": False}
        if what == "late":
            self.number += 1
            self.tickets[self.number] = amount
            values["ticket"] = self.number
        self.pipeline.take(block(max(self.time - 3 * S // 2, T0 + S), values))

    def all(self) -> list[Total]:
        return self.totals + self.pipeline.open_windows()


def lived(acts: list[tuple[str, float]], length: int, split: bool) -> Bridge:
    bridge = Bridge(length, split)
    for what, amount in acts:
        bridge.act(what, amount)
    bridge.totals += bridge.pipeline.finish(bridge.time)
    return bridge


@given(acts=ACTS, length=st.sampled_from([MIN, 15 * MIN, DAY]), split=st.booleans())
def test_totals_add_up_to_the_book_of_tickets(
    acts: list[tuple[str, float]], length: int, split: bool
) -> None:
    bridge = lived(acts, length, split)
    total = sum((Fraction(one.quantity) for one in bridge.all()), Fraction(0))
    book = sum((Fraction(weight) for weight in bridge.tickets.values()), Fraction(0))
    assert float(total) == pytest.approx(float(book), rel=1e-9, abs=1e-9)
    assert sum(one.tickets for one in bridge.all()) == sum(map(bool, bridge.tickets.values()))


@given(acts=ACTS, split=st.booleans())
def test_batches_cover_time_once(acts: list[tuple[str, float]], split: bool) -> None:
    bridge = lived(acts, MIN, split)
    for one in bridge.all():
        assert 0 <= one.uncertain <= one.coverage <= 1
    starts = [one.start for one in bridge.totals]
    assert starts == list(range(T0, T0 + len(starts) * MIN, MIN))
    later = [one.start for one in bridge.pipeline.open_windows()]
    assert later == sorted(set(later))
    assert later[0] == T0 + len(starts) * MIN


LOADS = st.lists(
    st.lists(st.tuples(st.integers(300, 60_000), st.booleans()), min_size=1, max_size=6),
    max_size=12,
)


@given(loads=LOADS, stops=st.sets(st.integers(0, 80)))
def test_each_load_counts_as_its_highest_stable_weight(
    loads: list[list[tuple[int, bool]]], stops: set[int]
) -> None:
    plan = stream(batch_plan("stable", max_gap=GAP, empty=0.2))
    pipeline, time = Pipeline([plan], windows(MIN)), T0
    rows = [row for load in loads for row in ((0, False), *load)]
    for at, (kilograms, stable) in enumerate(rows):
        if at in stops:
            state = json.loads(json.dumps(pipeline.snapshot()))
            pipeline = Pipeline([plan], windows(MIN), state)
        time += 7 * S
        pipeline.take(block(time, {"weight": kilograms / 1000, "stable": stable}))
    total = sum((Fraction(one.quantity) for one in pipeline.open_windows()), Fraction(0))
    highest = [max((kg for kg, stable in load if stable), default=0) for load in loads]
    assert float(total) == pytest.approx(sum(highest) / 1000, rel=1e-9, abs=1e-9)


SHARED = replace(stream(batch_plan()), share="cluster", code="10 09 03", significant=6)
FIRST = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1000), st.sampled_from([0.0, 0.4, 1.0])),
    max_size=20,
)


@given(history=FIRST, least=st.integers(2, 6))
def test_what_leaves_and_what_is_carried_is_all_that_was_weighed(
    history: list[tuple[int, int, float]], least: int
) -> None:
    plan, carried, left = replace(SHARED, min_tickets=least), NO_CARRY, 0.0
    for tickets, kilograms, coverage in history:
        weight = kilograms / 1000 * bool(tickets)
        total = Total("slag", 0, 1, weight, "t", coverage, 0.0, None, (), {}, tickets)
        waited = carried.get("slag", Carry((), 0.0, 0)).tickets
        result = disclose([plan], {"slag": [total]}, 1, carried)
        carried = result.carried
        assert bool(result.figures) is (waited + tickets >= least and coverage >= 0.5)
        left += sum(figure.quantity for figure in result.figures)
    weighed = sum(kg / 1000 for tickets, kg, _ in history if tickets)
    waiting = sum(carry.quantity for carry in carried.values())
    assert left + waiting == pytest.approx(weighed, rel=1e-5, abs=1e-6)
