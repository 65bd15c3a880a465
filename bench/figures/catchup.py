"""Catch-up: an agent that was without its broker for hours meets its hub again.

The past is measured by the agent's own engine on a clock of the benchmark's; then broker, hub and
agent run as programs, with the agent's backlog rate as it is by default. Short release windows make
live records come while the backlog drains; the ledger of the hub tells when each was stored.
"""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from adapters.reading import NANOSECONDS
from agent.keeping.outbox import Outbox
from agent.running.assembly import memory, sealer
from agent.running.engine import HORIZON, Engine
from bench import streams
from bench.frame import Bench, Figure, Goal, Say
from bench.process import program, python
from config.load import load_plant
from simulation.modbus import Device, ModbusPlant
from tests.servers import Mosquitto

STREAMS = 50
WINDOW = 10
"""Seconds of a release window."""
OFFLINE = 72 * 3600
MINUTES = Goal(15 * 60.0)
DELAY = Goal(2.0)
"""Seconds a live record may take longer beside the backlog than after it."""
FIVEFOLD = Goal(5.0, least=True)
_WINDOWS = f"""
measure = "{WINDOW} s"
release = "{WINDOW} s"
grace = "500 ms"
jitter = "100 ms"
checkpoint = "1 s"
"""
_HUB = """
[hub]
cluster = "bench"
broker = "mqtt://127.0.0.1:{port}"
insecure = true
key_file = "hub.key"
[limits]
daily_megabytes = 10000
daily_records = 1000000
[store]
kind = "sqlite"
[state]
directory = "state"
runtime = "run"
{member}
"""
_MEMBER = """
[[members]]
name = "bench"
owner = "Bench"
place = "bench"
key = "{key}"
"""


@dataclass(frozen=True, slots=True)
class Drained:
    """What the ledger tells: records of the past, and how late live ones were, in seconds."""

    records: int
    rate: float
    beside: float
    after: float


def _registers(at: int) -> int | None:
    if at >= 2 * STREAMS:
        return None
    value = streams.shown(at // 2, time.time_ns())
    return value & 0xFFFF if at % 2 else value >> 16


def _measure_past(folder: Path, records: int) -> None:
    """Leave an outbox in which so many records wait, the last of the window that ended now."""
    plan = load_plant(folder / "plant.toml", {})
    end = time.time_ns()
    with Outbox.open(Path(plan.state_dir), end) as outbox:
        engine = Engine(plan, sealer(plan), lambda: 0, memory(outbox, plan), HORIZON)
        for step in range(records + 2):
            now = end - (records + 1 - step) * WINDOW * NANOSECONDS
            engine.advance(now)
            engine.take(streams.block(STREAMS, now))
            if step % 50 == 0 or step == records + 1:
                outbox.commit(engine.commit(), now)


def _rows(folder: Path, file: str, query: str) -> list[tuple[int, ...]]:
    path = folder / "state" / file
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(query).fetchall()


def _sidestream(folder: Path, *words: str) -> str:
    done = subprocess.run(
        python("agent.cli", *words), cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


async def _until(condition: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {seconds:.0f} s")
        await asyncio.sleep(0.5)


def _write(folder: Path, port: int, device: int) -> tuple[Path, Path]:
    """Write the files and keys of a hub and its member."""
    hub, agent = folder / "hub", folder / "agent"
    hub.mkdir()
    agent.mkdir()
    (hub / "hub.toml").write_text(_HUB.format(port=port, member=""))
    key = json.loads(_sidestream(hub, "hub", "key", "hub.toml", "--create", "--json"))["key"]
    text = streams.plant(STREAMS, key, port, device, _WINDOWS)
    (agent / "plant.toml").write_text(text)
    member = _MEMBER.format(key=streams.make_key(agent / "plant.toml"))
    (hub / "hub.toml").write_text(_HUB.format(port=port, member=member))
    return hub, agent


async def measure(records: int, say: Say) -> Drained:
    """Let so many records wait, let agent and hub meet, and watch until live records follow."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        folder = Path(name)
        broker = Mosquitto(folder / "broker", "max_queued_messages 0")
        async with ModbusPlant({1: Device(registers=_registers)}) as device:
            hub, agent = await asyncio.to_thread(_write, folder, broker.port, device.port)
            say(f"measuring the past of {records} records")
            await asyncio.to_thread(_measure_past, agent, records)
            broker.start()
            try:
                return await _meet(hub, agent, records, say)
            finally:
                broker.stop()


async def _meet(hub: Path, agent: Path, records: int, say: Say) -> Drained:
    running = program(python("agent.cli", "hub", "run", str(hub / "hub.toml")), hub / "log")
    with running:
        await _until(lambda: _linked(hub), "the hub", 60)
        met = time.time_ns()
        waiting = f"SELECT count(*) FROM records WHERE status = 'queued' AND \"end\" < {met}"  # noqa: S608
        with program(python("agent.cli", "run", str(agent / "plant.toml")), agent / "log"):
            say("draining")

            def left() -> int:
                return _rows(agent, "state.sqlite", waiting)[0][0]

            await _until(lambda: not left(), "the end of the backlog", 60 + records / 4)
            drained = time.time_ns()
            late = f'SELECT count(*) FROM records WHERE "end" > {drained}'  # noqa: S608
            await _until(lambda: _rows(hub, "hub-ledger.db", late)[0][0] > 1, "live records", 60)
    return _judged(_rows(hub, "hub-ledger.db", 'SELECT received, "end" FROM records'), met)


def _linked(hub: Path) -> bool:
    path = hub / "run" / "hub-status.json"
    return path.exists() and bool(json.loads(path.read_text())["broker_up"])


def _judged(rows: list[tuple[int, ...]], met: int) -> Drained:
    old = sorted(received for received, end in rows if end < met)
    # The first live window began before the agent did.
    first = met + 2 * WINDOW * NANOSECONDS
    live = [(got, (got - end) / NANOSECONDS) for got, end in rows if end > first]
    beside = [late for got, late in live if got <= old[-1]]
    after = [late for got, late in live if got > old[-1]]
    rate = (len(old) - 1) * NANOSECONDS / (old[-1] - old[0])
    return Drained(len(old), rate, max(beside, default=float("nan")), max(after))


def run(full: bool, say: Say) -> list[Figure]:
    """Drain half of what 72 hours leave with a record a minute, or a sixth of it."""
    found = asyncio.run(measure(OFFLINE // 60 // (2 if full else 6), say))
    return [
        Figure(
            "catch-up, beside records that come live", "records/s", found.rate, 1 / WINDOW,
            "live", "times", FIVEFOLD,
        ),
        Figure(
            "catch-up, 72 h of a record a minute", "s", OFFLINE / 60 / found.rate,
            goal=MINUTES, note=f"{STREAMS} streams",
        ),
        Figure(
            "catch-up, what a live record waits beside it", "s", found.beside, found.after,
            "after it", "beyond", DELAY,
        ),
    ]  # fmt: skip


BENCH = Bench("catchup", "72 hours of records drain to a hub, with live ones beside them", run)
