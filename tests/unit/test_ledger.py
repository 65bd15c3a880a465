"""The ledger: each record once, durably, and a receipt for every copy."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.errors import PermanentError, TransientError
from config.hub_plan import HubLimits
from gateway.database import CorruptError
from gateway.hub.database import DamagedError, Database
from gateway.hub.intake import Gate
from gateway.hub.ledger import Draft, Ledger
from gateway.hub.resheeting import FORMER
from gateway.hub.schema import SHEETS, TABLES
from tests.hubkit import HOUR, MONDAY, Plant, figure, gate, plant

NOW = MONDAY + 5 * HOUR
ONE, TWO = plant(1), plant(2)
LIMITS = HubLimits(quarantine_rows=5, quarantine_bytes=100)
GATE = gate(ONE, TWO, limits=LIMITS)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "ledger.db", NOW)
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database, LIMITS)


def take(ledger: Ledger, *messages: tuple[Plant, bytes], at: Gate = GATE) -> dict[str, Draft]:
    return ledger.store([at.judge(one.topic, payload, NOW) for one, payload in messages], NOW)


def number(database: Database, query: str) -> int:
    with database.look() as cursor:
        return int(cursor.execute(query).fetchone()[0])


def test_a_receipt_names_what_is_stored_and_the_highest_sequence(ledger: Ledger) -> None:
    first = ONE.content(sequence=7)
    second = ONE.content(MONDAY + HOUR, sequence=3)
    drafts = take(ledger, (ONE, ONE.seal(first)), (ONE, ONE.seal(second)))
    assert drafts == {ONE.pseudonym: Draft([first["id"], second["id"]], [], 7)}


def test_a_duplicate_is_stored_once_and_gets_its_receipt_again(
    ledger: Ledger, database: Database
) -> None:
    content = ONE.content(figures=[figure(1.0, "10 09 03")])
    first = take(ledger, (ONE, ONE.seal(content)))
    again = take(ledger, (ONE, ONE.seal(content)), (ONE, ONE.seal(content)))
    assert first[ONE.pseudonym].stored == [content["id"]]
    assert again[ONE.pseudonym].stored == [content["id"]] * 2
    assert number(database, "SELECT count(*) FROM records") == 1
    assert number(database, "SELECT count(*) FROM figures") == 1
    assert number(database, "SELECT value FROM counters WHERE name = 'duplicates'") == 2


def test_the_same_id_with_other_content_is_a_conflict_and_changes_nothing(
    ledger: Ledger, database: Database
) -> None:
    take(ledger, (ONE, ONE.record(figures=[figure(1.0, "10")])))
    other = ONE.content(figures=[figure(2.0, "10")])
    drafts = take(ledger, (ONE, ONE.seal(other)))
    assert drafts[ONE.pseudonym].refused == [(other["id"], "conflict")]
    assert drafts[ONE.pseudonym].stored == []
    assert number(database, "SELECT sum(quantity) FROM figures") == 1
    assert number(database, "SELECT count(*) FROM quarantine WHERE reason = 'conflict'") == 1


@pytest.mark.parametrize("before", [{}, {"run": 5}])
def test_a_window_made_again_by_a_plant_that_lost_its_memory_is_told_and_the_first_stands(
    ledger: Ledger, database: Database, before: dict[str, int]
) -> None:
    take(ledger, (ONE, ONE.record(figures=[figure(1.0, "10")], **before)))
    again = ONE.content(figures=[figure(2.0, "10")], run=6)
    drafts = take(ledger, (ONE, ONE.seal(again)))
    assert drafts[ONE.pseudonym] == Draft([], [(again["id"], "remade")], 0)
    assert number(database, "SELECT sum(quantity) FROM figures") == 1
    assert number(database, "SELECT count(*) FROM quarantine") == 0
    assert number(database, "SELECT value FROM counters WHERE name = 'remade'") == 1


@pytest.mark.parametrize(("before", "after"), [({"run": 6}, {"run": 6}), ({"run": 6}, {})])
def test_other_content_in_the_same_run_or_in_none_stays_a_conflict(
    ledger: Ledger, before: dict[str, int], after: dict[str, int]
) -> None:
    take(ledger, (ONE, ONE.record(figures=[figure(1.0, "10")], **before)))
    other = ONE.content(figures=[figure(2.0, "10")], **after)
    drafts = take(ledger, (ONE, ONE.seal(other)))
    assert drafts[ONE.pseudonym].refused == [(other["id"], "conflict")]


def test_missing_sequences_are_counted_within_each_run(ledger: Ledger, database: Database) -> None:
    sent = [(7, {}), (9, {}), (1, {"run": 6}), (2, {"run": 6}), (5, {"run": 6})]
    for hour, (sequence, run) in enumerate(sent):
        start = MONDAY + hour * HOUR - 12 * HOUR
        drafts = take(ledger, (ONE, ONE.record(start, sequence=sequence, **run)))
    assert drafts[ONE.pseudonym].sequence == 5
    missing = "SELECT sum(last - first + 1 - records) FROM senders"
    assert number(database, missing) == 1 + 2


@pytest.mark.parametrize("together", [True, False])
def test_a_sender_s_last_window_is_the_latest_in_whatever_order_records_come(
    ledger: Ledger, database: Database, together: bool
) -> None:
    sent = [(ONE, ONE.record(MONDAY + hour * HOUR, sequence=hour + 1)) for hour in (1, 3, 0)]
    for some in [sent] if together else [[one] for one in sent]:
        take(ledger, *some)
    with database.look() as cursor:
        rows = cursor.execute('SELECT first, last, records, "end" FROM senders').fetchall()
    assert [tuple(row) for row in rows] == [(1, 4, 3, MONDAY + 4 * HOUR)]


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as old:
        first = TABLES.replace("run INTEGER NOT NULL, ", "").replace(
            '"end" INTEGER NOT NULL, PRIMARY KEY (plant, run)',
            '"end" INTEGER NOT NULL, PRIMARY KEY (plant)',
        )
        first = first.replace(", told REAL, noise REAL, magnitude TEXT", "")
        first = first.partition("CREATE TABLE magnitudes")[0]
        rows = f"CREATE TABLE figures ({FORMER}) STRICT, WITHOUT ROWID;"
        first = first.replace(SHEETS, rows)
        old.executescript(f"{first} PRAGMA user_version = 1;")
        old.execute("INSERT INTO senders VALUES ('p', 'plant 1', 'ab', 1, 9, 8, 5, 6)")
        old.commit()
    with closing(Database.open(path, NOW)) as opened:
        assert opened.set_aside == ""
        assert number(opened, "SELECT last FROM senders WHERE plant = 'p' AND run = 0") == 9
        drafts = take(Ledger(opened, LIMITS), (ONE, ONE.record(run=6, sequence=4)))
    assert drafts[ONE.pseudonym].sequence == 4


def test_a_refused_record_of_a_member_is_named_and_a_stranger_s_is_not(ledger: Ledger) -> None:
    wrong = ONE.content(length=5 * HOUR)
    stranger = plant(9)
    drafts = take(ledger, (ONE, ONE.seal(wrong)), (stranger, stranger.record()))
    assert drafts == {ONE.pseudonym: Draft([], [(wrong["id"], "bad-window")], 0)}


def test_the_quarantine_is_bounded_in_rows_and_bytes_and_counts_what_it_drops(
    ledger: Ledger, database: Database
) -> None:
    for _ in range(4):
        take(ledger, *[(ONE, b"\xff" * 1000)] * 4)
    assert number(database, "SELECT count(*) FROM quarantine") == 5
    assert number(database, "SELECT max(length(payload)) FROM quarantine") == 100
    assert number(database, "SELECT min(size) FROM quarantine") == 1000
    assert number(database, "SELECT value FROM counters WHERE name='quarantine-dropped'") == 11
    assert number(database, "SELECT value FROM counters WHERE name='quarantined:malformed'") == 16


def test_a_topic_that_is_no_text_for_a_file_is_quarantined(ledger: Ledger) -> None:
    ledger.store([GATE.judge("records/\ud800", b"{}", NOW)], NOW)


def test_the_highest_revision_of_an_undecided_window_counts(
    ledger: Ledger, database: Database
) -> None:
    for revision, quantity in ((1, 20.0), (0, 10.0), (2, 30.0)):
        figures = [figure(quantity, "10")]
        take(ledger, (ONE, ONE.record(figures=figures, revision=revision)))
    assert number(database, "SELECT sum(quantity) FROM figures WHERE superseded = 0") == 30
    assert number(database, "SELECT count(*) FROM records") == 3


def test_windows_that_begin_or_end_together_stand_beside_each_other(
    ledger: Ledger, database: Database
) -> None:
    for start, length in ((0, 2), (0, 1), (1, 1), (0, 3)):
        sent = ONE.record(MONDAY + start * HOUR, figures=[figure(10.0, "10")], length=length * HOUR)
        assert take(ledger, (ONE, sent))[ONE.pseudonym].stored
    assert number(database, "SELECT sum(quantity) FROM figures WHERE superseded = 0") == 40


def test_a_revision_of_a_decided_window_is_kept_and_not_counted(
    ledger: Ledger, database: Database
) -> None:
    take(ledger, (ONE, ONE.record(figures=[figure(10.0, "10")])))
    with database.change() as cursor:
        cursor.execute("UPDATE sheets SET counted = start")
    drafts = take(ledger, (ONE, ONE.record(figures=[figure(99.0, "10")], revision=1)))
    assert len(drafts[ONE.pseudonym].stored) == 1
    assert number(database, "SELECT sum(quantity) FROM figures WHERE superseded = 0") == 10


def test_a_pseudonym_is_known_once_a_record_under_it_is_stored(ledger: Ledger) -> None:
    assert ledger.member_of(ONE.pseudonym) is None
    take(ledger, (ONE, ONE.record()))
    assert ledger.member_of(ONE.pseudonym) == "plant 1"


def test_a_batch_that_fails_leaves_nothing_behind(ledger: Ledger, database: Database) -> None:
    with database.change() as cursor:
        cursor.execute("DROP TABLE pseudonyms")
    with pytest.raises(TransientError):
        take(ledger, (ONE, ONE.record()))
    assert number(database, "SELECT count(*) FROM records") == 0


def test_a_damaged_ledger_is_left_where_it_is_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    junk = b"not a database, though long enough to be looked at" * 100
    path.write_bytes(junk)
    for _ in range(2):
        with pytest.raises(DamagedError, match="not a database") as refused:
            Database.open(path, NOW)
        assert "sidestream hub restore" in refused.value.mend
    assert path.read_bytes() == junk
    assert list(tmp_path.glob("ledger.db.damaged-*")) == []


def test_a_ledger_that_was_set_aside_and_not_yet_replaced_is_not_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    aside = path.with_name("ledger.db.damaged-2026-03-02T000000Z")
    aside.write_bytes(b"not a database" * 500)
    with pytest.raises(DamagedError, match="damaged"):
        Database.open(path, NOW)
    assert not path.exists()


def test_a_page_that_rots_is_found_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(Database.open(path, NOW)) as database:
        ledger = Ledger(database, LIMITS)
        for hour in range(5):
            take(ledger, (ONE, ONE.record(MONDAY + hour * HOUR, figures=[figure(1.0, "10")] * 40)))
    rotten = bytearray(path.read_bytes())
    rotten[4096 * 3 : 4096 * 12] = b"\xa5" * 4096 * 9
    path.write_bytes(rotten)
    with pytest.raises(DamagedError):
        Database.open(path, NOW)
    assert path.read_bytes() == bytes(rotten)


def test_damage_seen_while_running_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(Database.open(path, NOW)) as database:
        take(Ledger(database, LIMITS), (ONE, ONE.record()))
    with closing(Database.open(path, NOW)) as database:
        path.write_bytes(b"\xa5" * path.stat().st_size)
        with database.look() as cursor:
            cursor.execute("PRAGMA shrink_memory")
        with pytest.raises(CorruptError):
            number(database, "SELECT count(*) FROM figures")


def test_a_ledger_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(PermanentError, match="version 99"):
        Database.open(path, NOW)
    assert list(tmp_path.glob("*.damaged*")) == []


_WRITER = """
import sys
from pathlib import Path
from gateway.hub.database import Database
from gateway.hub.ledger import Ledger
from config.hub_plan import HubLimits
from tests.hubkit import HOUR, MONDAY, figure, gate, plant
one, now = plant(1), MONDAY + 9_000 * HOUR
ledger = Ledger(Database.open(Path(sys.argv[1]), now), HubLimits())
judge = gate(one).judge
sequence = int(sys.argv[2])
while True:
    batch = [
        judge(one.topic, one.record(MONDAY + n * HOUR, sequence=n, figures=[figure(n, "10")]), now)
        for n in range(sequence, sequence + 5)
    ]
    for draft in ledger.store(batch, now).values():
        print(*draft.stored, sep="\\n", flush=True)
    sequence += 5
"""


def test_all_that_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    path, told = tmp_path / "ledger.db", set[str]()
    for round_ in range(4):
        command = [sys.executable, "-c", _WRITER, str(path), str(1 + round_ * 1000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20 + 7 * round_):
                told.add(writer.stdout.readline().strip())
            writer.send_signal(signal.SIGKILL)
            told.update(line.strip() for line in writer.stdout if line.endswith("\n"))
    with closing(Database.open(path, NOW)) as database, database.look() as cursor:
        assert database.meta("set_aside") is None
        kept = {row[0] for row in cursor.execute("SELECT id FROM records")}
        whole = cursor.execute("SELECT count(*), count(DISTINCT record) FROM figures").fetchone()
    assert len(told) > 100
    assert told <= kept
    assert tuple(whole) == (len(kept), len(kept))
