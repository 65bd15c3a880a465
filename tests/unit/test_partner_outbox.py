"""Messages for partners in the state file: order of drops, withdrawal, ends, upgrade, salvage."""

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent.disclosing.contracts import Contracts, name_of
from agent.disclosing.detail import Span, tell
from agent.disclosing.policy import Policy
from agent.disclosing.sealed_detail import DetailSealer, SealedDetail
from agent.keeping.outbox import FILE, Outbox
from agent.keeping.remake import remade, remake_details
from agent.keeping.room import FULL
from agent.keeping.tables import LAYOUT, Commit
from agent.measuring.total import Total
from config.plan import OutboxPlan
from gateway.partner_opening import Terms, open_detail
from gateway.reserve import Reserve
from tests.clikit import Call
from tests.partnerkit import contract, partner_key
from tests.plants import HOUR, MINUTE, START, plan, plant_key, sealer, streams, uplink
from tests.unit.test_load_partners import HUB, SHARED, TABLE
from tests.unit.test_withdraw import sealed

SLAG, DUST = (replace(one, share="partner") for one in streams())
BOTH = contract(streams={"slag": "a", "dust": "b"})
PLAN = replace(plan(), streams=(SLAG, DUST), partners=(BOTH,))
SEALING = DetailSealer(plant_key(), uplink())
KEY = partner_key().public.fingerprint


def detail(hour: int = 0) -> SealedDetail:
    start = START + hour * HOUR
    totals = {
        name: [Total(name, start, start + 15 * MINUTE, 1.0, "t", 1.0, 0.0, None, (), {})]
        for name in ("slag", "dust")
    }
    span = Span(start, start + HOUR, 15 * MINUTE)
    told = tell(BOTH, (SLAG, DUST), totals, span, {}, Policy())
    return SEALING.seal(BOTH, span.start, span.end, told.streams, told.labels, told.steps)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path, 0)


def filled(outbox: Outbox, count: int, records: int = 0) -> list[SealedDetail]:
    made = [detail(hour) for hour in range(count)]
    kept = [(sealed(hour), 0) for hour in range(1, records + 1)]
    outbox.commit(Commit(records=kept, details=[(one, 0) for one in made]), 0)
    return made


def waiting(outbox: Outbox) -> list[str]:
    return [one.id for one in outbox.details.queued(1, 10**6)]


def statuses(outbox: Outbox) -> list[str]:
    return [one.status for one in outbox.details.released(0, 2**62)]


def labels(outbox: Outbox) -> list[list[str]]:
    terms = Terms((plant_key().public,))
    found = [
        open_detail(one.payload, partner_key(), terms)[0] for one in outbox.details.queued(1, 9)
    ]
    return [[stream.label for stream in one.streams] for one in found]


def test_a_message_waits_until_the_broker_has_it_for_somebody(outbox: Outbox) -> None:
    [one] = filled(outbox, 1)
    [queued] = outbox.details.queued(0, 9)
    assert (queued.id, queued.pseudonym, queued.payload) == (one.id, KEY, one.payload)
    assert outbox.details.queued(0, 9, [KEY]) == []
    assert outbox.details.depth().untried == (KEY,)
    assert outbox.details.sending(queued, 1)
    assert outbox.details.depth().untried == ()
    assert waiting(outbox) == [one.id]
    outbox.details.settle(one.id, 5)
    assert waiting(outbox) == []
    [line] = outbox.details.released(0, 2**62)
    assert (line.status, line.settled, line.text) == ("sent", 5, one.plain)
    assert not outbox.details.sending(queued, 6)


