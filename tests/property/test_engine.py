"""From blocks to committed records: nothing lost or doubled, wherever the plug is pulled."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.reading import NANOSECONDS, Block
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.measuring.total import Total
from agent.running.assembly import memory
from agent.running.engine import HORIZON, Engine
from config.plan import InputPlan, MeterPlan, PlantPlan, StreamPlan
from gateway.seal import open_record, verify_record
from tests.plants import HOUR, MINUTE, POINTS, START, block, hub_key, plan, plant_key, sealer

PLAN = plan()
SCALE = MeterPlan(
    "batch",
    {role: InputPlan(role, "scale", role) for role in ("weight", "ticket")},
    3 * 60 * NANOSECONDS,
)
BATCHES = StreamPlan(
    "dross", "material", "t", SCALE, code="10 03 15*", share="cluster", significant=12
)


def blocks(rises: Sequence[int]) -> list[Block]:
    total, made = 10**6, []
    for minute, rise in enumerate(rises):
        total += rise
        made.append(block(minute, total, rise * 0.06))
    return made


def run(
    feed: Sequence[Block],
    outbox: Outbox,
    stops: set[int],
    every: int,
    plant: PlantPlan = PLAN,
) -> None:
    """Feed an engine, committing every few blocks; at a stop all that was not committed is lost."""
    at = 0
    stops = set(stops)
    while at < len(feed):
        known = memory(outbox)
        engine = Engine(plant, sealer(), lambda: 0, known, horizon=None)
        at = int(known.cursors.get(feed[0].source, "-1")) + 1
        while at < len(feed):
            if at in stops:
                stops.discard(at)
                break
            engine.take(feed[at])
            engine.advance(feed[at].time)
            at += 1
            if at % every == 0:
                outbox.commit(engine.commit(), 0)
        else:
            engine.finish(feed[-1].time)
            outbox.commit(engine.commit(), 0)


def outcome(outbox: Outbox) -> tuple[list[Total], list[dict[str, Any]]]:
    """Give the totals, and the records as the hub reads them but for their signature."""
    records = []
    for queued in outbox.queued(2**62, 10**6, newest=False):
        content = open_record(queued.payload, "ora", queued.pseudonym, hub_key())
        verify_record(content, "ora", queued.pseudonym, plant_key().public)
        assert content.pop("run") == outbox.run()
        records.append({key: value for key, value in content.items() if key != "signature"})
    return outbox.windows.totals(0, 2**62), records


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.integers(0, 900), min_size=130, max_size=260),
    st.sets(st.integers(0, 250), max_size=6),
    st.integers(1, 40),
)
def test_a_run_that_was_cut_anywhere_commits_what_an_uncut_one_does(
    rises: list[int], stops: set[int], every: int
) -> None:
    feed = blocks(rises)
    with tempfile.TemporaryDirectory() as folder:
        with Outbox.open(Path(folder) / "whole", 0) as outbox:
            run(feed, outbox, set(), len(feed))
            whole = outcome(outbox)
        with Outbox.open(Path(folder) / "cut", 0) as outbox:
            run(feed, outbox, stops, every)
            assert outcome(outbox) == whole


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 900), min_size=130, max_size=260))
def test_records_add_up_to_what_the_counter_counted(rises: list[int]) -> None:
    feed = blocks(rises)
    with tempfile.TemporaryDirectory() as folder, Outbox.open(Path(folder), 0) as outbox:
        run(feed, outbox, set(), 7)
        records = outcome(outbox)[1]
    hours = (len(feed) - 1) // 60
    counted = sum(rises[1 : hours * 60 + 1]) / 1000
    left = sum(
        figure["quantity"]
        for record in records
        for figure in record["figures"]
        if figure["code"] == "10 09 03"
    )
    assert len(records) == hours
    assert abs(left - counted) <= 1e-9 * max(1.0, counted)


def weighings(tickets: Sequence[int]) -> list[Block]:
    """Give what a weighbridge shows each minute: 0 for nothing new, else the next ticket's kg."""
    number, weight, made = 0, 0.0, []
    for minute, kilograms in enumerate(tickets):
        if kilograms:
            number, weight = number + 1, kilograms / 1000
        time, points = START + minute * MINUTE, ("weight", "ticket")
        made.append(Block("scale", time, points, (weight, number), cursor=str(minute)))
    return made


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.one_of(st.just(0), st.just(0), st.integers(0, 40_000)), min_size=200, max_size=420),
    st.integers(1, 60),
    st.sets(st.integers(0, 400), max_size=5),
    st.integers(1, 40),
)
def test_batches_that_wait_survive_a_cut_and_leave_three_at_a_time_or_more(
    kilograms: list[int], sparse: int, stops: set[int], every: int
) -> None:
    shown = [0, *(kg if at % sparse == 0 else 0 for at, kg in enumerate(kilograms))]
    feed, plant = weighings(shown), replace(PLAN, streams=(BATCHES,))
    with tempfile.TemporaryDirectory() as folder:
        with Outbox.open(Path(folder) / "whole", 0) as outbox:
            run(feed, outbox, set(), len(feed), plant)
            whole = outcome(outbox)
        with Outbox.open(Path(folder) / "cut", 0) as outbox:
            run(feed, outbox, stops, every, plant)
            assert outcome(outbox) == whole
    waiting: list[int] = []
    left, gone = 0.0, 0.0
    for hour, record in enumerate(whole[1]):
        waiting += [kg for kg in shown[hour * 60 : (hour + 1) * 60] if kg]
        assert len(record["figures"]) == (len(waiting) >= 3)
        if len(waiting) >= 3:
            gone += sum(waiting) / 1000
            waiting = []
        left += sum(figure["quantity"] for figure in record["figures"])
    assert abs(left - gone) <= 1e-9 * max(1.0, gone)


