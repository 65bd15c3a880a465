"""An agent as a program on simulated devices: its file, its process, and what it has kept."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.keeping.outbox import Outbox
from agent.running.assembly import memory
from agent.running.columns import unfolded
from agent.running.engine import Engine
from config.load import load_plant
from simulation.modbus import Device, ModbusPlant
from tests import links
from tests.cluster import COMMAND

FILE = """
[plant]
name = "Kvina works"
owner = "Example Metals"
[windows]
measure = "1 s"
release = "2 s"
grace = "300 ms"
jitter = "100 ms"
checkpoint = "200 ms"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
"""
MODBUS = """
[sources.{name}]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
device_id = {device_id}
every = "100 ms"
timeout = "300 ms"
[sources.{name}.points]
total = {{ register = 40001, type = "uint32", unit = "kg" }}
[streams.{name}]
material = "10 09 03"
meter = {{ total = "{name}.total", max_rate = "100000 t/h", max_gap = "1500 ms" }}
share = "cluster"
"""


PATIENCE = 40.0
"""Seconds: programs start slowly on a computer that is busy with other tests."""


async def eventually(holds: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds; raises `TimeoutError`."""
    await links.eventually(holds, seconds)


@dataclass
class Scale:
    """A belt scale's totaliser in kg: it grows each time it is read, until it stands still."""

    value: int = 4_000_000
    step: int = 3
    first: int = 0

    def register(self, at: int) -> int | None:
        """Give a holding register; the first of the two counts."""
        if at == 0:
            self.value += self.step
            self.first = self.first or self.value
        return {0: self.value >> 16, 1: self.value & 0xFFFF}.get(at)

    def stand_still(self) -> None:
        """Count no further."""
        self.step = 0

    def plant(self) -> ModbusPlant:
        """Make the device that shows it."""
        return ModbusPlant({1: Device(registers=self.register)})

    @property
    def truth(self) -> float:
        """Tonnes since the first reading."""
        return (self.value - self.first) / 1000


def modbus(name: str, port: int, device_id: int = 1) -> str:
    """Write a source on a Modbus device, and the stream it measures."""
    return MODBUS.format(name=name, port=port, device_id=device_id)


@dataclass
class Agent:
    """`sidestream run` in a folder of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    options: tuple[str, ...] = ()

    def write(self, *parts: str) -> None:
        """Write the plant file."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "plant.toml").write_text("\n".join([FILE, *parts]))

    def command(self) -> Sequence[str]:
        return COMMAND

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command(), "run", "plant.toml", *self.options],
                cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **self.environment},
            )  # fmt: skip

    async def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """End the program by a signal; gives its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(self.process.wait, seconds)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def told(self) -> dict[str, Any]:
        """Give the status document; empty before there is one."""
        path = self.folder / "run" / "status.json"
        return unfolded(json.loads(path.read_text())) if path.exists() else {}

    def value(self, source: str, point: str = "total") -> Any:
        """Give a point's value as the status shows it."""
        sources = self.told.get("sources", {})
        return sources.get(source, {}).get("points", {}).get(point, {}).get("value")

    def problem(self, words: str) -> bool:
        """Tell whether the status names a problem with these words."""
        assert self.process is None or self.process.poll() is None, self.log
        return any(words in problem for problem in self.told.get("problems", []))

    async def status(self) -> tuple[int, str]:
        """Run `sidestream status`; gives its exit code and what it printed."""
        asked = [*self.command(), "status", "plant.toml"]
        done = await asyncio.to_thread(
            subprocess.run, asked, cwd=self.folder, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the state file."""
        path = self.folder / "state" / "state.sqlite"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            try:
                return db.execute(query).fetchall()
            except sqlite3.OperationalError:  # made, and still without tables
                return []

    def closed(self, stream: str) -> list[tuple[float, float]]:
        """Give quantity and coverage of the closed windows of a stream, in order."""
        rows = self.rows("SELECT stream, quantity, coverage FROM totals ORDER BY start")
        return [(quantity, coverage) for name, quantity, coverage in rows if name == stream]

    def measured(self, stream: str) -> float:
        """Give a stopped agent's total of a stream, from what is committed alone."""
        plan = load_plant(self.folder / "plant.toml", {})
        with Outbox.look_at(self.folder / "state") as outbox:
            engine = Engine(plan, None, lambda: 0, memory(outbox))
        still = [one for one in engine.pipeline.open_windows() if one.stream == stream]
        return sum(quantity for quantity, _ in self.closed(stream)) + sum(
            one.quantity for one in still
        )

    def records(self, status: str) -> int:
        """Count the records in a state, such as queued or receipted."""
        return len(self.rows(f"SELECT id FROM records WHERE status = '{status}'"))  # noqa: S608


@contextlib.contextmanager
def running(agent: Agent) -> Iterator[Agent]:
    """Start an agent; at the end it is killed if it still runs, and must not have stumbled."""
    agent.start()
    try:
        yield agent
    finally:
        process = agent.process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait(10)
    assert "Traceback" not in agent.log


@contextlib.asynccontextmanager
async def weighing(folder: Path, *more: str) -> AsyncIterator[tuple[Agent, Scale, ModbusPlant]]:
    """Run an agent on one belt scale until it has closed its first window."""
    scale, agent = Scale(), Agent(folder)
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port), *more)
        with running(agent):
            await eventually(lambda: agent.closed("belt"))
            yield agent, scale, plant
