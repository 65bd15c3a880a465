"""Recorded blocks taken many at once come to what each by itself comes to, bit by bit."""

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from adapters.reading import NO_FAULTS, Block, Fault, Value
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Event, Total
from config.course import Course
from config.plan import InputPlan, MeterPlan
from tests.measuring import (
    BAD,
    MIN,
    T0,
    UNSURE,
    S,
    batch_plan,
    heat_plan,
    rate_plan,
    stock_plan,
    stream,
    total_plan,
    windows,
)

_CHANGES = Course((T0, T0 + 97 * S, T0 + 300 * S), (0.7, 1.3, 0.1))
_GAP = {"max_gap": 10 * S}
METERS: dict[str, MeterPlan] = {
    "rate": rate_plan(factor=1 / 3600, **_GAP),
    "held": rate_plan(hold=True, **_GAP),
    "valued": rate_plan(exchange=_CHANGES, **_GAP),
    "dried": total_plan(moisture=_CHANGES, exchange=_CHANGES, **_GAP),
    "total": total_plan(max_rate=2.0, modulus=256, factor=0.1, **_GAP),
    "free": total_plan(modulus=256, **_GAP),
    "endless": total_plan(**_GAP),
    "paced": total_plan(max_rate=0.5, point="rate", **_GAP),
    "gated": rate_plan(
        more={"status": InputPlan("status", "plc", "total")}, gates={"status": (1.0, 2.0)}
    ),
    "checked": total_plan(
        max_rate=2.0, more={"check": InputPlan("check", "plc", "rate", 1.0)}, **_GAP
    ),
    "stock": stock_plan(**_GAP),
    "loads": batch_plan("ticket", "void"),
    "heat": heat_plan(),
}
POINTS = ("rate", "total", "level", "weight", "ticket", "void", "flow", "supply", "return")
LAYOUTS = (POINTS, ("rate",), ("total",), ("rate", "total"), POINTS)
OTHER = 4
"""The layout that another source has, whose points no stream uses."""
STEPS = st.sampled_from([*[1] * 20, 2, 3, 9, 10, 11, 0, -2, -30, 61, 400])
CLIMBS = st.sampled_from([*[1] * 8, 0, 0, 2, 20, 21, 22, 100, 128, 129, 0.25, 20.00001])
ODD = st.sampled_from([-1, 0, -0.0, 255, 1e300, math.nan, math.inf, -math.inf, True, None, "x"])


class Row(NamedTuple):
    """A block to be made: what is other than the one before.

    `step` is in seconds, `odd` a value in place of all, `fault` that of all.
    """

    step: float = 1
    climb: float = 1
    odd: tuple[Value] | None = None
    fault: Fault | None = None
    timed: bool = False
    layout: int | None = None


def seldom(what: st.SearchStrategy[Any], often: int = 20) -> st.SearchStrategy[Any]:
    return st.integers(0, often).flatmap(lambda die: st.none() if die else what)


ROWS = st.lists(
    st.builds(
        Row,
        STEPS,
        CLIMBS,
        seldom(st.tuples(ODD)),
        seldom(st.sampled_from([BAD, UNSURE])),
        seldom(st.just(True), 40).map(bool),
        seldom(st.integers(0, 4), 40),
    ),
    max_size=80,
)


def history(rows: list[Row], layout: int = 0, whole: bool = False) -> list[Block]:
    """Lay the rows on the time line; `whole`: the counter has no fractions."""
    time, blocks = T0 + 7 * S, list[Block]()
    count: float = 0
    for row in rows:
        time += round(row.step * S)
        shape = layout if row.layout is None else row.layout
        points, source = LAYOUTS[shape], "other" if shape == OTHER else "plc"
        count = (count + row.climb) % 256
        value = int(count) if whole else count
        shown: dict[str, Value] = {"total": value, "supply": 70.0 + row.climb, "return": 40}
        values = [shown.get(point, value * 1.1) for point in points]
        if row.odd is not None:
            values = [*row.odd] * len(points)
        if row.fault is BAD:
            values = [None] * len(points)
        faults = NO_FAULTS if row.fault is None else dict.fromkeys(range(len(points)), row.fault)
        times = tuple(time - at % 3 * S for at in range(len(points))) if row.timed else None
        blocks.append(Block(source, time, points, tuple(values), faults, times))
    return blocks


class Told(NamedTuple):
    """All that came of a history."""

    totals: list[Total]
    events: dict[str, list[Event]]
    states: list[str]


def singly(pipeline: Pipeline, blocks: list[Block], now: int) -> tuple[list[Total], int]:
    totals = []
    for block in blocks:
        now = max(now, block.time)
        pipeline.take(block)
        totals += pipeline.close(now)
    return totals, now


def at_once(pipeline: Pipeline, blocks: list[Block], now: int) -> tuple[list[Total], int]:
    totals, at = list[Total](), 0
    while at < len(blocks):
        taken = pipeline.take_run(blocks, at)
        now = max([now, *(block.time for block in blocks[at : at + taken])])
        if not taken:
            taken = 1
            found, now = singly(pipeline, blocks[at : at + 1], now)
            totals += found
        at += taken
    return totals, now


