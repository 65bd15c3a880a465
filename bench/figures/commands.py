"""Commands: how much a person's look at help and status costs, beside an empty program."""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.frame import Bench, Figure, Goal, Say
from bench.process import program, python, script

POINTS = 100
GOAL = Goal(4.0)
_PLANT = """
[plant]
name = "Bench"
owner = "Bench"
[windows]
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
[sources.device]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = 1
[sources.device.points]
"""


def _plant_file(folder: Path) -> Path:
    """Write the file of a plant whose device is away: status has every point and its fault."""
    points = "".join(
        f'p{n:03} = {{ register = {40_001 + n}, type = "uint16", unit = "1" }}\n'
        for n in range(POINTS)
    )
    file = folder / "plant.toml"
    file.write_text(_PLANT + points)
    return file


def _leave_status(folder: Path) -> None:
    """Let an agent run until it has written a status file."""
    command = python("agent.cli", "run", str(_plant_file(folder)))
    with program(command, folder / "log") as running:
        patience = time.monotonic() + 60
        while not (folder / "run" / "status.json").exists():
            if time.monotonic() > patience or running.poll() is not None:
                raise RuntimeError(f"no status: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)


def _cost(command: Sequence[str]) -> float:
    """Give the processor seconds of one run of a command, whatever it exits with."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _sidestream() -> list[str]:
    """Give the command as it is installed beside this interpreter."""
    return [str(Path(sys.executable).with_name("sidestream"))]


def run(full: bool, say: Say) -> list[Figure]:
    """Measure each command beside `python -c pass`, in turns; medians count."""
    rounds = 21 if full else 9
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        folder = Path(name)
        say("an agent leaves its status")
        _leave_status(folder)
        commands = {
            "empty": script("pass"),
            "sidestream --help": [*_sidestream(), "--help"],
            "sidestream status": [*_sidestream(), "status", "--dir", str(folder / "run")],
        }
        costs: dict[str, list[float]] = {what: [] for what in commands}
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            for what, command in commands.items():
                costs[what].append(_cost(command))
    floor = 1000 * statistics.median(costs.pop("empty"))
    return [
        Figure(what, "ms", 1000 * statistics.median(found), floor, "python -c pass", "times", GOAL)
        for what, found in costs.items()
    ]


BENCH = Bench("commands", "the help and the status, beside an empty program", run)
