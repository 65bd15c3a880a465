"""Copies of the ledger: made while it is written, and put together again after damage."""

import json
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapters.errors import PermanentError
from config.hub_plan import HubPlan
from gateway.claim import claimed
from gateway.hub.book import Book
from gateway.hub.copies import backup, restore
from gateway.hub.database import DamagedError, Database
from gateway.hub.ledger import Ledger
from gateway.hub.release import Calendars, release_due
from gateway.hub.status import LEDGER, hub_status
from tests.clikit import Call
from tests.hubkit import HOUR, MONDAY, Plant, gate, heat, hub_plan, plant
from tests.unit.test_broker_config import HUB

PLANTS = tuple(plant(number) for number in range(1, 4))
GATE = gate(*PLANTS)
FAR = MONDAY + 1000 * HOUR


@pytest.fixture
def plan(tmp_path: Path) -> HubPlan:
    return hub_plan(tmp_path, *PLANTS, wait=0)


@contextmanager
def opened(plan: HubPlan) -> Iterator[Database]:
    with closing(Database.open(Path(plan.state_dir) / LEDGER, MONDAY)) as database:
        yield database


def store(plan: HubPlan, hours: range, plants: tuple[Plant, ...] = PLANTS) -> None:
    with opened(plan) as database:
        ledger = Ledger(database, plan.limits)
        for hour in hours:
            at = MONDAY + hour * HOUR
            messages = [
                (one.topic, one.record(at, figures=[heat(10.0)], sequence=hour + 1))
                for one in plants
            ]
            ledger.store([GATE.judge(*message, FAR) for message in messages], at + HOUR)


def decide(plan: HubPlan, now: int) -> int:
    calendars = Calendars(plan.calendars, plan.wait, plan.rules, plan.members)
    with opened(plan) as database:
        return release_due(Book(database, plan.cluster), calendars, 0, now)


