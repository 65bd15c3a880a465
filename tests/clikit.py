"""Commands for tests: run in this process or as programs, and what they have to show."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent import cli
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.measuring.total import Event, Total
from agent.running import statusfile
from tests import cluster, plants

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


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Write a hub's file; its broker is not there."""
    path = tmp_path / "hub.toml"
    path.write_text(cluster.HUB.format(port=1, members="", wait="1 s"))
    return path


def program(*words: str | Path, **more: Any) -> Said:
    """Run a command as a program of its own."""
    command = [*cluster.COMMAND, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)
    return Said(done.returncode, done.stdout, done.stderr)


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
