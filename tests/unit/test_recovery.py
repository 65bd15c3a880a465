"""A damaged state file: what is taken over into the new one, and how its records are told apart."""

import sqlite3
from pathlib import Path

import pytest

from agent.keeping.outbox import FILE, Outbox
from agent.keeping.tables import Commit
from agent.measuring.total import Event, Total
from gateway.aside import KEEP_DAMAGED
from gateway.database import CorruptError
from gateway.reserve import Reserve
from tests.unit.test_outbox import record

PAGE = 4096


def total(at: int) -> Total:
    return Total("slag", at * 900, at * 900 + 900, 1.5, "t", 1, 0, None, (), {})


def written(folder: Path, totals: int = 2_000) -> int | None:
    with Outbox.open(folder, 0) as outbox:
        outbox.commit(
            Commit(
                {"stream:slag": {"base": 0.1}, "cursor:csv": "17"},
                [total(at) for at in range(totals)],
                [(record(n, size=5_700), 0) for n in range(1, 21)],
                [Event(5, "slag", "reset", "counter fell")],
                released_to=totals * 900,
            ),
            5,
        )
        outbox.settle([record(1).id], [], 7)
        return outbox.run()


def damage(folder: Path, table: str, share: float) -> None:
    """Overwrite a page of a table, `share` of the way through its pages."""
    path = folder / FILE
    with sqlite3.connect(path) as db:
        rows = db.execute(
            "SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf' ORDER BY path", (table,)
        ).fetchall()
    db.close()
    page = rows[int(share * (len(rows) - 1))][0]
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(b"\xa5" * PAGE)


@pytest.fixture(scope="module", autouse=True)
def _needs_dbstat() -> None:
    with sqlite3.connect(":memory:") as db:
        db.execute("SELECT * FROM dbstat")
    db.close()


def test_all_but_the_damaged_page_is_taken_over(tmp_path: Path) -> None:
    run = written(tmp_path)
    damage(tmp_path, "totals", 0.5)
    with Outbox.open(tmp_path, 10**9) as outbox:
        kept = outbox.windows.totals(0, 2**62)
        assert kept[0] == total(0)
        assert kept[-1] == total(1_999)
        assert 1_900 < len(kept) < 2_000
        assert outbox.state("stream:") == {"slag": {"base": 0.1}}
        assert outbox.state("cursor:") == {"csv": "17"}
        assert outbox.depth().by_status == {"queued": 19, "receipted": 1}
        assert outbox.meta("released_to") == str(2_000 * 900)
        assert outbox.last_sequence() == 20
        assert outbox.run() not in (run, None)
        newest, *_ = outbox.events()
        assert newest.kind == "state-damaged"
        assert "totals (not all)" in newest.detail
        assert "20 records," in newest.detail


def test_the_status_tells_of_a_damaged_file_until_somebody_has_taken_it_away(
    tmp_path: Path,
) -> None:
    (tmp_path / FILE).write_bytes(b"not a database" * 1000)
    reserve = Reserve(tmp_path, 0)
    with Outbox.open(tmp_path, 0) as outbox:
        assert "taken over: nothing" in outbox.storage(reserve).damaged or (
            "0 totals" in outbox.storage(reserve).damaged
        )
        for path in tmp_path.glob("*.damaged-*"):
            path.unlink()
        assert outbox.storage(reserve).damaged == ""


def test_where_it_is_unknown_how_far_windows_were_released_none_is_released_again(
    tmp_path: Path,
) -> None:
    written(tmp_path)
    damage(tmp_path, "meta", 0)
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.meta("released_to") == str(2_000 * 900)


def test_a_file_damaged_while_it_is_used_is_replaced_under_its_user(tmp_path: Path) -> None:
    run = written(tmp_path)
    damage(tmp_path, "records", 1)
    with Outbox.open(tmp_path, 0) as outbox:
        first = outbox.run()
        assert first != run
        outbox._database._connection.close()
        damage(tmp_path, "totals", 0.2)
        outbox._database._connection = sqlite3.connect(
            tmp_path / FILE, isolation_level=None, check_same_thread=False
        )
        outbox._database._connection.row_factory = sqlite3.Row
        with pytest.raises(CorruptError) as error:
            outbox.without_known(Commit())
        event = outbox.renew(error.value.what, 10**9, first)
        assert event is not None
        assert event.kind == "state-damaged"
        assert outbox.run() == first
        again = outbox.without_known(Commit(totals=[total(0), total(5_000)]))
        assert list(again.totals) == [total(5_000)]
        outbox.commit(again, 5)


class _StopError(BaseException):
    """The program ends, as with kill -9: nothing of its own runs any more."""


@pytest.mark.parametrize("stage", ["renamed", "begun"])
def test_an_interrupted_recovery_is_taken_up_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    written(tmp_path)
    damage(tmp_path, "totals", 0.5)
    place = {"renamed": "gateway.aside._follow", "begun": "agent.keeping.recovery._pick_up"}[stage]

    def stop(*_: object) -> None:
        raise _StopError

    with monkeypatch.context() as patched:
        patched.setattr(place, stop)
        with pytest.raises(_StopError):
            Outbox.open(tmp_path, 10**9)
    (tmp_path / f"{FILE}-wal").write_bytes(b"left behind")
    with Outbox.open(tmp_path, 2 * 10**9) as outbox:
        assert 1_900 < len(outbox.windows.totals(0, 2**62)) < 2_000
        assert outbox.run() is not None
        assert "taken over" in outbox.storage(Reserve(tmp_path, 0)).damaged
        assert outbox.set_aside
    with Outbox.open(tmp_path, 3 * 10**9) as outbox:
        assert outbox.set_aside == ""
        assert len(outbox.events()) == 2


def test_a_file_that_was_made_and_never_begun_gets_its_beginning(tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.run() is not None


def test_only_the_newest_damaged_files_are_kept(tmp_path: Path) -> None:
    for second in range(KEEP_DAMAGED + 3):
        (tmp_path / FILE).write_bytes(b"not a database" * 1000)
        Outbox.open(tmp_path, second * 10**9).close()
    files = [path for path in tmp_path.glob("*.damaged-*") if path.suffix != ".reason"]
    assert len(files) == KEEP_DAMAGED
    assert max(files).name.endswith(f"{KEEP_DAMAGED + 2:02}Z")


def test_a_new_file_begins_a_run_of_its_own_and_keeps_it(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "a", 0) as one, Outbox.open(tmp_path / "b", 0) as two:
        first = one.run()
        assert first != two.run()
    with Outbox.open(tmp_path / "a", 0) as again:
        assert again.run() == first
