"""A run begins to load its plant file first, and when that is loaded, to read its devices."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from agent.keeping.outbox import Outbox
from agent.running.service import CLOCKWORK, Service
from agent.running.supervisor import Supervisor
from config.load import load_plant

LOADING = """
import sys
from agent.running import loaded

def loading(path):
    late = {"asyncio", "click", "cryptography", "logging", "paho", "pydantic", "ssl"}
    print(path, *sorted(late & sys.modules.keys()))
    sys.exit(0)

loaded.loading = loading
from agent.cli import main
main()
"""

PLANT = """
[plant]
name = "P"
owner = "O"
[state]
directory = "state"
runtime = "run"
[sources.first]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = 5020
points.a = { register = 40001 }
[sources.second]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = 5021
points.a = { register = 40001 }
"""


def begun(*words: str) -> tuple[int, str]:
    """Give the exit code, and what was told when the plant file would have been loaded."""
    command = [sys.executable, "-c", LOADING, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip() or done.stderr


def test_the_plant_file_is_loaded_before_what_else_a_run_imports() -> None:
    assert begun("run", "plant.toml") == (0, "plant.toml")


@pytest.mark.parametrize("words", [["run", "-v", "plant.toml"], ["run", "--", "plant.toml"]])
def test_other_words_are_read_by_click(words: list[str]) -> None:
    code, told = begun(*words)
    assert code == 0
    assert told.startswith("plant.toml")
    assert "click" in told


@pytest.mark.parametrize("words", [["run", "-x"], ["run", "plant.toml", "more"]])
def test_words_that_are_wrong_are_refused(words: list[str]) -> None:
    code, told = begun(*words)
    assert code == 2
    assert "Usage: sidestream run" in told


def test_the_help_of_a_run_is_told() -> None:
    code, told = begun("run", "--help")
    assert (code, told.splitlines()[0]) == (0, "Usage: sidestream run [OPTIONS] [PLANT_FILE]")


def test_without_a_file_the_usual_one_is_meant() -> None:
    assert begun("run")[1].startswith("/etc/sidestream/plant.toml")


async def test_devices_are_connected_to_before_anything_else_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def run(_: Supervisor, name: str, *more: object) -> None:
        begun.append(name)

    monkeypatch.setattr(Supervisor, "run", run)
    file = tmp_path / "plant.toml"
    file.write_text(PLANT)
    plan = load_plant(file, {})
    stop = asyncio.Event()
    stop.set()
    with Outbox.open(Path(plan.state_dir), 0) as outbox:
        await Service(plan, outbox, None).run(stop)
    assert [name.split()[0] for name in begun] == ["source", "source", CLOCKWORK]
