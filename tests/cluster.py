"""A whole cluster for tests: broker, hub and agents as programs, fed from recordings."""

import contextlib
import json
import math
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import Server

START = 1_772_323_200
"""2026-03-01T00:00:00Z, in seconds since 1970."""
COMMAND = (sys.executable, "-m", "agent.cli")
PLANT = """
[plant]
name = "{name}"
owner = "{owner}"
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:{port}"
key = "{hub_key}"
backlog_rate = 200.0
[windows]
checkpoint = "50 ms"
[sources.day]
protocol = "replay"
file = "day.csv"
every = "10 s"
[sources.day.points]
total = {{ unit = "kg" }}
rate = {{ unit = "t/h" }}
flow = {{ unit = "m3/h" }}
t1 = {{ unit = "Cel" }}
t2 = {{ unit = "Cel" }}
[streams.secret_slag_line]
material = "10 09 03"
meter = {{ total = "day.total", max_rate = "60 t/h", modulus = "4294967.296 t" }}
share = "cluster"
significant = 6
[streams.secret_dust_line]
material = "10 09 10"
meter = {{ rate = "day.rate" }}
share = "cluster"
significant = 6
[streams.secret_cooling]
kind = "heat"
meter = {{ flow = "day.flow", supply = "day.t1", return = "day.t2", flow_sensor = "return" }}
share = "cluster"
significant = 6
[state]
directory = "state"
runtime = "run"
"""
HUB = """
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:{port}"
key_file = "hub.key"
[release]
wait = "{wait}"
calendars = {{ heat = "hour", material = "day" }}
{members}
[store]
kind = "sqlite"
[state]
directory = "state"
runtime = "run"
"""
MEMBER = """
[[members]]
name = "{name}"
owner = "{owner}"
place = "agder/{name}"
key = "{key}"
"""


def sidestream(*arguments: str, cwd: Path, codes: Sequence[int] = (0,)) -> str:
    """Run a command to its end and give what it printed; fails on another exit code."""
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode not in codes:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 40) -> None:
    """Wait until a condition holds; fails saying what did not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {seconds} s")
        time.sleep(0.05)


def record_day(path: Path, rows: int, every: int, phase: int = 0) -> None:
    """Write a day's recording: a totaliser that rolls over, a rate, and a heat circuit."""
    total = 2**32 - 50_000
    with path.open("w") as file:
        file.write("time,total,rate,flow,t1,t2\n")
        for row in range(rows):
            at = row * every + phase
            total = (total + every * (2 + at * 7919 % 13)) % 2**32
            rate = 20 + 5 * math.sin(at / 600)
            flow = 100 + 10 * math.sin(at / 900)
            supply, back = 90 + 2 * math.sin(at / 300), 60 + math.sin(at / 200)
            file.write(
                f"{START + row * every},{total},{rate:.3f},{flow:.3f},{supply:.2f},{back:.2f}\n"
            )


@dataclass
class Program:
    """A program of ours that can be started, killed and ended."""

    arguments: tuple[str, ...]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    wrap: tuple[str, ...] = ()
    """What the command is run by, such as a network namespace."""

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.wrap, *COMMAND, *self.arguments], cwd=self.folder, stdout=log, stderr=log
            )

    def wait(self, seconds: float = 60) -> int:
        assert self.process is not None
        return self.process.wait(seconds)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def running(self) -> bool:
        """Tell whether a hub is linked to its broker."""
        path = self.folder / "run" / "hub-status.json"
        return path.exists() and json.loads(path.read_text())["broker_up"]

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


def plant(folder: Path, name: str, owner: str, port: int, hub_key: str) -> tuple[Program, str]:
    """Write a plant's file and make its key; gives its agent and its line of the roster."""
    folder.mkdir(parents=True)
    text = PLANT.format(name=name, owner=owner, port=port, hub_key=hub_key)
    (folder / "plant.toml").write_text(text)
    key = json.loads(sidestream("key", "plant.toml", "--create", "--json", cwd=folder))["key"]
    member = MEMBER.format(name=name, owner=owner, key=key)
    return Program(("run", "plant.toml"), folder), member


def hub(folder: Path, port: int) -> tuple[Program, str]:
    """Write a hub's file without members and make its key; gives the hub and its public key."""
    folder.mkdir(parents=True)
    (folder / "hub.toml").write_text(HUB.format(port=port, members="", wait="1 s"))
    key = json.loads(sidestream("hub", "key", "hub.toml", "--create", "--json", cwd=folder))["key"]
    return Program(("hub", "run", "hub.toml"), folder), key


def admit(one: Program, port: int, members: list[str], wait: str = "1 s") -> None:
    """Write the hub's roster, and how long it waits for late records."""
    text = HUB.format(port=port, members="".join(members), wait=wait)
    (one.folder / "hub.toml").write_text(text)


def ledger(one: Program) -> list[tuple[Any, ...]]:
    """Give what the hub's ledger holds of each record's figures."""
    path = one.folder / "state" / "hub-ledger.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(
            "SELECT member, figures.start, kind, code, band, quantity, coverage, figures.marks"
            " FROM figures ORDER BY 1, 2, 3, 4, 5"
        ).fetchall()


def counted(one: Program) -> int:
    """Count the records in the ledger."""
    path = one.folder / "state" / "hub-ledger.db"
    if not path.exists():
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM records").fetchone()[0])


def commits(agent: Program) -> int:
    """Tell how far an agent's state file has come: it grows with every commit."""
    path = agent.folder / "state" / "state.sqlite"
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db,
    ):
        row = db.execute("SELECT body FROM state WHERE name = 'cursor:day'").fetchone()
        return int(json.loads(row[0]).split(":")[0]) if row else 0
    return 0


@contextlib.contextmanager
def ended(*programs: Program | Server) -> Iterator[None]:
    """End programs by their pid, whatever happens."""
    try:
        yield
    finally:
        for program in programs:
            program.stop()