def released(plan: HubPlan) -> dict[int, float]:
    with closing(sqlite3.connect(Path(plan.state_dir) / LEDGER)) as ledger:
        rows = ledger.execute(
            "SELECT start, quantity FROM cells WHERE status = 'released' ORDER BY start"
        )
        return {(start - MONDAY) // HOUR: quantity for start, quantity in rows}


def damage(plan: HubPlan, whole: bool, table: str = "sheets") -> Path:
    """Spoil a ledger: a page of a table, or all of it but its size."""
    path = Path(plan.state_dir) / LEDGER
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as ledger:
        root = ledger.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
        page = root.fetchone()[0] - 1
        size = ledger.execute("PRAGMA page_size").fetchone()[0]
    start, end = (0, len(content)) if whole else (page * size, (page + 1) * size)
    content[start:end] = b"\xa5" * (end - start)
    path.write_bytes(content)
    with pytest.raises(DamagedError), opened(plan):
        pass
    return path


def test_a_copy_made_while_the_ledger_is_written_is_whole(plan: HubPlan, tmp_path: Path) -> None:
    store(plan, range(3))
    done = threading.Event()

    def write() -> None:
        store(plan, range(3, 30))
        done.set()

    writing = threading.Thread(target=write)
    writing.start()
    target, counts = tmp_path / "copies" / "ledger.db", list[int]()
    while not done.is_set() or len(counts) < 3:
        assert backup(plan, target) == target.stat().st_size
        with closing(sqlite3.connect(target)) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            records, figures = copy.execute(
                "SELECT (SELECT count(*) FROM records), (SELECT count(*) FROM figures)"
            ).fetchone()
        assert records == figures
        counts.append(records)
    writing.join()
    assert counts == sorted(counts)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert list(target.parent.iterdir()) == [target]


def test_what_was_released_after_the_copy_is_not_released_again(
    plan: HubPlan, tmp_path: Path
) -> None:
    store(plan, range(4))
    decide(plan, MONDAY + 2 * HOUR)
    backup(plan, tmp_path / "copy.db")
    store(plan, range(4, 6))
    decide(plan, MONDAY + 5 * HOUR)
    assert released(plan) == dict.fromkeys(range(5), 30.0)
    path = damage(plan, whole=True)
    os.utime(path, ns=(MONDAY + 5 * HOUR + 1, MONDAY + 5 * HOUR + 1))
    found = restore(plan, tmp_path / "copy.db", FAR)
    assert found.presumed == 6, "hours 2 and 3, of three plants"
    store(plan, range(5, 7))
    decide(plan, MONDAY + 7 * HOUR)
    assert released(plan) == {0: 30.0, 1: 30.0, 5: 30.0, 6: 30.0}
    kept = list(path.parent.glob(f"{LEDGER}.damaged-*Z"))
    assert [one.name for one in kept] == [found.aside]
    assert "after damage" in (hub_status(plan).restored or "")
    assert sorted(path.parent.glob(f"{LEDGER}.*")) == sorted(
        [kept[0], kept[0].with_name(f"{kept[0].name}.reason")]
    )


@pytest.mark.parametrize("with_copy", [True, False])
def test_what_can_be_read_of_the_damaged_goes_first_and_the_copy_completes_it(
    plan: HubPlan, tmp_path: Path, with_copy: bool
) -> None:
    store(plan, range(4))
    decide(plan, MONDAY + 2 * HOUR)
    backup(plan, tmp_path / "copy.db")
    store(plan, range(4, 6))
    decide(plan, MONDAY + 5 * HOUR)
    damage(plan, whole=False)
    found = restore(plan, tmp_path / "copy.db" if with_copy else None, FAR)
    assert found.damaged["records"].rows == 18
    assert not found.damaged["sheets"].whole
    assert found.presumed == (6 if with_copy else 0)
    assert released(plan) == dict.fromkeys(range(5), 30.0), "the cells are in the damaged one"
    store(plan, range(4, 8))
    decide(plan, MONDAY + 8 * HOUR)
    again = released(plan)
    assert {hour: again[hour] for hour in (*range(5), 6, 7)} == dict.fromkeys(
        (*range(5), 6, 7), 30.0
    )


def test_what_waits_in_the_damaged_ledger_is_not_taken_as_released(
    plan: HubPlan, tmp_path: Path
) -> None:
    store(plan, range(3), PLANTS[:2])
    backup(plan, tmp_path / "copy.db")
    decide(plan, MONDAY + 3 * HOUR)
    store(plan, range(1), PLANTS[2:])
    damage(plan, whole=False, table="senders")
    assert restore(plan, tmp_path / "copy.db", FAR).presumed == 0
    store(plan, range(3, 4))
    decide(plan, MONDAY + 4 * HOUR)
    assert released(plan) == {3: 40.0}, "with what came late of hour 0"


def by_id(plan: HubPlan) -> None:
    """Keep a ledger's records by their ids, as one that was begun by an older program does."""
    with closing(sqlite3.connect(Path(plan.state_dir) / LEDGER)) as ledger:
        query = "SELECT sql FROM sqlite_schema WHERE tbl_name = 'records' AND sql NOT NULL"
        table, *indexes = (text for (text,) in ledger.execute(query).fetchall())
        table = table.replace("records", "kept", 1) + ", WITHOUT ROWID"
        move = "INSERT INTO kept SELECT * FROM records; DROP TABLE records"
        name = "ALTER TABLE kept RENAME TO records"
        ledger.executescript("; ".join((table, move, name, *indexes)))


def rot(plan: HubPlan) -> None:
    """Spoil one of many pages that records are on, away from both ends of the table."""
    path = Path(plan.state_dir) / LEDGER
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[16:18])
    pages = range(0, len(content), size)
    leaves = [at for at in pages if b'"pseudonym":' in content[at : at + size]]
    assert len(leaves) > 10
    at = leaves[len(leaves) // 2]
    content[at : at + size] = b"\xa5" * size
    path.write_bytes(content)
    with pytest.raises(DamagedError), opened(plan):
        pass


@pytest.mark.parametrize(("former", "lost"), [(False, 8), (True, 40)], ids=["in order", "by id"])
def test_a_page_that_rots_takes_the_records_on_it_and_below_it_and_no_others(
    plan: HubPlan, former: bool, lost: int
) -> None:
    store(plan, range(40))
    if former:
        by_id(plan)
        store(plan, range(40, 41))
    rot(plan)
    found = restore(plan, None, FAR)
    assert not found.damaged["records"].whole
    assert (123 if former else 120) - found.damaged["records"].rows in range(1, lost)
    store(plan, range(42))  # the lost come again, as new ones
    with opened(plan) as database, database.look() as cursor:
        for table in ("records", "figures"):
            assert cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 126  # noqa: S608


def test_a_sound_ledger_is_not_replaced(plan: HubPlan, tmp_path: Path) -> None:
    store(plan, range(2))
    backup(plan, tmp_path / "copy.db")
    store(plan, range(2, 3))
    with pytest.raises(PermanentError, match="sound"):
        restore(plan, tmp_path / "copy.db", FAR)
    assert hub_status(plan).records == 9


def test_a_lost_ledger_is_made_of_its_copy(plan: HubPlan, tmp_path: Path) -> None:
    store(plan, range(2))
    backup(plan, tmp_path / "copy.db")
    (Path(plan.state_dir) / LEDGER).unlink()
    assert restore(plan, tmp_path / "copy.db", FAR).copied["records"].rows == 6
    assert hub_status(plan).records == 6


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_a_copy_that_is_none_changes_nothing(plan: HubPlan, tmp_path: Path, content: bytes) -> None:
    store(plan, range(2))
    path = damage(plan, whole=True)
    before = path.read_bytes()
    (tmp_path / "copy.db").write_bytes(content)
    with pytest.raises(PermanentError, match="copy"):
        restore(plan, tmp_path / "copy.db", FAR)
    with pytest.raises(PermanentError, match="copy cannot be used"):
        restore(plan, tmp_path / "elsewhere.db", FAR)
    assert path.read_bytes() == before


def test_a_restore_that_was_stopped_goes_on(plan: HubPlan, tmp_path: Path) -> None:
    store(plan, range(2))
    backup(plan, tmp_path / "copy.db")
    path = damage(plan, whole=True)
    path.rename(path.with_name(f"{LEDGER}.damaged-2026-03-02T000000Z"))
    path.with_name(f"{LEDGER}.restored").write_bytes(b"half of it")
    with pytest.raises(DamagedError), opened(plan):
        pass
    assert restore(plan, tmp_path / "copy.db", FAR).copied["records"].rows == 6
    with opened(plan):
        assert hub_status(plan).records == 6


def test_the_commands_copy_refuse_while_the_hub_runs_and_restore(
    tmp_path: Path, call: Call, plan: HubPlan
) -> None:
    text = f'{HUB}[state]\ndirectory = "{plan.state_dir}"\nruntime = "run"\n'
    (tmp_path / "hub.toml").write_text(text)
    store(plan, range(2))
    copy = tmp_path / "copy.db"
    said = call("hub", "backup", tmp_path / "hub.toml", "--output", copy, "--json")
    size = copy.stat().st_size
    assert json.loads(said.out) == {"file": str(copy), "bytes": size, "beside": []}
    damage(plan, whole=True)
    words = ("hub", "restore", tmp_path / "hub.toml", "--copy", copy)
    with claimed(Path(plan.state_dir), "hub"):
        said = call(*words)
    assert said.code != 0
    assert "running" in said.err
    assert call(*words).code == 0
    assert hub_status(plan).records == 6
