"""Withdrawals: a file that wins, what becomes of records that wait, and what is told."""

import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.errors import PermanentError
from agent.disclosing.figure import Figure, Part, disclose
from agent.disclosing.magnitude import Ordered
from agent.disclosing.parts import Parts, read, written
from agent.disclosing.policy import EVERY, Policy, Step
from agent.disclosing.record import SealedRecord
from agent.disclosing.withdrawals import FILE, Withdrawals, leaving
from agent.keeping.outbox import Outbox
from agent.keeping.remake import remade
from agent.keeping.tables import Commit, Unmade
from agent.measuring.total import Total
from tests.clikit import Call, write_state
from tests.plants import HOUR, START, sealer, streams

SLAG, DUST = ("material", "10 09 03", "surplus", "t"), ("material", "10 09 10", "surplus", "t")


def part(stream: str, code: str, quantity: float) -> Part:
    figure = Figure("material", code, None, "surplus", "t", quantity, 1.0, 0.0, ("reset",))
    return Part(stream, figure, 3)


PARTS = Parts(
    (part("slag", "10 09 03", 1.0), part("dust", "10 09 10", 2.0), part("more", "10 09 03", 4.0)),
    ((Ordered(SLAG, 3), ("more", "slag")), (Ordered(DUST, 2), ("dust",))),
)


def sealed(number: int = 1, parts: Parts = PARTS) -> SealedRecord:
    steps = tuple(Step("consent", name, "share is cluster") for name in ("slag", "dust", "more"))
    start = START + number * HOUR
    figures = [one.figure for one in parts.figures]
    return sealer().seal(start, start + HOUR, number, figures, steps, parts=parts)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path, 0)


def test_parts_are_read_as_they_were_written() -> None:
    assert read(written(PARTS)) == PARTS
    assert read(written(Parts())) == Parts()
    assert PARTS.streams == {"slag", "dust", "more"}


def test_a_withdrawn_stream_is_known_at_once_and_to_a_new_reader_too(tmp_path: Path) -> None:
    known = Withdrawals(tmp_path)
    assert known() == {}
    Withdrawals(tmp_path).take_back("slag", START)
    assert known() == {"slag": "withdrawn at 2026-03-01T00:00:00Z"}
    Withdrawals(tmp_path).take_back("dust", START + HOUR)
    assert set(known()) == {"slag", "dust"}
    assert Withdrawals(tmp_path).undo("slag")
    assert not Withdrawals(tmp_path).undo("slag")
    assert set(known()) == {"dust"}


def test_whoever_withdraws_leaves_a_file_that_the_agent_can_read(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        Withdrawals(tmp_path / "state").take_back("slag", START)
    finally:
        os.umask(before)
    [file] = (tmp_path / "state").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


@pytest.mark.parametrize("text", ["", "[]", '{"slag": 1}', "{"])
def test_withdrawals_that_cannot_be_read_let_nothing_leave(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    known = Withdrawals(tmp_path)
    assert set(known()) == {EVERY}
    total = [Total("slag", at, at + 1, 1.0, "t", 1.0, 0.0, None, (), {}) for at in range(4)]
    assert disclose(streams(), {"slag": total}, 4, rules=Policy(withdrawn=known())).figures == ()
    with pytest.raises(PermanentError, match="nothing leaves"):
        known.take_back("slag", 0)


def test_nothing_is_sent_while_withdrawals_cannot_be_read(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(sealed(), 0)]), 0)
    waiting = outbox.queued(1, 9, newest=False)
    (outbox.directory / FILE).write_text("{")
    assert outbox.sending(waiting, 1) == []
    (outbox.directory / FILE).unlink()
    assert outbox.sending(waiting, 1) == waiting


def test_a_record_that_was_never_sent_is_made_again_without_the_stream(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(sealed(), 0)]), 0)
    [old] = outbox.queued(1, 9, newest=False)
    outbox.withdrawals.take_back("slag", START)
    held, events = outbox.withhold(1)
    assert (held.remade, held.ended, events) == (1, 0, [])
    assert outbox.queued(1, 9, newest=False) == []
    assert outbox.sending([old], 1) == []
    [waiting] = outbox.unmade()
    outbox.remade(remade(sealer(), waiting, outbox.withdrawals()))
    assert outbox.unmade() == []
    [new] = outbox.queued(1, 9, newest=False)
    assert (new.id, new.sequence, new.due, len(new.payload)) == (
        old.id, old.sequence, old.due, len(old.payload),
    )  # fmt: skip
    [line] = outbox.released(0, 2**62)
    figures = {figure["code"]: figure["quantity"] for figure in line.plain["figures"]}
    assert figures == {"10 09 03": 4.0, "10 09 10": 2.0}
    assert [one["code"] for one in line.plain["magnitudes"]] == ["10 09 10"]
    stopped = [step.subject for step in line.steps if step.stopped]
    assert stopped == ["slag"]
    assert outbox.withhold(2)[0].remade == 0


