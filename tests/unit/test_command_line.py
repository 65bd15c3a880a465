"""The command line: help that is quick, messages that say what, where and what next."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest

from agent import cli, statusfile
from agent.outbox import FILE, Outbox
from agent.tables import Commit
from agent.total import Event, Total
from tests import cluster, plants

ROOT = Path(__file__).parents[2]
FILE_COMMANDS = (
    "run", "check", "probe", "status", "released", "events", "key",
    "hub run", "hub check", "hub key", "hub status", "hub cells",
)  # fmt: skip


def every_command() -> list[str]:
    """Give each command there is, those of the hub with their group."""
    group = cli.sidestream.get_command(click.Context(cli.sidestream), "hub")
    assert isinstance(group, click.Group)
    own = cli.sidestream.list_commands(click.Context(cli.sidestream))
    return [*own, *(f"hub {name}" for name in group.list_commands(click.Context(group)))]


HEAVY = {
    "amqtt", "asyncio", "asyncua", "cryptography", "paho", "pint", "pydantic", "pymodbus", "rich",
    "sqlite3",
}  # fmt: skip
PLANT = """
[plant]
name = "Kvina works"
owner = "Example Metals AS"
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = 1
[sources.belt.points]
total = { register = 41016, type = "uint32", unit = "kg" }
[streams.slag]
material = "10 09 03"
meter = { total = "belt.total", max_rate = "60 t/h" }
[state]
directory = "state"
runtime = "run"
"""


class Said(NamedTuple):
    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process, as the installed program does."""

    def run(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["sidestream", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        code = end.value.code
        said = capsys.readouterr()
        return Said(code if isinstance(code, int) else 0, said.out, said.err)

    return run


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """Write a plant file whose device is not there."""
    path = tmp_path / "plant.toml"
    path.write_text(PLANT)
    return path


def program(*words: str | Path, **more: Any) -> Said:
    """Run a command as a program of its own."""
    command = [*cluster.COMMAND, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", every_command())
def test_help_of_every_command_has_an_example(call: Call, command: str) -> None:
    said = call(*command.split(), "--help")
    assert said.code == 0
    assert re.search(rf"Example:\n +sidestream {command}\b", said.out)
    assert max(map(len, said.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("statsu", "No such command 'statsu'. Did you mean 'status'?"),
        ("hub chekc", "No such command 'chekc'. Did you mean 'check'?"),
        ("xyzzy", "No such command 'xyzzy'."),
        ("run --nosuch", "No such option"),
        ("events --limit many", "'many' is not a valid integer"),
        ("events --limit 0", "0 is not in the range x>=1"),
        ("released --from yesterday", "'yesterday' does not match"),
        ("schema sell", "'sell' is not one of"),
        ("schema", "Missing argument"),
    ],
)
def test_words_that_mean_nothing_are_refused_in_words(call: Call, words: str, said: str) -> None:
    found = call(*words.split())
    assert found.code == 2
    assert said in found.err
    assert "--help" in found.err


def test_the_version_is_the_packages(call: Call) -> None:
    assert re.fullmatch(r"sidestream, version \d+\.\d+\.\d+\n", call("--version").out)


@pytest.mark.parametrize("words", ["--help", "hub --help", "status --help", "status --json"])
def test_help_and_status_import_nothing_heavy(tmp_path: Path, words: str) -> None:
    (tmp_path / "status.json").write_text(json.dumps({**document(), "time": time.time_ns()}))
    given = [*words.split(), *(["--dir", str(tmp_path)] if "json" in words else [])]
    code = (
        "import sys\nfrom agent.cli import main\n"
        f"sys.argv = {['sidestream', *given]!r}\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "sys.stderr.write(' '.join({name.split('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    assert not HEAVY & set(done.stderr.split())


@pytest.mark.parametrize("command", FILE_COMMANDS)
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
        ("binary", "a byte that is not UTF-8"),
        ("broken", ":1"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_message_and_exit_code_78(
    tmp_path: Path, call: Call, command: str, kind: str, said: str
) -> None:
    path = tmp_path / "file.toml"
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"binary": b"\xff\xfe", "broken": b"[plant"}[kind])
    found = call(*command.split(), path)
    assert found.code == 78
    assert found.out == ""
    assert said in found.err
    assert found.err.startswith(f"sidestream: {path}")
    assert len(found.err.splitlines()) <= 2


def test_a_good_file_is_checked_and_shown(call: Call, plant: Path) -> None:
    said = call("check", plant)
    assert said.code == 0
    assert "127.0.0.1:1" in said.out
    assert "nothing (share is off)" in said.out
    assert json.loads(call("check", plant, "--json").out)["streams"][0]["leaves"].startswith(
        "nothing"
    )


def test_tables_fit_eighty_columns(
    call: Call, plant: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(plant.parent)
    write_state(plant.parent / "state")
    write_status(plant.parent / "run", document())
    for words in ("check", "status", "released", "events"):
        assert max(map(len, call(words, plant.name).out.splitlines())) <= 80, words


def test_a_device_that_does_not_answer_is_told_with_what_to_look_at(
    call: Call, plant: Path
) -> None:
    said = call("probe", plant)
    assert said.code == 2
    assert "127.0.0.1:1" in said.err
    assert "connection refused" in said.err
    assert "→ check the address" in said.err
    assert json.loads(call("probe", plant, "--json").out)[0]["error"]


def test_a_source_that_is_not_in_the_file_is_refused(call: Call, plant: Path) -> None:
    said = call("probe", plant, "bolt")
    assert said.code == 2
    assert "no source 'bolt'; there are belt" in said.err


def document(**more: Any) -> dict[str, Any]:
    source = {
        "link": "down", "since": time.time_ns(), "configured": 2, "error": "no answer",
        "requests": 3, "failures": 1, "notes": [], "points": {
            "total": {
                "value": None, "age_s": 1.0, "quality": "bad", "reason": "timeout",
                "since": time.time_ns(),
            },
        },
    }  # fmt: skip
    window = {
        "stream": "slag", "start": plants.START, "end": plants.START + plants.HOUR, "unit": "t",
        "quantity": 1.5, "coverage": 0.5, "uncertain": 0.1, "band": None, "marks": ["spread"],
    }  # fmt: skip
    depth: dict[str, Any] = {
        "records": 0,
        "bytes": 0,
        "oldest": None,
        "by_status": {},
        "last_receipt": None,
    }
    return {
        "plant": "Kvina works", "level": "warning", "time": time.time_ns(), "started": 0,
        "sources": {"belt": source}, "windows": [window], "outbox": depth, "uplink": None,
        "troubles": {}, "problems": ["source belt is down: no answer"], **more,
    }  # fmt: skip


def write_status(folder: Path, told: dict[str, Any]) -> None:
    statusfile.write(folder, told)


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
    plant.write_text(PLANT.replace('"run"', '"${WHERE}/now"'))
    monkeypatch.setenv("WHERE", str(plant.parent))
    write_status(plant.parent / "now", document(level="ok"))
    assert call("status", plant).code == 0
    monkeypatch.delenv("WHERE")
    said = call("status", plant)
    assert said.code == 78
    assert "WHERE" in said.err


def write_state(directory: Path) -> None:
    """Commit a total, an event and a record that waits."""
    start, hour = plants.START, plants.HOUR
    total = Total("slag", start, start + hour, 1.5, "t", 0.9, 0.0, None, (), {})
    event = Event(start, "slag", "rollover", "the counter began anew")
    figures = [
        {
            "kind": "material", "code": "10 09 03", "direction": "surplus", "quantity": 1.5,
            "unit": "t", "coverage": 0.9, "marks": ["rollover"],
        },
    ]  # fmt: skip
    sealed = plants.sealer().seal(start, start + hour, 1, (), ())
    plain = json.dumps({**json.loads(sealed.plain), "figures": figures})
    object.__setattr__(sealed, "plain", plain)
    with Outbox.open(directory, start) as outbox:
        outbox.commit(Commit({}, (total,), ((sealed, start),), (event,), start + hour), start)


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


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Write a hub's file; its broker is not there."""
    path = tmp_path / "hub.toml"
    path.write_text(cluster.HUB.format(port=1, members="", wait="1 s"))
    return path


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


@pytest.mark.parametrize("command", ["run plant.toml", "hub run hub.toml"])
def test_a_state_directory_that_cannot_be_used_is_one_message(
    plant: Path, hub: Path, command: str
) -> None:
    (plant.parent / "state").write_text("a file where a folder should be")
    said = program(*command.split(), cwd=plant.parent)
    assert said.code == 1
    assert f"{plant.parent}/state" in said.err
    assert "[state] directory" in said.err
    assert "Traceback" not in said.err


def test_an_agent_is_refused_while_another_has_its_state(plant: Path) -> None:
    first = subprocess.Popen([*cluster.COMMAND, "run", str(plant)], stderr=subprocess.PIPE)
    try:
        cluster.wait_for((plant.parent / "run" / statusfile.FILE).exists, "the first agent")
        said = program("run", plant)
        assert said.code == 1
        assert f"another agent is running with this state (pid {first.pid})" in said.err
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate(timeout=10)
    with closing(sqlite3.connect(plant.parent / "state" / FILE)) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_the_journal_is_given_priorities_and_one_line_an_event(plant: Path) -> None:
    agent = subprocess.Popen(
        [*cluster.COMMAND, "run", str(plant)], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "JOURNAL_STREAM": "8:1"},
    )  # fmt: skip
    cluster.wait_for((plant.parent / "run" / statusfile.FILE).exists, "the agent")
    agent.terminate()
    _, told = agent.communicate(timeout=20)
    lines = told.splitlines()
    assert agent.returncode == 0
    assert all(re.match(r"<[3-7]>(INFO|WARNING) sidestream\.", line) for line in lines), told
    assert any(line.startswith("<4>WARNING sidestream.agent: source belt down") for line in lines)


def test_a_port_in_use_is_a_message_of_the_simulated_plant(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ("simulate", "--modbus-port", port, "--opcua-port", "0", "--dir", str(tmp_path))
        said = program(*words)
    assert said.code == 1
    assert port in said.err
    assert "Traceback" not in said.err
