"""Both queues of the state file: what waits no longer than it must, and what makes way."""

import sqlite3
from pathlib import Path

import pytest

from agent.keeping.outbox import Outbox
from agent.keeping.queues import QUEUES, Queue, hasten, set_aside

AHEAD = "made by a clock that was ahead"
ROWS: dict[Queue, str] = {
    "records": 'INSERT INTO records (id, sequence, start, "end", pseudonym, plain, payload, steps,'
    " due, queued, status) VALUES (?, ?, ?, ?, '', '', x'01', '', ?, ?, ?)",
    "details": 'INSERT INTO details (id, rowid, start, "end", partner, contract, plain, labels,'
    " payload, steps, due, queued, status) VALUES (?, ?, ?, ?, '', '', '', '', x'01', '', ?, ?, ?)",
}


@pytest.fixture
def db(tmp_path: Path) -> sqlite3.Cursor:
    Outbox.open(tmp_path, 0).close()
    return sqlite3.connect(tmp_path / "state.sqlite").cursor()


@pytest.mark.parametrize("queue", QUEUES)
def test_what_waits_is_due_as_soon_as_what_is_queued_now_would_be(
    db: sqlite3.Cursor, queue: Queue
) -> None:
    rows = [
        ("of the past, due late", 1, 0, 10, 900, 20, "queued"),
        ("queued by a clock ahead", 2, 0, 70, 900, 800, "queued"),
        ("due before", 3, 0, 10, 52, 20, "queued"),
        ("settled", 4, 0, 10, 900, 800, "dropped"),
    ]
    db.executemany(ROWS[queue], rows)
    hasten(db, queue, 50, 5)
    held = db.execute(f"SELECT due, queued FROM {queue} ORDER BY rowid")  # noqa: S608
    assert held.fetchall() == [(55, 20), (75, 50), (52, 20), (900, 800)]


@pytest.mark.parametrize("queue", QUEUES)
def test_what_makes_way_keeps_how_it_ended_and_leaves_its_name_to_others(
    db: sqlite3.Cursor, queue: Queue
) -> None:
    settled = f"UPDATE {queue} SET settled = 3, reason = 'as was' WHERE status <> 'queued'"  # noqa: S608
    rows = [
        ("before", 1, 9, 10, 0, 0, "queued"),
        ("waits", 2, 10, 20, 0, 0, "queued"),
        ("left", 3, 20, 30, 0, 0, "sent"),
    ]
    db.executemany(ROWS[queue], rows)
    db.execute(settled)
    set_aside(db, queue, 10, 7)
    db.execute(ROWS[queue], ("waits", 4, 10, 20, 0, 0, "queued"))
    set_aside(db, queue, 10, 8)
    kept = "id, status, settled, reason, length(payload)"
    query = f"SELECT {kept} FROM {queue} ORDER BY rowid"  # noqa: S608
    assert db.execute(query).fetchall() == [
        ("before", "queued", None, "", 1),
        ("waits~2~2", "dropped", 7, AHEAD, 0),
        ("left~3~3", "sent", 3, "as was", 0),
        ("waits~4", "dropped", 8, AHEAD, 0),
    ]
