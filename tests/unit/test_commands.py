"""What each command shows, says and exits with."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from agent.keeping.outbox import FILE
from tests import cluster
from tests.clikit import Call, document, write_state, write_status


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("warning", 1), ("critical", 2)])
def test_status_exits_by_the_level(call: Call, plant: Path, level: str, code: int) -> None:
    write_status(plant.parent / "run", document(level=level))
    assert call("status", plant).code == code
    said = call("status", plant, "--json")
    assert (said.code, json.loads(said.out)["level"]) == (code, level)


def test_status_names_the_source_that_is_down_and_the_point_that_is_bad(
    call: Call, plant: Path
) -> None:
    write_status(plant.parent / "run", document())
    said = call("status", plant).out
    assert "source belt is down: no answer" in said
    assert re.search(r"belt +total +bad +timeout", said)


def test_status_is_watched_until_it_is_interrupted(plant: Path) -> None:
    write_status(plant.parent / "run", document())
    command = [*cluster.COMMAND, "status", "--watch", str(plant)]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    assert watching.stdout.readline() == "Kvina works: warning\n"
    while "running for" not in watching.stdout.readline():
        pass
    watching.send_signal(signal.SIGINT)
    _, told = watching.communicate(timeout=10)
    assert (watching.returncode, told) == (0, "")


def test_status_of_an_older_program_is_still_shown(call: Call, plant: Path) -> None:
    told = document()
    for gone in ("since", "configured"):
        del told["sources"]["belt"][gone]
    del told["sources"]["belt"]["points"]["total"]["since"]
    write_status(plant.parent / "run", told)
    assert call("status", plant).code == 1


def test_status_without_an_agent_or_of_one_that_hangs_exits_2(call: Call, plant: Path) -> None:
    said = call("status", plant)
    assert said.code == 2
    assert "no agent has run here\n  → start it with" in said.err
    write_status(plant.parent / "run", document(level="ok", time=time.time_ns() - 40 * 10**9))
    said = call("status", plant)
    assert said.code == 2
    assert "40 s ago: it was killed or hangs" in said.out


def test_a_value_from_a_device_cannot_act_on_the_terminal(call: Call, plant: Path) -> None:
    told = document()
    told["sources"]["belt"]["points"]["total"]["value"] = "\x1b]0;owned\x07"
    write_status(plant.parent / "run", told)
    assert "\x1b" not in call("status", plant).out


def test_the_runtime_directory_may_be_given_by_an_option_or_the_environment(
    call: Call, plant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_status(plant.parent / "run", document(level="ok"))
    assert call("status", "--dir", plant.parent / "run").code == 0
    monkeypatch.setenv("SIDESTREAM_PLANT", str(plant))
    assert call("status").code == 0


def test_a_variable_in_the_state_table_is_filled_in(
    call: Call, plant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.write_text(plant.read_text().replace('"run"', '"${WHERE}/now"'))
    monkeypatch.setenv("WHERE", str(plant.parent))
    write_status(plant.parent / "now", document(level="ok"))
    assert call("status", plant).code == 0
    monkeypatch.delenv("WHERE")
    said = call("status", plant)
    assert said.code == 78
    assert "WHERE" in said.err


def test_what_left_is_shown_by_window(call: Call, plant: Path) -> None:
    write_state(plant.parent / "state")
    said = call("released", plant)
    assert said.code == 0
    assert re.search(r"2026-03-01 00:00-01:00 +queued +10 09 03 +1.5 t +90% +rollover", said.out)
    told = json.loads(call("released", plant, "--json", "--from", "2026-03-01").out)
    assert told[0]["record"]["figures"][0]["quantity"] == 1.5
    assert json.loads(call("released", plant, "--json", "--from", "2026-03-02").out) == []
    assert json.loads(call("released", plant, "--json", "--to", "2026-03-01T00:30:00Z").out) == []
    assert call("released", plant, "--steps").code == 0


def test_events_are_shown_newest_first(call: Call, plant: Path) -> None:
    write_state(plant.parent / "state")
    assert re.search(r"slag +rollover +the counter began anew", call("events", plant).out)
    assert json.loads(call("events", plant, "--json").out)[0]["kind"] == "rollover"


@pytest.mark.parametrize("command", ["released", "events"])
def test_a_log_that_does_not_exist_yet_is_told_with_the_next_step(
    call: Call, plant: Path, command: str
) -> None:
    said = call(command, plant)
    assert said.code == 1
    assert "there is no state file yet\n  → start the agent" in said.err


@pytest.mark.parametrize("command", ["released", "events"])
def test_a_damaged_log_is_told_in_words(call: Call, plant: Path, command: str) -> None:
    (plant.parent / "state").mkdir()
    (plant.parent / "state" / FILE).write_bytes(b"not a database at all" * 100)
    said = call(command, plant)
    assert said.code == 1
    assert "damaged" in said.err


def test_a_key_is_made_once_readable_by_its_owner_alone(call: Call, plant: Path) -> None:
    said = call("key", plant)
    assert said.code == 1
    assert "there is no key file\n  → make it: `sidestream key --create`" in said.err
    made = json.loads(call("key", plant, "--create", "--json").out)
    assert json.loads(call("key", plant, "--json").out) == made
    assert json.loads(call("key", plant, "--create", "--json").out) == made
    assert made["key"] in call("key", plant).out
    assert (plant.parent / "state" / "plant.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.root
def test_a_key_that_root_makes_belongs_to_the_services_user(call: Call, plant: Path) -> None:
    (plant.parent / "state").mkdir()
    os.chown(plant.parent / "state", 12_345, 12_346)
    call("key", plant, "--create")
    found = (plant.parent / "state" / "plant.key").stat()
    assert (found.st_uid, found.st_gid) == (12_345, 12_346)


@pytest.mark.parametrize(
    "name", ["plant", "hub", "record", "figure", "envelope", "receipt", "presence", "cell"]
)
def test_every_schema_is_json(call: Call, name: str) -> None:
    assert json.loads(call("schema", name).out)["type"] == "object"


def test_a_hub_that_never_ran_is_told_with_the_next_step(call: Call, hub: Path) -> None:
    said = call("hub", "status", hub)
    assert said.code == 2
    assert "there is no ledger yet\n  → start the hub" in said.err
    assert call("hub", "cells", hub).code == 1
    said = call("hub", "key", hub)
    assert said.code == 1
    assert "sidestream hub key --create" in said.err


def test_a_hubs_file_and_key_are_shown(call: Call, hub: Path) -> None:
    assert "A cell needs 3 owners" in call("hub", "check", hub).out
    assert json.loads(call("hub", "check", hub, "--json").out)["k"] == 3
    made = json.loads(call("hub", "key", hub, "--create", "--json").out)
    assert made["key"] in call("hub", "key", hub).out