def test_of_what_waits_partners_messages_go_before_any_record_oldest_first(outbox: Outbox) -> None:
    made = filled(outbox, 5, records=5)
    with outbox._database.look() as db:
        row = db.execute("SELECT length(payload) + length(plain) + length(steps) FROM details")
        size = row.fetchone()[0] + 600
        rows = db.execute("SELECT length(payload) + length(plain) + length(steps) FROM records")
        records = sum(found[0] + 600 for found in rows)
    events = outbox.trim(OutboxPlan(10**18, records + 2 * size + 900), 9)
    assert waiting(outbox) == [one.id for one in made[-2:]]
    assert outbox.depth().records == 5
    assert [event.kind for event in events] == ["partner-dropped"]
    assert outbox.depth().messages_dropped == 3
    events = outbox.trim(OutboxPlan(10**18, records // 2), 10)
    assert outbox.details.depth().waiting == 0
    assert 0 < outbox.depth().records < 5
    assert {event.kind for event in events} == {"partner-dropped", "record-dropped"}
    assert outbox.depth().messages_dropped == 5


def test_messages_older_than_the_bound_are_dropped(outbox: Outbox) -> None:
    filled(outbox, 2)
    assert len(outbox.trim(OutboxPlan(100, 10**9), 101)) == 1
    assert statuses(outbox) == ["dropped", "dropped"]


def test_on_a_full_disk_settled_detail_goes_first_then_waiting_messages_records_last(
    outbox: Outbox,
) -> None:
    made = filled(outbox, 12, records=12)
    for one in made[:6]:
        outbox.details.settle(one.id, 1)
    outbox.settle([record.id for record, _ in [(sealed(hour), 0) for hour in range(1, 7)]], [], 1)
    before = outbox._database.room()
    # A little room: the text of settled messages alone.
    outbox.give_way(before + 4096, 9)
    log = outbox.details.released(0, 2**62)
    assert [bool(one.plain) for one in log] == [False] * 6 + [True] * 6
    assert all(line.plain for line in outbox.released(0, 2**62))
    events = outbox.give_way(10**9, 9)
    assert {event.kind for event in events} == {
        "detail-dropped", "partner-dropped", "record-dropped",
    }  # fmt: skip
    order = [event.kind for event in outbox.events(100)][::-1]
    assert order.index("partner-dropped") < order.index("record-dropped")
    assert statuses(outbox) == ["sent"] * 6 + ["dropped"] * 6
    assert {one.reason for one in outbox.details.released(0, 2**62)} == {"", FULL}
    assert outbox.depth().by_status == {"receipted": 6, "dropped": 6}
    assert outbox.storage(Reserve(outbox.directory, 0)).details_dropped == 12


def test_a_withdrawn_stream_leaves_waiting_messages_and_the_others_stay(outbox: Outbox) -> None:
    made = filled(outbox, 2)
    sent = outbox.details.queued(1, 1)[0]
    assert outbox.details.sending(sent, 1)
    assert labels(outbox) == [["a", "b"], ["a", "b"]]
    outbox.withdrawals.take_back("slag", 2)
    held, events = outbox.withhold(2)
    assert (held.remade, held.ended, [event.kind for event in events]) == (
        1, 1, ["record-withdrawn"],
    )  # fmt: skip
    assert waiting(outbox) == []
    remake_details(outbox, Contracts(PLAN, SEALING, outbox.ended))
    assert waiting(outbox) == [made[1].id]
    assert labels(outbox) == [["b"]]
    [old, new] = outbox.details.released(0, 2**62)
    assert (old.status, new.status) == ("withdrawn", "queued")
    assert [(s.subject, s.stopped) for s in new.steps if s.name == "consent"] == [
        ("slag", True), ("dust", False),
    ]  # fmt: skip
    assert [step.name for step in new.steps[-3:]] == ["pad", "sign", "seal"]
    assert len(outbox.details.queued(1, 9)[0].payload) == len(made[1].payload)
    assert not outbox.details.sending(sent, 3)


def test_a_message_made_before_and_committed_after_a_withdrawal_is_held_back(
    outbox: Outbox,
) -> None:
    outbox.withdrawals.take_back("dust", 0)
    filled(outbox, 1)
    assert waiting(outbox) == []
    remake_details(outbox, Contracts(PLAN, SEALING, outbox.ended))
    assert labels(outbox) == [["a"]]


def test_an_ended_contract_and_one_that_is_no_more_take_what_waits_with_them(
    outbox: Outbox,
) -> None:
    filled(outbox, 2)
    known = [name_of(BOTH)]
    assert outbox.details.end({}, known, 1) == []
    assert outbox.details.depth().by_partner == {name_of(BOTH): 2}
    [event] = outbox.details.end({name_of(BOTH): "ended at noon"}, known, 1)
    assert event.kind == "partner-ended"
    assert statuses(outbox) == ["ended", "ended"]
    assert outbox.details.released(0, 2**62)[0].reason == "ended at noon"
    more = detail(5)
    outbox.commit(Commit(details=[(more, 0)]), 0)
    assert len(outbox.details.end({}, [], 2)) == 1


def test_what_a_clock_that_was_ahead_told_makes_way_and_stays_in_the_log(outbox: Outbox) -> None:
    filled(outbox, 3)
    outbox.commit(Commit(aside=(START + HOUR, START + HOUR), details=[(detail(1), 0)]), 7)
    assert statuses(outbox) == ["queued", "dropped", "queued", "dropped"]
    assert len(waiting(outbox)) == 2


def test_a_message_that_is_committed_twice_stands_once(outbox: Outbox) -> None:
    one = detail()
    outbox.commit(Commit(details=[(one, 0)]), 0)
    outbox.commit(Commit(details=[(detail(), 0)]), 0)
    [queued] = outbox.details.queued(1, 9)
    assert queued.payload == one.payload


def test_a_file_of_before_is_read_as_it_is_and_brought_up_to_date(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as old:
        old.executescript(LAYOUT.tables[: LAYOUT.tables.index("CREATE TABLE details")])
        old.execute("PRAGMA user_version = 7")
    old.close()
    with Outbox.look_at(tmp_path) as looking:
        assert looking.details.released(0, 2**62) == []
        assert looking.depth().messages == 0
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.set_aside == ""
        filled(outbox, 1)
    with Outbox.open(tmp_path, 0) as outbox:
        assert outbox.depth().messages == 1


def test_messages_are_saved_from_a_damaged_file(tmp_path: Path) -> None:
    with Outbox.open(tmp_path, 0) as outbox:
        made = filled(outbox, 3)
        outbox.renew("damaged", 1, 7)
        assert waiting(outbox) == [one.id for one in made]


def test_records_are_still_made_again_beside_messages(outbox: Outbox) -> None:
    filled(outbox, 1, records=1)
    outbox.withdrawals.take_back("slag", 1)
    assert outbox.withhold(1)[0].remade == 2
    [record] = outbox.unmade()
    outbox.remade(remade(sealer(), record, outbox.withdrawals()))
    assert outbox.unmade() == []


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a plant file with a contract, and a state with a message that waits for it."""
    path = tmp_path / "plant.toml"
    path.write_text(SHARED + HUB + TABLE)
    with Outbox.open(tmp_path / "state", 0) as outbox:
        outbox.commit(Commit(records=[(sealed(), 0)], details=[(detail(), 0)]), 0)
    return path


def test_a_contract_is_ended_and_goes_on_by_command(call: Call, file: Path) -> None:
    [one] = json.loads(call("partner", "list", file, "--json").out)
    assert (one["state"], one["waiting"]) == ("in force", 1)
    said = json.loads(call("partner", "end", "cement", file, "--json").out)
    assert said == {"partner": "cement", "ended": True, "held_back": 1}
    [one] = json.loads(call("partner", "list", file, "--json").out)
    assert (one["state"].startswith("ended at 20"), one["waiting"]) == (True, 0)
    with Outbox.look_at(file.parent / "state") as outbox:
        assert list(outbox.ended()) == [name_of(contract())]
        assert "partner-ended" in {event.kind for event in outbox.events()}
    said = call("partner", "end", "cement", file, "--undo")
    assert "goes on as the plant file says." in said.out
    assert json.loads(call("partner", "list", file, "--json").out)[0]["state"] == "in force"
    assert "was not ended" in call("partner", "end", "cement", file, "--undo").out


def test_a_partner_that_is_not_there_cannot_be_ended(call: Call, file: Path) -> None:
    said = call("partner", "end", "cemetn", file)
    assert (said.code, "did you mean `cement`?" in said.err) == (1, True)


def test_the_release_log_shows_messages_and_finds_them_by_partner_and_stream(
    call: Call, file: Path
) -> None:
    plain = call("released", file, "--plain").out.splitlines()
    with Outbox.look_at(file.parent / "state") as outbox:
        assert plain[1:] == [outbox.details.released(0, 2**62)[0].text]
    for named in ("cement", KEY):
        assert call("released", file, "--partner", named, "--plain").out.splitlines() == plain[1:]
    assert call("released", file, "--partner", "other", "--plain").out == ""
    [one] = json.loads(call("released", file, "--partner", "cement", "--json").out)
    assert (one["streams"], one["detail"]["contract"]) == ({"slag": "a", "dust": "b"}, "2026-17")
    both = json.loads(call("released", file, "--json", "--stream", "slag").out)
    assert [("record" in line, "detail" in line) for line in both] == [(True, False), (False, True)]
    shown = call("released", file, "--steps").out
    assert "Messages to partners" in shown
    assert "1 t in 4 windows" in shown
    assert "contract" in shown
