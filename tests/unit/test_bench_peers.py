"""What the comparison with other gateways calls lost."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.peers.loss import unmeasured
from bench.variables import BEGUN

WHOLE = [(at, at + 5, 0.005) for at in range(0, 60, 5)]
"""Windows of five seconds, each with five kilograms."""


def state(folder: Path, windows: Sequence[tuple[int, int, float]]) -> Path:
    (folder / "state").mkdir()
    with closing(sqlite3.connect(folder / "state" / "state.sqlite")) as db, db:
        db.execute('CREATE TABLE totals (start, "end", quantity)')
        rows = [((BEGUN + a) * 10**9, (BEGUN + b) * 10**9, amount) for a, b, amount in windows]
        db.executemany("INSERT INTO totals VALUES (?, ?, ?)", rows)
    return folder


def test_nothing_is_lost_where_totals_hold_each_second(tmp_path: Path) -> None:
    assert unmeasured(state(tmp_path, WHOLE), 12) == 0


def test_what_a_window_got_of_the_one_before_is_not_lost(tmp_path: Path) -> None:
    moved = [(a, b, {20: 0.003, 25: 0.007}.get(a, amount)) for a, b, amount in WHOLE]
    assert unmeasured(state(tmp_path, moved), 12) == 0


def test_seconds_that_no_window_got_are_lost(tmp_path: Path) -> None:
    short = [(a, b, 0.001 if a == 20 else amount) for a, b, amount in WHOLE]
    assert unmeasured(state(tmp_path, short), 12) == 4


def test_a_window_that_is_not_there_is_lost(tmp_path: Path) -> None:
    gap = [one for one in WHOLE if one[0] != 30]
    assert unmeasured(state(tmp_path, gap), 12) == 5


def test_what_was_before_the_broker_went_away_is_not_looked_at(tmp_path: Path) -> None:
    before = [(a, b, 0.0 if a < 10 else amount) for a, b, amount in WHOLE]
    assert unmeasured(state(tmp_path, before), 12) == 0
