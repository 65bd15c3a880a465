"""A disk that is full, fails, or has damaged the state file: nothing measured is lost."""

import contextlib
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.agentkit import Agent, Scale, eventually, modbus, running, weighing

pytestmark = pytest.mark.integration
FAILS_FROM = 32_768
"""Bytes from which on a file cannot be written: well above the agent's log and status."""
OUTBOX = """
[outbox]
reserve = "1 MB"
"""


@contextlib.contextmanager
def small_disk(at: Path, megabytes: int) -> Iterator[Path]:
    at.mkdir(parents=True)
    options = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill(disk: Path) -> Path:
    """Write a file that takes all that is left, to the last block."""
    file = disk / "somebody else's"
    with file.open("ab", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(b"x" * 4096)
    return file


def given_up(agent: Agent, reserve: Path, held: int) -> bool:
    return agent.problem("no room") or reserve.stat().st_size < held


@pytest.mark.namespaces
async def test_on_a_full_disk_the_reserve_carries_on_and_is_made_again_afterwards(
    tmp_path: Path,
) -> None:
    scale, agent = Scale(), Agent(tmp_path)
    state = tmp_path / "state"
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port), OUTBOX)
        with small_disk(state, 4), running(agent):
            reserve = state / "reserve"
            await eventually(lambda: agent.closed("belt") and reserve.exists())
            assert reserve.stat().st_blocks * 512 >= 1_000_000
            other = fill(state)
            await eventually(lambda: reserve.stat().st_size < 1_000_000)
            before = len(agent.closed("belt"))
            await eventually(lambda: len(agent.closed("belt")) > before + 2)
            await eventually(lambda: agent.problem("disk: nearly full"))
            assert agent.told["level"] == "warning"
            assert agent.told["storage"]["reserve"] < 1_000_000
            # What was given up is taken too: now everything waits in memory.
            while reserve.stat().st_size:
                fill(state)
                held = reserve.stat().st_size
                await eventually(partial(given_up, agent, reserve, held))
            other.unlink()
            await eventually(lambda: agent.told["level"] == "ok")
            await eventually(lambda: reserve.stat().st_size == 1_000_000)
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
            assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    assert agent.log.count("disk: nearly full") == 1
    assert agent.log.count("no room") <= 2


@pytest.mark.namespaces
async def test_an_agent_that_starts_on_a_full_disk_gives_up_its_reserve_or_waits_for_room(
    tmp_path: Path,
) -> None:
    scale, agent = Scale(), Agent(tmp_path)
    state = tmp_path / "state"
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port), OUTBOX)
        with small_disk(state, 4):
            other = fill(state)
            with running(agent):
                await eventually(lambda: agent.problem("no room"))
                assert agent.told["level"] == "critical"
                other.unlink()
                await eventually(lambda: agent.closed("belt"))
                await eventually((state / "reserve").exists)
                assert await agent.end(signal.SIGKILL) < 0
            fill(state)
            with running(agent):
                before = len(agent.closed("belt"))
                await eventually(lambda: len(agent.closed("belt")) > before)
                scale.stand_still()
                await eventually(lambda: agent.value("belt") == scale.value)
                assert await agent.end() == 0
            assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)


async def test_a_medium_that_fails_is_told_once_and_what_it_refused_is_written_when_it_recovers(
    tmp_path: Path,
) -> None:
    async with weighing(tmp_path) as (agent, scale, _):
        assert agent.process is not None
        limits = resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
        # A write past the limit fails with EFBIG, which SQLite takes for an error of the medium.
        log = tmp_path / "state" / "state.sqlite-wal"
        await eventually(lambda: log.stat().st_size > 2 * FAILS_FROM)
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (FAILS_FROM, limits[1]))
        await eventually(lambda: "the medium of the state file fails" in agent.log)
        seen = scale.value
        await eventually(lambda: scale.value > seen + 100)
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, limits)
        await eventually(lambda: "state file: well again" in agent.log)
        scale.stand_still()
        await eventually(lambda: agent.value("belt") == scale.value)
        assert await agent.end() == 0
    assert agent.log.count("the medium of the state file fails") == 1
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)


async def test_a_state_file_damaged_under_the_running_agent_is_replaced_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    async with weighing(tmp_path) as (agent, scale, _):
        path = tmp_path / "state" / "state.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xa5" * (path.stat().st_size - 4096))
        await eventually(lambda: agent.problem("set aside as"))
        damaged = list((tmp_path / "state").glob("*.damaged-*"))
        assert any(one.suffix == ".reason" for one in damaged)
        scale.stand_still()
        await eventually(lambda: agent.value("belt") == scale.value)
        assert await agent.end() == 0
        [event] = agent.rows("SELECT kind, detail FROM events WHERE kind = 'state-damaged'")
        assert agent.rows("SELECT value FROM meta WHERE name = 'run'")
    assert "taken over" in event[1]
    counted = agent.measured("belt")
    # What had been closed and could not be read any more is lost; what is counted is true.
    assert counted <= scale.truth + 1e-9
    assert counted > scale.truth / 4
