"""A ledger of the former version is carried over as it is, whole or not at all."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.errors import PermanentError
from gateway.hub.copies import backup, restore
from gateway.hub.database import DamagedError, Database
from gateway.hub.status import LEDGER, hub_status
from gateway.hub.vault import upgrading
from tests.golden.former_ledger import traffic
from tests.hubkit import MONDAY, hub_plan

HERE = Path(__file__).parent
CLUSTER = "6022a33dbd17cd406d8c774b04026c2509df7a3a9b6b822057d8bca44f66c026"
POOL = "38b4cb6883fefd79eaa89589d2914dd53d3042238352fc8633396711adb8ad51"
_FORMER = (
    "record, position, member, owner, waives, kind, direction, unit, code, place, band, quantity, "
    'coverage, marks, start, "end", counted, superseded'
)


def former(path: Path, name: str) -> Path:
    """Make a ledger as the former program left it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript((HERE / name).read_text())
    return path


def rows(path: Path) -> list[tuple[Any, ...]]:
    """Give a ledger's figures, of either version, exactly."""
    with closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA user_version").fetchone()[0] == 5:
            found = db.execute(f"SELECT {_FORMER} FROM figures").fetchall()  # noqa: S608
            return sorted((*row[:13], json.loads(row[13]), *row[14:]) for row in found)
        columns = (
            "record, member, owner, waives, kind, direction, unit, place, start, "
            '"end", counted, superseded, figures'
        )
        sheets = db.execute(f"SELECT {columns} FROM sheets").fetchall()  # noqa: S608
    return sorted(
        (*of[:1], position, *of[1:7], code, of[7], band, quantity, coverage, marks, *of[8:])
        for *of, text in sheets
        for position, code, band, quantity, coverage, marks in json.loads(text)
    )


def others(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Give all other tables."""
    with closing(sqlite3.connect(path)) as db:
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: db.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608
            for (name,) in names
            if name not in ("figures", "sheets", "sqlite_sequence")
        }


@pytest.mark.parametrize("name", ["cluster.sql", "pool.sql"])
def test_every_figure_is_carried_over_with_what_became_of_it(tmp_path: Path, name: str) -> None:
    path = former(tmp_path / "ledger.db", name)
    figures, rest = rows(path), others(path)
    told: list[tuple[int, int]] = []
    Database.open(path, MONDAY, lambda done, count: told.append((done, count))).close()
    assert rows(path) == figures
    assert others(path) == rest
    assert told == [(n, len(rest["records"])) for n in range(len(rest["records"]))]


def test_a_cluster_s_decisions_go_on_as_if_nothing_had_been_changed(tmp_path: Path) -> None:
    path = former(tmp_path / "ledger.db", "cluster.sql")
    traffic.hub(path, traffic.THEN)
    assert traffic.cells(path) == CLUSTER


def test_a_pool_s_decisions_go_on_as_if_nothing_had_been_changed(tmp_path: Path) -> None:
    path = former(tmp_path / "ledger.db", "pool.sql")
    traffic.pool(tmp_path, traffic.THEN)
    assert traffic.cells(path, in_order=False) == POOL


def test_the_same_traffic_gives_the_same_cells_as_with_a_row_a_figure(tmp_path: Path) -> None:
    traffic.hub(tmp_path / "new.db", traffic.HOURS)
    traffic.pool(tmp_path, traffic.FIRST)
    traffic.pool(tmp_path, traffic.THEN)
    assert traffic.cells(tmp_path / "new.db") == CLUSTER
    assert traffic.cells(tmp_path / "ledger.db", in_order=False) == POOL


def test_what_differs_within_a_record_is_put_on_sheets_of_its_own(tmp_path: Path) -> None:
    path = former(tmp_path / "ledger.db", "cluster.sql")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE figures SET counted = 7 WHERE position IN (1, 3)")
        db.execute("DELETE FROM records WHERE id IN (SELECT id FROM records LIMIT 5)")
        db.commit()
    figures = rows(path)
    Database.open(path, MONDAY).close()
    assert rows(path) == figures


def spoilt(path: Path) -> None:
    """Spoil a page of a former ledger's figures that holds the middle of some record."""
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18])
    pages = {at: content[at : at + size] for at in range(0, len(content), size)}
    leaves = [
        at
        for at, page in pages.items()
        if page[0] == 10 and b"surplus" in page and b"owner" in page
    ]
    at = leaves[len(leaves) // 2]
    content[at : at + size] = b"\xa5" * size
    path.write_bytes(content)


def test_a_damaged_former_ledger_is_completed_by_its_copy_figure_by_figure(tmp_path: Path) -> None:
    plan = hub_plan(tmp_path, *traffic.PLANTS)
    path = former(Path(plan.state_dir) / LEDGER, "cluster.sql")
    figures = rows(path)
    backup(plan, tmp_path / "copy.db")
    spoilt(path)
    with pytest.raises(DamagedError):
        Database.open(path, MONDAY)
    found = restore(plan, tmp_path / "copy.db", MONDAY)
    assert 0 < found.damaged["figures"].rows < len(figures)
    assert not found.damaged["figures"].whole
    assert [row[:14] for row in rows(path)] == [row[:14] for row in figures]
    with closing(sqlite3.connect(path)) as db:
        parts = db.execute("SELECT count(*) FROM sheets GROUP BY record, kind, direction, unit")
        assert any(number > 1 for (number,) in parts), "a record came from both"


_STOPPED = """
import os, signal, sys
from pathlib import Path
from gateway.hub.database import Database
def stop(done, count):
    if done == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
Database.open(Path(sys.argv[1]), 0, stop)
"""


@pytest.mark.parametrize("at", [0, 13])
def test_an_upgrade_that_is_killed_leaves_the_former_ledger_whole(tmp_path: Path, at: int) -> None:
    path = former(tmp_path / "ledger.db", "cluster.sql")
    figures = rows(path)
    command = [sys.executable, "-c", _STOPPED, str(path), str(at)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == 5
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert rows(path) == figures
    Database.open(path, MONDAY).close()
    assert rows(path) == figures


def test_until_the_hub_has_run_the_former_ledger_is_copied_and_not_misread(tmp_path: Path) -> None:
    plan = hub_plan(tmp_path, *traffic.PLANTS)
    path = former(Path(plan.state_dir) / LEDGER, "cluster.sql")
    with pytest.raises(PermanentError, match="version 5") as refused:
        hub_status(plan)
    assert "start the hub" in refused.value.mend
    assert backup(plan, tmp_path / "copy.db") > 0
    assert rows(tmp_path / "copy.db") == rows(path)


def test_the_service_manager_is_asked_for_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    asked: list[str] = []
    for done in range(4001):
        upgrading(asked.append, done, 5000)
    assert [line.partition("=")[0] for line in asked] == ["EXTEND_TIMEOUT_USEC"] * 3
    assert "4000 of 5000 records" in caplog.text
