"""A backfill gives the totals that a live run would have given, however often it is interrupted."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.adapter import Source
from adapters.reading import NANOSECONDS, Block
from adapters.replay import Progress, ReplayPoint, ReplaySettings, blocks
from agent.measuring.total import Total
from agent.running.backfill import BACKFILL, Backfill, Task
from agent.running.engine import Engine
from config.plan import PlantPlan
from tests.plants import MINUTE, POINTS, START, plan, streams

TICK = 10 * NANOSECONDS
WINDOW = 15 * MINUTE
LENGTH = 6 * WINDOW
Reading = tuple[int, float, float]


def history(seed: int) -> list[Reading]:
    """Make readings of a counter and a rate: gaps short and long, standstills, resets."""
    draw = Random(seed)
    time, count = START - 10 * MINUTE, 1000.0
    found: list[Reading] = []
    while time < START + LENGTH + 30 * MINUTE:
        found.append((time, count, draw.uniform(0, 50)))
        step = draw.choice([30, 60, 60, 60, 60, 60, 120, 200, 1200, 4000])
        time += step * NANOSECONDS
        count = 0.0 if draw.random() < 0.02 else count + draw.choice([0.0, 0.5, 5.0]) * step
    found.append((time, count, 1.0))
    return found


def live(readings: list[Reading]) -> list[Total]:
    """Run the agent's engine on its own clock, which ticks between readings."""
    owned = replace(plan(), uplink=None)
    engine, now = Engine(owned, None, lambda: 0), readings[0][0]
    found: list[Total] = []
    for time, count, rate in readings:
        while now < time - 1:
            now = min(now + TICK, time - 1)
            engine.advance(now)
        engine.take(Block("belt", time, POINTS, (count, rate)))
        now = time
        engine.advance(now)
        found += engine.commit().totals
    return [total for total in found if total.start >= START and total.end <= START + LENGTH]


def csv(folder: str, readings: list[Reading]) -> Path:
    path = Path(folder) / "historian.csv"
    rows = [f"{time // NANOSECONDS},{count!r},{rate!r}" for time, count, rate in readings]
    path.write_text("\n".join(("time,total,rate", *rows)) + "\n")
    return path


def filled(path: Path, owned: PlantPlan, stops: Callable[[], bool], every: int = 0) -> list[Total]:
    """Backfill a file, starting anew from what was committed each time that `stops` says so."""
    points = {name: ReplayPoint() for name in POINTS}
    source = Source("belt", ReplaySettings(protocol="replay", file=str(path), points=points))
    task = Task("belt", str(path), START, START + LENGTH, ("slag", "dust"), every)
    state: Any = None
    found: list[Total] = []
    while True:
        run = Backfill(task, streams(), owned.windows, None, state)
        stopped = False
        for block in blocks(source, run.cursor, Progress()):
            if block is None:
                continue
            run.take(block)
            stopped = stops()
            if run.done or stopped:
                break
        if not stopped and not run.done:
            run.finish()
        commit = run.commit()
        assert not commit.records
        found += commit.totals
        if run.done:
            return found
        state = json.loads(json.dumps(commit.state[BACKFILL + "belt"]))


def filled_at_once(path: Path, owned: PlantPlan, draw: Random) -> list[Total]:
    """Backfill a file by some blocks at a time; after some of them anew from what was committed."""
    points = {name: ReplayPoint() for name in POINTS}
    source = Source("belt", ReplaySettings(protocol="replay", file=str(path), points=points))
    task = Task("belt", str(path), START, START + LENGTH, ("slag", "dust"))
    run, found = Backfill(task, streams(), owned.windows, None), list[Total]()
    while not run.done:
        read = (block for block in blocks(source, run.cursor, Progress()) if block is not None)
        some = list(islice(read, draw.randint(1, 60)))
        run.take_all(some)
        if not some:
            run.finish()
        commit = run.commit()
        found += commit.totals
        state = json.loads(json.dumps(commit.state[BACKFILL + "belt"]))
        if state["done"] is False and draw.random() < 0.3:
            run = Backfill(task, streams(), owned.windows, None, state)
    return found


def ordered(totals: list[Total]) -> list[Total]:
    return sorted(totals, key=lambda one: (one.stream, one.start))


@given(st.integers(0, 2**32))
@settings(max_examples=60)
def test_a_backfill_gives_the_totals_of_a_live_run(seed: int) -> None:
    readings = history(seed)
    with TemporaryDirectory() as folder:
        found = filled(csv(folder, readings), plan(), lambda: False)
    assert ordered(found) == ordered(live(readings))
    assert len(found) == 2 * LENGTH // WINDOW


@given(st.integers(0, 2**32), st.floats(0.01, 1))
@settings(max_examples=40)
def test_an_interrupted_backfill_goes_on_to_the_same_bits(seed: int, often: float) -> None:
    draw = Random(seed)
    with TemporaryDirectory() as folder:
        path = csv(folder, history(seed))
        whole = filled(path, plan(), lambda: False)
        pieces = filled(path, plan(), lambda: draw.random() < often)
    assert pieces == whole


@given(st.integers(0, 2**32))
@settings(max_examples=40)
def test_a_backfill_of_many_blocks_at_once_gives_the_same_totals(seed: int) -> None:
    with TemporaryDirectory() as folder:
        path = csv(folder, history(seed))
        whole = filled(path, plan(), lambda: False)
        assert filled_at_once(path, plan(), Random(seed)) == whole
