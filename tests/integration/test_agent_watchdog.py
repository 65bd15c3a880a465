"""What the agent tells a service manager, and that it falls silent when it makes no progress."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.plants import hub_key
from tests.servers import MosquittoMaker

pytestmark = pytest.mark.integration
SILENT = 5.0
"""Seconds without a sign of life: more than twice the two seconds between two of them."""
STUCK = """
import asyncio, time
from pathlib import Path
from adapters.adapter import Health, Link
from adapters.settings import SourceSettings

class Stuck:
    settings = SourceSettings
    def lane(self, source):
        return source.name
    async def run(self, sources, outlet, resume):
        outlet.report(sources[0].name, Health(Link.UP))
        while not Path("stick").exists():
            await asyncio.sleep(0.05)
        time.sleep(60)
    async def probe(self, source):
        return []

STUCK = Stuck()
"""
SOURCE = """
[sources.belt]
protocol = "stuck"
[sources.belt.points]
total = { unit = "kg" }
[streams.belt]
material = "10 09 03"
meter = { total = "belt.total" }
"""


class Manager:
    """A service manager's socket: keeps what it is told and when."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "notify")
        self.told: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        self._socket.setblocking(False)

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            told = await loop.sock_recv(self._socket, 4096)
            self.told += [(time.monotonic(), line) for line in told.decode().splitlines()]

    def close(self) -> None:
        self._socket.close()

    def heard(self, line: str) -> list[float]:
        """Give when a line was heard."""
        return [at for at, one in self.told if one == line]

    def lines(self) -> list[str]:
        return [line for _, line in self.told]

    @property
    def silent(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self.heard("WATCHDOG=1")[-1]


@contextlib.asynccontextmanager
async def manager(folder: Path) -> AsyncIterator[Manager]:
    made = Manager(folder)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        listening.cancel()
        await asyncio.wait({listening})
        made.close()


def managed(folder: Path, one: Manager) -> Agent:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return Agent(folder / "plant", {"NOTIFY_SOCKET": one.path, "PYTHONPATH": path})


async def test_the_agent_is_ready_alive_and_says_when_it_stops(tmp_path: Path) -> None:
    scale = Scale()
    async with manager(tmp_path) as told, scale.plant() as plant:
        agent = managed(tmp_path, told)
        agent.write(modbus("belt", plant.port))
        with running(agent):
            await eventually(lambda: len(told.heard("WATCHDOG=1")) >= 3)
            plant.faults.paused = True
            await eventually(
                lambda: any("belt is down" in line for line in told.lines() if "STATUS=" in line)
            )
            assert await agent.end() == 0
            await eventually(lambda: told.heard("STOPPING=1"))
    assert told.lines()[0] == "READY=1"
    assert "STATUS=ok" in told.lines()


async def test_a_state_file_that_cannot_be_committed_to_stops_the_signs_of_life(
    tmp_path: Path,
) -> None:
    scale = Scale()
    async with manager(tmp_path) as told, scale.plant() as plant:
        agent = managed(tmp_path, told)
        agent.write(modbus("belt", plant.port))
        with running(agent):
            await eventually(lambda: agent.closed("belt") and told.heard("WATCHDOG=1"))
            with contextlib.closing(sqlite3.connect(tmp_path / "plant/state/state.sqlite")) as db:
                db.execute("BEGIN IMMEDIATE")
                await eventually(lambda: told.silent > SILENT, 9.5)
                db.execute("ROLLBACK")
            await eventually(lambda: told.silent < 1)
            assert agent.log.count("clockwork: no sign of life for") == 1
            assert agent.log.count("clockwork: on time again") == 1
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)


async def test_a_stuck_loop_stops_the_signs_of_life(tmp_path: Path) -> None:
    plugged(tmp_path, STUCK)
    async with manager(tmp_path) as told:
        agent = managed(tmp_path, told)
        agent.write(SOURCE)
        with running(agent):
            await eventually(lambda: len(told.heard("WATCHDOG=1")) >= 2)
            (tmp_path / "plant" / "stick").touch()
            await eventually(lambda: told.silent > SILENT, 9.5)
            said = "clockwork: no sign of life for"
            await eventually(lambda: said in agent.log)
    assert "MainThread is in run (stuck.py:" in agent.log


HANGS = """
import asyncio, time
from pathlib import Path
from adapters.adapter import Health, Link
from adapters.settings import SourceSettings
from adapters.reading import NANOSECONDS
import agent.running.lanes, agent.running.publisher, agent.running.supervisor

agent.running.lanes.LANE_SILENCE = -2 * NANOSECONDS  # the interval and the timeout leave 2 s of 4
agent.running.supervisor.SOUND_AFTER = 3.0
agent.running.supervisor.LOOK = 0.5
agent.running.publisher.ACKNOWLEDGED = 2.0
agent.running.publisher.LATE_SECONDS = 0.5
whole = agent.running.publisher.Publisher._waiting

def waiting(self, now):
    if Path("stall").exists():
        Path("stall").unlink()
        time.sleep(8)
    return whole(self, now)

agent.running.publisher.Publisher._waiting = waiting

class Hung:
    settings = SourceSettings
    def lane(self, source):
        return source.name
    async def run(self, sources, outlet, resume):
        while True:
            outlet.report(sources[0].name, Health(Link.UP))
            if Path("stick").exists():
                Path("stick").unlink()
                await asyncio.Event().wait()
            await asyncio.sleep(0.2)
    async def probe(self, source):
        return []

STUCK = Hung()
"""


def plugged(folder: Path, code: str) -> None:
    """Install an adapter `stuck` from its code."""
    package = folder / "stuck-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[sidestream.adapters]\nstuck = stuck:STUCK\n")
    (folder / "stuck.py").write_text(code)


@pytest.mark.mosquitto
async def test_a_hung_reader_and_a_stalled_publisher_are_told_and_started_again(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    plugged(tmp_path, HANGS)
    async with manager(tmp_path) as told:
        agent = managed(tmp_path, told)
        agent.write(
            SOURCE,
            f'[hub]\ncluster = "ora"\nbroker = "mqtt://127.0.0.1:{mosquitto().port}"\n'
            f'key = "{hub_key().public}"\n',
        )
        with running(agent):
            for part, cause in (("source stuck belt", "stick"), ("publisher", "stall")):
                await eventually(lambda: agent.told.get("problems") == [])
                (tmp_path / "plant" / cause).touch()
                said = f"ERROR sidestream.agent: {part}: no sign of life for"
                await eventually(partial(agent_said, agent, said))
                await eventually(partial(agent.problem, f"{part}: no sign of life"))
                await eventually(partial(agent_said, agent, f"{part}: well again"))
                assert "it is started again" in agent.log
            assert await agent.end() == 0
    assert "is in waiting (stuck.py:" in agent.log


def agent_said(agent: Agent, words: str) -> bool:
    return words in agent.log


async def test_a_status_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    scale = Scale()
    async with manager(tmp_path) as told, scale.plant() as plant:
        agent = managed(tmp_path, told)
        agent.write(modbus("belt", plant.port))
        (tmp_path / "plant" / "run").write_text("a file where a folder should be")
        with running(agent):
            await eventually(lambda: len(told.heard("WATCHDOG=1")) >= 2)
            await eventually(lambda: agent.closed("belt"))
            assert await agent.end() == 0
    assert "the status file cannot be written" in agent.log
    assert "set [state] runtime" in agent.log
