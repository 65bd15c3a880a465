"""A plant file loaded in a child process gives the plan, and the errors, it gives here."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from agent.measuring.sampling import equipped
from agent.running import loaded
from agent.running.loaded import loading
from config.errors import ConfigError
from config.load import load_plant

EXAMPLES = Path(__file__).parents[2] / "config" / "examples"
PLANTS = sorted(path for path in EXAMPLES.glob("*.toml") if "[plant]" in path.read_text())
HEAVY = (
    "asyncua", "config.load", "config.tables", "httpx", "multiprocessing", "openpyxl", "pint",
    "pymodbus", "rich", "tomllib",
)  # fmt: skip
"""What a running agent of Modbus TCP devices has no use for."""
RUNNING = f"""
import sys
import agent.cli.run, agent.running.loaded, agent.running.opening, agent.running.service
import adapters.modbus.line, adapters.modbus.poll, adapters.modbus.unit
print(sorted(sys.modules.keys() & set({HEAVY})))
"""
PARENT = """
import sys
from pathlib import Path
from agent.running.loaded import loading
plan = loading(Path(sys.argv[1]))()
print(plan.name, "config.load" in sys.modules)
"""


@pytest.mark.parametrize("path", PLANTS, ids=lambda path: path.stem)
def test_the_plan_is_the_one_a_file_gives_here(path: Path) -> None:
    assert loading(path)() == equipped(load_plant(path, os.environ))


def test_there_are_plants_to_load() -> None:
    assert PLANTS


def test_loading_leaves_nothing_behind_in_the_agent() -> None:
    command = [sys.executable, "-c", PARENT, str(EXAMPLES / "plant.toml")]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.endswith(" False\n")


def test_errors_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[plant]\nname = 7\n")
    with pytest.raises(ConfigError) as here:
        load_plant(path, os.environ)
    with pytest.raises(ConfigError) as apart:
        loading(path)()
    assert str(apart.value) == str(here.value)


def test_a_child_that_is_killed_costs_its_time_only(monkeypatch: pytest.MonkeyPatch) -> None:
    path = EXAMPLES / "plant.toml"
    here, load = os.getpid(), loaded._plan

    def killed(path: Path) -> object:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return load(path)

    monkeypatch.setattr(loaded, "_plan", killed)
    assert loading(path)() == load(path)


def test_no_child_is_left_behind() -> None:
    before = set(psutil.Process().children())
    loading(EXAMPLES / "plant.toml")()
    assert set(psutil.Process().children()) <= before


def test_a_running_agent_imports_nothing_it_has_no_use_for() -> None:
    told = subprocess.run(
        [sys.executable, "-c", RUNNING], capture_output=True, text=True, check=True
    )
    assert told.stdout == "[]\n"
