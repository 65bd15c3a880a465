"""The plant's durable memory: one transaction for state, totals and records."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.errors import PermanentError, TransientError
from agent.disclosing.policy import Step
from agent.disclosing.record import SealedRecord
from agent.keeping.outbox import FILE, Outbox
from agent.keeping.tables import LAYOUT, Commit
from agent.measuring.total import Event, Total
from config.plan import OutboxPlan
from gateway.reserve import Reserve

TOTAL = Total("slag", 0, 900, 1.5, "t", 0.9, 0.1, None, ("spread",), {"timeout": 3})


def record(number: int, size: int = 100) -> SealedRecord:
    plain = f'{{"figures": [], "sequence": {number}}}'
    steps = (Step("consent", "slag", "share is cluster"),)
    return SealedRecord(
        f"{number:032x}",
        number,
        number * 10,
        number * 10 + 10,
        "ab" * 16,
        plain,
        b"x" * size,
        steps,
    )


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path, 0)


def test_half_a_megabyte_of_the_file_is_kept_in_memory_before_and_after_it_was_damaged(
    outbox: Outbox,
) -> None:
    def kept() -> int:
        with outbox._database.look() as db:
            pages: int = db.execute("PRAGMA cache_size").fetchone()[0]
        return pages

    before = kept()
    outbox.renew("damaged", 1, 1)
    assert (before, kept()) == (-512, -512)


def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    with Outbox.open(tmp_path, 0) as outbox:
        change = Commit(
            {"stream:slag": {"base": 0.1}, "cursor:csv": "17"},
            [TOTAL],
            [(record(1), 20)],
            [Event(5, "slag", "reset", "counter fell")],
            released_to=20,
        )
        outbox.commit(change, 5)
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.state("stream:") == {"slag": {"base": 0.1}}
        assert outbox.state("cursor:") == {"csv": "17"}
        assert outbox.windows.totals(0, 900) == [TOTAL]
        assert outbox.windows.closed_to() == {"slag": 900}
        assert outbox.meta("released_to") == "20"
        assert outbox.last_sequence() == 1
        assert outbox.events()[0].detail == "counter fell"
        assert [one.id for one in outbox.queued(20, 9, newest=False)] == [record(1).id]
        assert outbox.released(0, 100)[0].steps == record(1).steps


def test_a_commit_that_fails_leaves_nothing_of_itself(outbox: Outbox) -> None:
    outbox.commit(Commit(totals=[TOTAL]), 0)
    with pytest.raises(PermanentError, match="UNIQUE"):
        outbox.commit(Commit(state={"stream:slag": 1}, totals=[TOTAL], released_to=5), 0)
    assert outbox.state("stream:") == {}
    assert outbox.meta("released_to") is None


def test_a_record_leaves_the_queue_on_its_receipt_only(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(record(1), 0), (record(2), 0)]), 0)
    assert outbox.depth().records == 2
    assert outbox.settle([record(1).id], [], now=7) == 1
    assert [one.sequence for one in outbox.queued(9, 9, newest=False)] == [2]
    assert outbox.depth().last_receipt == 7


def test_a_receipt_for_something_unknown_or_settled_changes_nothing(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(record(1), 0)]), 0)
    outbox.settle([record(1).id], [], now=7)
    assert outbox.settle([record(1).id, "f" * 32], [], now=8) == 0
    assert outbox.depth().last_receipt == 7


def test_a_refused_record_is_kept_with_its_reason(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(record(1), 0)]), 0)
    outbox.settle([], [(record(1).id, "conflict")], now=7)
    [line] = outbox.released(0, 100)
    assert (line.status, line.reason) == ("refused", "conflict")
    assert outbox.depth().records == 0


def test_records_wait_until_they_are_due_and_come_in_the_order_asked(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(record(n), 100 + n) for n in (1, 2, 3)]), 0)
    assert [one.sequence for one in outbox.queued(102, 9, newest=False)] == [1, 2]
    assert [one.sequence for one in outbox.queued(103, 2, newest=True)] == [3, 2]


def test_past_its_size_the_outbox_drops_the_oldest_and_says_so(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(record(n, size=1000), 0) for n in (1, 2, 3)]), 0)
    events = outbox.trim(OutboxPlan(max_age=10**9, max_bytes=4000), now=50)
    assert [one.sequence for one in outbox.queued(99, 9, newest=False)] == [2, 3]
    assert len(events) == 1
    assert outbox.depth().by_status == {"dropped": 1, "queued": 2}
    assert outbox.events()[0].kind == "record-dropped"


@pytest.mark.parametrize("size", [5_700, 30_000])
def test_what_waits_takes_no_more_of_the_disk_than_its_bound_and_the_log(
    tmp_path: Path, size: int
) -> None:
    bounds = OutboxPlan(max_age=10**9, max_bytes=1_000_000)
    with Outbox.open(tmp_path, 0) as outbox:
        for first in range(1, 4 * bounds.max_bytes // size, 20):
            numbers = range(first, first + 20)
            outbox.commit(Commit(records=[(record(n, size=size), 0) for n in numbers]), 0)
            outbox.trim(bounds, now=50)
        waiting = outbox.depth().records * size
        taken = outbox.storage(Reserve(tmp_path, 0)).bytes
    assert waiting > bounds.max_bytes / 4
    assert taken < 2 * bounds.max_bytes + 5_000_000


def test_past_its_age_in_the_queue_a_record_is_dropped_once(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(record(1), 0)]), 1000)
    outbox.commit(Commit(records=[(record(2), 0)]), 1020)
    bounds = OutboxPlan(max_age=15, max_bytes=10**9)
    assert outbox.trim(bounds, now=1015) == []
    [event] = outbox.trim(bounds, now=1030)
    assert record(1).id in event.detail
    assert outbox.trim(bounds, now=1030) == []


def test_a_corrupt_file_is_set_aside_and_a_new_one_started(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with Outbox.open(tmp_path, 0) as outbox:
        assert "damaged" in outbox.set_aside
        assert outbox.last_sequence() == 0
    assert list(tmp_path.glob("state.sqlite.damaged-*Z"))


def test_a_file_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    Outbox.open(tmp_path, 0).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(PermanentError, match="version 99"):
        Outbox.open(tmp_path, 0)


def test_a_full_disk_is_an_error_that_may_pass(outbox: Outbox) -> None:
    with outbox._database.look() as db:
        db.execute("PRAGMA max_page_count = 20")
    many = [(record(number, size=5_000), 0) for number in range(1, 100)]
    with pytest.raises(TransientError, match="free space"):
        outbox.commit(Commit(records=many), 0)
    assert outbox.depth().records == 0


def test_two_changes_join_to_what_one_after_the_other_makes() -> None:
    first = Commit({"a": 1, "b": 1}, [TOTAL], released_to=5)
    second = Commit({"b": 2}, records=[(record(1), 0)])
    joined = first.followed_by(second)
    assert joined.state == {"a": 1, "b": 2}
    assert joined.released_to == 5
    assert len(joined.totals) == len(joined.records) == 1


def without_series(tables: str) -> str:
    """Give the tables as they were before there were series, and messages for partners."""
    tables = tables.replace(",\n  sent INTEGER, parts TEXT", "")
    tables = tables[: tables.index("CREATE TABLE details")]
    first, rest = tables.split("CREATE TABLE series", 1)
    return first + rest[rest.index("CREATE TABLE events") :]


def test_a_file_of_the_first_version_is_brought_up_to_date_in_place(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as old:
        first, rest = LAYOUT.tables.split("  tickets INTEGER", 1)
        old.executescript(without_series(first + rest[rest.index("PRIMARY KEY (stream, start)") :]))
        old.execute("INSERT INTO totals VALUES ('slag',0,900,1.5,'t',0.9,0.1,NULL,'[]','{}')")
        old.execute("PRAGMA user_version = 1")
    old.close()
    plain = replace(TOTAL, marks=(), reasons={})
    later = replace(TOTAL, start=900, end=1800, tickets=4, aggregation="mean")
    later = replace(later, closing=7.5, spread=0.1, uncertainty=0.02)
    with Outbox.look_at(tmp_path) as outbox:
        assert outbox.windows.totals(0, 900) == [plain]
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.set_aside == ""
        outbox.commit(Commit(totals=[later]), 5)
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.windows.totals(0, 1800) == [plain, later]


def test_a_file_brought_up_to_date_has_the_columns_of_a_new_one(tmp_path: Path) -> None:
    columns = []
    for name, upgraded in (("new", False), ("old", True)):
        path = tmp_path / name
        with sqlite3.connect(path) as file:
            first, rest = LAYOUT.tables.split("  tickets INTEGER", 1)
            short = first + rest[rest.index("PRIMARY KEY (stream, start)") :]
            file.executescript(without_series(short) if upgraded else LAYOUT.tables)
            for number in sorted(LAYOUT.upgrades) if upgraded else ():
                file.executescript(str(LAYOUT.upgrades[number]))
            columns.append(
                [
                    file.execute(f"PRAGMA table_info({table})").fetchall()
                    for table in ("totals", "series", "records", "details")
                ]
            )
        file.close()
    assert columns[0] == columns[1]
