"""The command line: help that is quick, messages that say what, where and what next."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import click
import pytest

from agent.cli.group import sidestream
from agent.keeping.outbox import FILE
from agent.running import statusfile
from tests import cluster
from tests.clikit import Call, document, program, write_state, write_status

FILE_COMMANDS = (
    "run", "check", "probe", "status", "released", "events", "key",
    "hub run", "hub check", "hub key", "hub status", "hub cells", "partner list",
)  # fmt: skip


def every_command() -> list[str]:
    """Give each command there is, those of a group with its name."""
    found = sidestream.list_commands(click.Context(sidestream))
    for name in ("hub", "partner"):
        group = sidestream.get_command(click.Context(sidestream), name)
        assert isinstance(group, click.Group)
        found += [f"{name} {member}" for member in group.list_commands(click.Context(group))]
    return found


HEAVY = {
    "amqtt", "asyncio", "asyncua", "cryptography", "paho", "pint", "pydantic", "pymodbus", "rich",
    "sqlite3",
}  # fmt: skip


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