def test_a_record_that_was_sent_is_neither_sent_nor_made_again(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(sealed(), 0)]), 0)
    [record] = outbox.sending(outbox.queued(1, 9, newest=False), 1)
    outbox.withdrawals.take_back("dust", START)
    held, events = outbox.withhold(2)
    assert (held.remade, held.ended) == (0, 1)
    assert [event.kind for event in events] == ["record-withdrawn"]
    assert outbox.unmade() == []
    assert outbox.sending([record], 3) == []
    assert outbox.left("dust") == [(record.start, record.end)]
    assert outbox.settle([record.id], [], 4) == 1
    assert outbox.released(0, 2**62)[0].status == "receipted"


def test_a_record_without_the_stream_is_left_as_it_is(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(sealed(), 0)]), 0)
    outbox.withdrawals.take_back("water", START)
    assert outbox.withhold(1)[0].remade == 0
    assert len(outbox.queued(1, 9, newest=False)) == 1


def test_a_record_that_was_made_before_and_committed_after_is_held_back(outbox: Outbox) -> None:
    record = sealed()
    outbox.withdrawals.take_back("slag", START)
    outbox.commit(Commit(records=[(record, 0)]), 0)
    assert outbox.queued(1, 9, newest=False) == []
    assert len(outbox.unmade()) == 1


def test_a_record_of_an_older_program_that_waits_is_given_up(outbox: Outbox) -> None:
    outbox.commit(Commit(records=[(sealed(), 0)]), 0)
    with outbox._database.change() as db:
        db.execute("UPDATE records SET parts = NULL")
    outbox.withdrawals.take_back("slag", START)
    assert outbox.withhold(1)[0].ended == 1


def test_a_record_made_again_is_what_the_policy_would_have_made() -> None:
    totals = {
        name: [
            Total(name, START + at, START + at + 1, quantity, "t", 1.0, 0.0, None, (), {})
            for at in range(4)
        ]
        for name, quantity in (("slag", 1.25), ("dust", 2.5))
    }
    plans = [replace(one, code="10 09 03", significant=2) for one in streams()]
    whole, rules = disclose(plans, totals, 4), Policy(withdrawn={"slag": "withdrawn"})
    part_ = disclose(plans, totals, 4, rules=rules)
    record = Unmade(3, START, START + HOUR, 7, Parts(whole.parts), whole.steps)
    again = remade(sealer(), record, rules.withdrawn)
    wanted = sealer().seal(START, START + HOUR, 3, part_.figures, part_.steps, 7)
    assert again.plain == wanted.plain
    assert again.steps == wanted.steps


def test_who_withdraws_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    done = threading.Event()

    def wait() -> None:
        with leaving(tmp_path, alone=True):
            done.set()

    with leaving(tmp_path), leaving(tmp_path):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not done.wait(0.05)
    waiting.join(10)
    assert done.is_set()


def test_withdraw_says_what_has_left_and_is_undone(call: Call, plant: Path) -> None:
    write_state(plant.parent / "state")
    said = call("withdraw", "slag", plant)
    assert said.code == 0
    assert "slag is withdrawn: nothing of it leaves from now on." in said.out
    assert json.loads((plant.parent / "state" / FILE).read_text()).keys() == {"slag"}
    assert "withdrawn" in call("check", plant).out
    document = json.loads(call("withdraw", "slag", plant, "--undo", "--json").out)
    assert document == {"stream": "slag", "withdrawn": False, "was_withdrawn": True}
    assert {"restored", "withdrawn"} <= {
        row["kind"] for row in json.loads(call("events", plant, "--json").out)
    }


def test_withdraw_works_before_the_agent_has_ever_run(call: Call, plant: Path) -> None:
    assert call("withdraw", "slag", plant, "--json").code == 0
    assert "withdrawn at" in json.loads(call("check", plant, "--json").out)["streams"][0]["leaves"]


def test_a_stream_that_is_not_there_is_not_withdrawn(call: Call, plant: Path) -> None:
    said = call("withdraw", "slog", plant)
    assert said.code != 0
    assert "did you mean `slag`?" in said.err