Way = Callable[[Pipeline, list[Block], int], tuple[list[Total], int]]


def lived(
    way: Way, blocks: list[Block], pieces: list[int], name: str | None, length: int = MIN
) -> Told:
    """Take the blocks in pieces; after some the clock is set back, others end with a restart."""
    chosen = METERS if name is None else {name: METERS[name]}
    streams = [stream(meter, one) for one, meter in chosen.items()]
    pipeline, now, told = Pipeline(streams, windows(length)), T0, Told([], {}, [])
    remaining, sizes = blocks, [*pieces, len(blocks)]
    for number, size in enumerate(sizes):
        found, now = way(pipeline, remaining[:size], now)
        told.totals.extend(found)
        for event in pipeline.drain_events():
            told.events.setdefault(event.stream, []).append(event)
        remaining = remaining[size:]
        state: dict[str, Any] = json.loads(json.dumps(pipeline.snapshot()))
        told.states.append(repr(state))
        if size % 5 == 4:
            now -= 3 * S
            pipeline.clock_step(now, -3 * S)
        if size % 5 == 3 and number + 1 < len(sizes):
            pipeline = Pipeline(streams, windows(length), state)
    told.totals.extend([*pipeline.finish(now), *pipeline.open_windows()])
    told.states.append(repr(pipeline.snapshot()))
    return told


CLIMB = [Row() for _ in range(70)]
FEW = CLIMB[:9]
NOTHING = [Row(odd=(None,)) for _ in range(7)]
FALL = [Row(climb=200), Row(), Row(climb=60), *(Row(9, 0) for _ in range(9)), *CLIMB]
NAMES = st.sampled_from([None, None, None, *METERS])
PIECES = st.lists(st.integers(0, 40), max_size=4)


@given(ROWS, st.integers(0, 3), st.booleans(), PIECES, NAMES, st.sampled_from([MIN, 15 * MIN]))
@example(CLIMB, 0, True, [], None, MIN)
@example(FALL, 0, True, [], "endless", MIN)
@example(FALL, 0, False, [], "total", 15 * MIN)
@example([*FEW, Row(400), *CLIMB], 0, True, [], None, 15 * MIN)
@example([*FEW, Row(fault=UNSURE), Row(-2), *FEW], 0, False, [], None, 15 * MIN)
@example([*FALL, *CLIMB], 0, True, [], "endless", 15 * MIN)
@example([*FEW, Row(fault=UNSURE), Row(0), *FEW], 0, True, [], None, 15 * MIN)
@example([*FEW, Row(odd=(math.inf,)), *FEW], 0, True, [], "endless", 15 * MIN)
@example([*FEW, Row(-30), *CLIMB], 0, True, [9], None, MIN)
@example(CLIMB, 0, True, [53], None, MIN)
@example([*FEW, Row(-5, odd=(None,)), *NOTHING, *FEW], 0, True, [9], None, MIN)
@example([*FEW, Row(odd=(50.0,), layout=OTHER), *FEW], 0, True, [], None, MIN)
@example([*FEW, Row(-2), *FEW], 0, True, [], None, 15 * MIN)
@example([*FEW, Row(odd=(255,)), *FEW], 0, True, [], None, 15 * MIN)
@example([*FEW, Row(odd=(math.nan,)), *FEW, Row(odd=(True,)), *FEW], 0, True, [], None, MIN)
@example([*FEW, Row(timed=True), *FEW], 0, True, [], None, MIN)
@example([*FEW, Row(0), *FEW, Row(11), *FEW], 0, True, [], None, 15 * MIN)
@example([*FEW, *[Row(9)] * 8, Row(9.000000001), *FEW], 0, True, [], "valued", 15 * MIN)
@example([*CLIMB[:10], Row(-30), *CLIMB], 0, True, [9, 13], None, MIN)
@example([*CLIMB, *CLIMB], 0, False, [14, 9], None, MIN)
def test_many_at_once_come_to_what_each_by_itself_does(
    rows: list[Row], layout: int, whole: bool, pieces: list[int], name: str | None, length: int
) -> None:
    blocks = history(rows, layout, whole)
    quick, long = (lived(way, blocks, pieces, name, length) for way in (at_once, singly))
    assert repr(quick.totals) == repr(long.totals)
    assert repr(quick.events) == repr(long.events)
    assert quick.states == long.states


def test_most_of_an_ordinary_recording_is_taken_at_once() -> None:
    blocks = history([Row() for _ in range(240)])
    pipeline = Pipeline([stream(METERS["rate"]), stream(METERS["total"], "other")], windows(MIN))
    taken, at = 0, 0
    while at < len(blocks):
        run = pipeline.take_run(blocks, at)
        if not run:
            pipeline.take(blocks[at])
            pipeline.close(blocks[at].time)
        taken, at = taken + run, at + (run or 1)
    assert taken > 0.9 * len(blocks)
