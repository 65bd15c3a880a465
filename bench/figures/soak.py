"""Soak: memory and descriptors after a simulated day, and after thousands of real cycles.

A day of a thousand points is 86 400 cycles. The agent's own engine, state file and record of newest
values live through it on a clock of the benchmark's; a hub's receipts are played. What that leaves
out (devices, event loop, broker, status file) runs as the program itself, polling twenty times a
second instead of once, so that as many cycles pass in minutes as in hours.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.reading import NANOSECONDS
from agent.keeping.outbox import Outbox
from agent.running.assembly import memory, sealer
from agent.running.engine import HORIZON, Engine
from agent.running.status import Board
from bench import streams
from bench.frame import Bench, Figure, Goal, Say
from bench.process import free_port, program, python, wait_for_port
from config.load import load_plant
from gateway.keys import HubKey
from simulation.modbus import Device, ModbusPlant
from tests.servers import Mosquitto

STREAMS = 50
SPARE = 950
BLOCK = 95
HOUR = 3600
START = 1_772_323_200 * NANOSECONDS
"""2026-03-01T00:00:00Z."""
GROWTH = Goal(1.02)
NONE = Goal(0.0)
EVERY = 0.05
SETTLING = 90
"""Seconds (1 800 cycles) in which the cache of the state file fills: not growth yet."""


@dataclass(frozen=True, slots=True)
class Held:
    """Resident memory of a process in megabytes, and its open descriptors."""

    megabytes: float
    descriptors: int


def held(pid: int) -> Held:
    """Look at a process (smaps_rollup)."""
    process = psutil.Process(pid)
    return Held(process.memory_full_info().rss / 1e6, process.num_fds())


class _Day:
    """An agent without devices and broker, driven second by second."""

    def __init__(self, folder: Path) -> None:
        key = HubKey(Ed25519PrivateKey.generate()).public
        file = folder / "plant.toml"
        file.write_text(streams.plant(STREAMS, str(key), spare=SPARE))
        self.plan = load_plant(file, {})
        self.outbox = Outbox.open(Path(self.plan.state_dir), START)
        known = memory(self.outbox, self.plan)
        self.engine = Engine(self.plan, sealer(self.plan), lambda: 0, known, HORIZON)
        self.board = Board()
        self.committed = START

    def second(self, number: int) -> None:
        """Read a thousand points, close what is due, commit, and take the hub's receipts."""
        now = START + number * NANOSECONDS
        found = streams.block(STREAMS, now)
        self.board.note(found)
        self.engine.take(found)
        for first in range(0, SPARE, BLOCK):
            unused = streams.spare_block(first, BLOCK, now)
            self.board.note(unused)
            self.engine.take(unused)
        self.engine.advance(now)
        if self.engine.restless or now - self.committed >= self.plan.windows.checkpoint:
            self.outbox.commit(self.engine.commit(), now)
            self.committed = now
        if number % HOUR == HOUR - 1:
            self.outbox.trim(self.plan.outbox, now)
            waiting = self.outbox.queued(now + HOUR * NANOSECONDS, 100, newest=False)
            self.outbox.settle([record.id for record in waiting], [], now)


def day(hours: int, say: Say) -> tuple[Held, Held]:
    """Live through the hours; gives what is held after the first and after the last."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        agent = _Day(Path(name))
        first = held(os.getpid())
        for number in range(hours * HOUR):
            agent.second(number)
            if number == HOUR - 1:
                first = held(os.getpid())
            if number % HOUR == 0:
                say(f"hour {number // HOUR + 1} of {hours}")
        last = held(os.getpid())
        agent.outbox.close()
    return first, last


def cycles(seconds: int, say: Say) -> tuple[Held, Held]:
    """Run the program on a device polled every 50 ms; gives what it holds, early and at the end."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        folder, port = Path(name), free_port()
        broker = Mosquitto(folder / "broker")
        key = HubKey(Ed25519PrivateKey.generate()).public
        windows = 'measure = "10 s"\nrelease = "10 s"\ngrace = "1 s"\ncheckpoint = "1 s"'
        text = streams.plant(STREAMS, str(key), broker.port, port, windows, SPARE)
        # No hub listens: what the broker has taken has left.
        text = text.replace("[windows]", "receipts = false\n[windows]", 1)
        (folder / "plant.toml").write_text(text.replace("[sources.works.points]", _FAST, 1))
        broker.start()
        try:
            with program(python("bench.figures.soak", str(port)), folder / "device.log"):
                wait_for_port(port)
                agent = python("agent.cli", "run", str(folder / "plant.toml"))
                with program(agent, folder / "log") as running:
                    return _watched(running.pid, seconds, say)
        finally:
            broker.stop()


_FAST = f'every = "{EVERY * 1000:.0f} ms"\n[sources.works.points]'


def _watched(pid: int, seconds: int, say: Say) -> tuple[Held, Held]:
    """Wait until the agent has settled, look, wait on, and look again."""
    say(f"the program settles for {SETTLING} s")
    time.sleep(SETTLING)
    first = held(pid)
    say(f"and runs for {seconds - SETTLING} s more")
    time.sleep(seconds - SETTLING)
    return first, held(pid)


def run(full: bool, say: Say) -> list[Figure]:
    """Live through a day (or three hours), and run the program for minutes."""
    hours, seconds = (24, 180) if full else (3, 135)
    figures = _figures(f"soak, {hours} simulated hours", *day(hours, say))
    count = round(seconds / EVERY)
    return [*figures, *_figures(f"soak, {count} cycles of the program", *cycles(seconds, say))]


def _figures(name: str, first: Held, last: Held) -> list[Figure]:
    return [
        Figure(f"{name}: memory", "MB", last.megabytes, first.megabytes, "early", "times", GROWTH),
        Figure(
            f"{name}: descriptors", "", last.descriptors, first.descriptors, "early", "beyond", NONE
        ),
    ]


BENCH = Bench("soak", "memory and descriptors after a day of a thousand points", run)


def _register(at: int) -> int | None:
    now = time.time_ns()
    if at >= 2 * STREAMS:
        return (at + now // NANOSECONDS) % 65_536
    value = streams.shown(at // 2, now)
    return value & 0xFFFF if at % 2 else value >> 16


async def _serve(port: int) -> None:
    async with ModbusPlant({1: Device(registers=_register)}, port=port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1])))
