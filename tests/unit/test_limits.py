"""Limits of the ledger: what one member can make it hold, and what the hub file may say of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.hub import load_hub
from config.hub_plan import HubLimits
from gateway.hub.database import Database
from gateway.hub.ledger import Draft, Ledger
from gateway.hub.status import HubStatus, summary
from tests.hubkit import HOUR, MONDAY, Plant, figure, gate, hub_plan, plant

NOW = MONDAY + 20 * HOUR
DAY = 24 * HOUR
ONE, TWO = plant(1), plant(2)
GATE = gate(ONE, TWO)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(tmp_path / "ledger.db", NOW)
    yield opened
    opened.close()


def send(
    database: Database, limits: HubLimits, one: Plant, hours: range, now: int = NOW
) -> list[str]:
    """Send an hourly record each; gives what was stored."""
    contents = [
        one.content(MONDAY + hour * HOUR, figures=[figure(1.0)], sequence=hour + 1)
        for hour in hours
    ]
    verdicts = [GATE.judge(one.topic, one.seal(content), now) for content in contents]
    drafts = Ledger(database, limits).store(verdicts, now)
    return drafts.get(one.pseudonym, Draft()).stored


def status(database: Database, tmp_path: Path) -> HubStatus:
    with database.look() as cursor:
        return summary(cursor, hub_plan(tmp_path, ONE, TWO), None)


def test_a_member_beyond_its_day_is_not_stored_nor_told_and_may_send_again_the_next(
    database: Database, tmp_path: Path
) -> None:
    limits = HubLimits(daily_records=3)
    assert len(send(database, limits, ONE, range(5))) == 3
    assert send(database, limits, ONE, range(3, 5)) == []
    assert len(send(database, limits, TWO, range(3))) == 3
    assert len(send(database, limits, ONE, range(3))) == 3, "repeats cost nothing"
    assert status(database, tmp_path).limited == {"plant 1": 4}
    assert len(send(database, limits, ONE, range(3, 5), NOW + DAY)) == 2
    assert status(database, tmp_path).records == 8


def test_the_content_of_a_day_is_bounded_across_restarts(
    database: Database, tmp_path: Path
) -> None:
    size = len(GATE.judge(ONE.topic, ONE.record(), NOW).content)  # type: ignore[union-attr]
    limits = HubLimits(daily_bytes=4 * size)
    stored = [send(database, limits, ONE, range(hour, hour + 1)) for hour in range(8)]
    assert 2 <= sum(map(len, stored)) <= 4
    assert not stored[-1]


def test_one_sender_s_junk_does_not_push_out_another_s(database: Database) -> None:
    limits = HubLimits(quarantine_rows=50, quarantine_each=10)
    ledger = Ledger(database, limits)
    ledger.store([GATE.judge(TWO.topic, b"junk", NOW, "plant 2")], NOW)
    for _ in range(20):
        ledger.store([GATE.judge(ONE.topic, b"junk", NOW, "plant 1")] * 10, NOW)
        ledger.store([GATE.judge("x/y", b"junk", NOW)] * 10, NOW)
    with database.look() as cursor:
        query = "SELECT member, count(*) FROM quarantine GROUP BY member ORDER BY member"
        assert [tuple(row) for row in cursor.execute(query)] == [
            (None, 10), ("plant 1", 10), ("plant 2", 1),
        ]  # fmt: skip
        counted = dict(cursor.execute("SELECT name, value FROM counters").fetchall())
    assert counted["quarantine-dropped"] == 380
    assert counted["quarantined:malformed"] + counted["quarantined:misaddressed"] == 401


def test_the_quarantine_forgets_with_age(database: Database) -> None:
    ledger, limits = Ledger(database, HubLimits()), HubLimits()
    junk = GATE.judge(ONE.topic, b"junk", NOW)
    ledger.store([junk], NOW)
    ledger.store([], NOW + limits.quarantine_age - DAY)
    with database.look() as cursor:
        assert cursor.execute("SELECT count(*) FROM quarantine").fetchone()[0] == 1
    ledger.store([], NOW + limits.quarantine_age + DAY)
    with database.look() as cursor:
        assert cursor.execute("SELECT count(*) FROM quarantine").fetchone()[0] == 0


def test_counts_that_no_number_holds_leave_the_status_standing(
    database: Database, tmp_path: Path
) -> None:
    with database.change() as cursor:
        cursor.executemany(
            "INSERT INTO senders VALUES ('p', ?, 'plant 1', 'x', 1, ?, 2, ?, ?)",
            [(run, 2**53 - 1, NOW, NOW) for run in range(1100)],
        )
    found = status(database, tmp_path).members[0]
    assert (found.records, found.gaps) == (2200, 9 * 10**15)


def test_messages_that_were_not_looked_at_are_counted_by_sender(
    database: Database, tmp_path: Path
) -> None:
    ledger = Ledger(database, HubLimits())
    ledger.store([], NOW, {"plant 1": 7, "": 2})
    ledger.store([], NOW, {"plant 1": 1})
    assert status(database, tmp_path).limited == {"plant 1": 8, "": 2}


BASE = '[hub]\ncluster = "ora"\nbroker = "mqtts://hub"\nkey_file = "hub.pem"\n'


def test_the_limits_of_the_hub_file_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(BASE)
    assert load_hub(path, {}).limits == HubLimits()
    path.write_text(f'{BASE}[limits]\nrate = 5\ndaily_megabytes = 1.5\noldest = "10 d"\n')
    expected = replace(HubLimits(), rate=5.0, daily_bytes=1_500_000, oldest=10 * DAY)
    assert load_hub(path, {}).limits == expected
    path.write_text(f"{BASE}[limits]\nrate = 0\n")
    with pytest.raises(ConfigError):
        load_hub(path, {})
