"""Whatever comes in, in whatever order: every figure is counted once, every cell decided once."""

import math
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.hub_plan import Calendar, HubLimits, Rules
from gateway.hub.book import Book
from gateway.hub.calendar import next_window, window_of
from gateway.hub.database import Database
from gateway.hub.ledger import Ledger
from gateway.hub.release import Calendars, release_due
from tests.hubkit import CLUSTER, HOUR, MONDAY, figure, gate, heat, plant

PLANTS = tuple(plant(number) for number in range(1, 6))
GATE = gate(*PLANTS)
QUARTERS = 700
"""Hours that reach past the end of March, so that two partitions are chosen."""

arrival = st.tuples(
    st.sampled_from(PLANTS), st.integers(0, QUARTERS), st.integers(-20, 900), st.booleans()
)
step = st.one_of(arrival, arrival, arrival, st.integers(0, QUARTERS + 50))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(step, max_size=40), st.sampled_from(["hour", "day", "week", "month"]))
def test_each_figure_is_counted_once_and_each_cell_decided_once(
    steps: list[object], calendar: Calendar
) -> None:
    members = tuple(one.member for one in PLANTS)
    plan = Calendars({"heat": "day", "material": calendar}, HOUR, Rules(), members)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Database.open(Path(folder) / "ledger.db", MONDAY)) as database,
    ):
        ledger, book = Ledger(database, HubLimits()), Book(database, CLUSTER)
        first: dict[int, tuple[object, ...]] = {}
        ended = dict.fromkeys(plan.calendars, 0)
        now = MONDAY
        for step in [*steps, 4 * QUARTERS]:
            if isinstance(step, tuple):
                one, hour, quantity, warm = step
                made = heat(quantity) if warm else figure(quantity, "10 09 03")
                payload = one.record(MONDAY + hour * HOUR, figures=[made], sequence=hour + 1)
                now = max(now, MONDAY + (hour + 1) * HOUR)
                draft = ledger.store([GATE.judge(one.topic, payload, now)], now)[one.pseudonym]
                assert all(reason == "conflict" for _, reason in draft.refused)
            elif isinstance(step, int):
                now = max(now, MONDAY + step * HOUR)
                release_due(book, plan, 0, now, limit=10_000)
            with database.look() as cursor:
                rows = cursor.execute("SELECT * FROM cells").fetchall()
            found = {row["number"]: tuple(row) for row in rows}
            assert {number: found[number] for number in first} == first
            for row in rows:
                if row["number"] not in first:
                    assert row["start"] >= ended[row["kind"]]
            ended |= {row["kind"]: max(ended[row["kind"]], row["end"]) for row in rows}
            first = found
        with database.look() as cursor:
            figures = cursor.execute("SELECT * FROM figures WHERE superseded = 0").fetchall()
    assert all(
        row["counted"] is not None and row["counted"] >= window_start(row, plan) for row in figures
    )
    for kind in ("heat", "material"):
        told = math.fsum(row["quantity"] for row in rows if row["kind"] == kind)
        assert told == math.fsum(row["quantity"] for row in figures if row["kind"] == kind)
    listed = Counter((row["name"], row["start"]) for row in rows if row["listed"])
    assert max(listed.values(), default=1) == 1


def window_start(row: sqlite3.Row, plan: Calendars) -> int:
    kind, start = row["kind"], row["start"]
    return window_of(plan.calendars[kind], start).start


calendars = st.sampled_from(["15min", "hour", "day", "week", "month", 2 * HOUR])


@given(calendars, st.integers(0, 4 * 10**18))
def test_an_instant_is_in_its_window_and_windows_follow_each_other(
    calendar: Calendar, instant: int
) -> None:
    window = window_of(calendar, instant)
    after = window_of(calendar, window.end)
    assert window.start <= instant < window.end == after.start
    assert window_of(calendar, window.end - 1) == window


@given(st.lists(st.tuples(calendars, st.integers(0, 4000)), max_size=20))
def test_decided_windows_never_overlap_whatever_the_calendar_becomes(
    steps: list[tuple[Calendar, int]],
) -> None:
    decided_to = 0
    for calendar, hour in steps:
        earliest = MONDAY + hour * HOUR
        window = next_window(calendar, decided_to, earliest)
        assert window.start >= decided_to
        assert earliest < window.end
        decided_to = window.end