def test_every_release_window_has_one_record_even_when_nothing_was_measured() -> None:
    engine = Engine(PLAN, sealer(), lambda: 0)
    engine.advance(START)
    engine.advance(START + 5 * HOUR)
    commit = engine.commit()
    assert [record.start for record, _ in commit.records] == [START + h * HOUR for h in range(4)]
    assert all(json.loads(record.plain)["figures"] == [] for record, _ in commit.records)
    assert len({len(record.payload) for record, _ in commit.records}) == 1


def test_the_jitter_delays_each_record_anew() -> None:
    draws = iter([5, 7])
    engine = Engine(PLAN, sealer(), lambda: next(draws))
    engine.advance(START)
    engine.advance(START + 3 * HOUR - 1)
    now = START + 3 * HOUR - 1
    assert [due - now for _, due in engine.commit().records] == [5, 7]


def test_when_a_record_leaves_does_not_tell_how_soon_its_window_was_closed() -> None:
    dues = []
    for closed in (0, 20, 55):
        engine = Engine(PLAN, sealer(), lambda: 7)
        for minute in range(61):
            # The reading after the hour closes it; how soon it comes is the plant's own.
            late = closed * 1_000_000_000 if minute == 60 else 0
            engine.take(Block("belt", START + minute * MINUTE + late, POINTS, (minute + 1, 1.0)))
            engine.advance(START + minute * MINUTE + late)
        dues += [due for _, due in engine.commit().records]
    assert len(dues) == 3
    assert set(dues) == {START + HOUR + PLAN.windows.grace + 7}


def test_without_a_hub_totals_are_kept_and_no_record_is_made() -> None:
    engine = Engine(PLAN, None, lambda: 0)
    engine.advance(START)
    engine.advance(START + 2 * HOUR)
    commit = engine.commit()
    assert len(commit.totals) > 0
    assert commit.records == ()


def test_a_commit_hands_out_each_thing_once() -> None:
    engine = Engine(PLAN, sealer(), lambda: 0)
    engine.take(block(0, 1, 1.0))
    engine.advance(START + 2 * HOUR)
    assert engine.commit() != Commit()
    again = engine.commit()
    assert (again.totals, again.records, again.events, again.state) == ((), (), (), {})


def test_a_clock_that_is_years_ahead_makes_no_record_of_the_years_between() -> None:
    with tempfile.TemporaryDirectory() as folder, Outbox.open(Path(folder), 0) as outbox:
        engine = Engine(PLAN, sealer(), lambda: 0, memory(outbox), HORIZON)
        years = 10 * 366 * 24 * 60
        for minute in (*range(150), *range(years, years + 150)):
            made = block(minute, 10**6 + minute, 6.0)
            engine.advance(made.time)
            engine.take(made)
        records = engine.commit().records
    starts = [record.start for record, _ in records]
    ahead = START + years * MINUTE
    assert len(starts) == len(set(starts)) >= 4
    assert all(start < START + 4 * HOUR or start > ahead - 2 * HOUR for start in starts)
