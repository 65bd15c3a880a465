"""Programs that hang, under a service manager that starts again what gives no sign of life.

The manager is a few lines that do what systemd does (WatchdogSec=, Restart=); the test of the
package hangs both under the real one. A hang shorter than the watchdog's time must start nothing.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests import cluster
from tests.faults import kill, oracle
from tests.faults.campaign import Campaign, Say, Tally, in_turn
from tests.faults.network import until
from tests.faults.works import Member

ROUNDS = 40
WATCHDOG = 12.0
"""Seconds without a sign of life after which a program is killed and started again."""
ACTS = 8.0
"""Seconds by which a busy computer may let that come later: a sign of life is due each two."""
RESUMES = 30.0
KINDS = ("stopped", "stuck loop", "locked file", "short pause")
STUCK = """
import signal, time
signal.signal(signal.SIGUSR2, lambda *_: time.sleep(600))
"""
"""What a program begins with: a signal lets its event loop hang in Python code."""


@dataclass
class Watched:
    """A program, and when it last gave a sign of life; `restarts` counts what the manager did."""

    name: str
    program: Member | cluster.Program
    database: Path
    last: float = 0.0
    restarts: int = 0
    acted: float = 0.0
    _socket: socket.socket = field(
        default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    )

    def prepare(self, path: Path) -> None:
        """Make the manager's socket, and let the program know it."""
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        (self.program.folder / "sitecustomize.py").write_text(STUCK)
        paths = os.pathsep.join([str(self.program.folder), os.environ.get("PYTHONPATH", "")])
        self.program.wrap = ("env", f"NOTIFY_SOCKET={path}", f"PYTHONPATH={paths}")

    def signal(self, what: signal.Signals) -> None:
        assert self.program.process is not None
        self.program.process.send_signal(what)

    async def watch(self) -> None:
        """Do as a service manager does, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(1):
                    if b"=1" in await loop.sock_recv(self._socket, 4096):
                        self.last = time.monotonic()
            except TimeoutError:
                await self._act()

    async def _act(self) -> None:
        if not self.last or time.monotonic() - self.last < WATCHDOG:
            return
        self.signal(signal.SIGKILL)
        assert self.program.process is not None
        await asyncio.to_thread(self.program.process.wait, 20)
        self.restarts += 1
        self.acted = time.monotonic()
        self.last = 0.0
        await asyncio.to_thread(self.program.start)

    def close(self) -> None:
        self._socket.close()


@contextlib.contextmanager
def held(database: Path) -> Iterator[None]:
    """Hold a file so that nobody can commit to it."""
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


@contextlib.asynccontextmanager
async def laid_out(folder: Path) -> AsyncIterator[tuple[kill.Field, list[Watched]]]:
    """Lay out a plant, its broker and its hub, both under the manager's eye."""
    async with kill.laid_out(folder, kill.PLANTS[:1], victoria=False) as made:
        (agent,) = made.agents
        watched = [
            Watched("agent", agent, agent.folder / "state" / "state.sqlite"),
            Watched("hub", made.hub, made.ledger),
        ]
        for one in watched:
            one.prepare(folder / f"{one.name}.notify")
        watching = [asyncio.create_task(one.watch()) for one in watched]
        try:
            yield made, watched
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
            for one in watched:
                one.close()


async def hang(one: Watched, kind: str) -> bool:
    """Let a program hang until the manager has acted; tells whether it did in time."""
    before = one.restarts
    limit = 2 * WATCHDOG + ACTS

    def acted() -> bool:
        return one.restarts > before

    if kind == "locked file":
        with held(one.database):
            return await until(acted, limit)
    one.signal(signal.SIGSTOP if kind == "stopped" else signal.SIGUSR2)
    return await until(acted, limit)


async def pause(one: Watched, seconds: float) -> None:
    """Let a program stand for less than the watchdog's time."""
    one.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    one.signal(signal.SIGCONT)


async def block(seed: str, rounds: int, folder: Path, say: Say) -> Tally:
    """Let programs hang in turn, from a calm start to a calm end, and judge it."""
    tally, draw = Tally(), random.Random(seed)
    async with laid_out(folder) as (made, watched):
        say("starting")
        await kill.begin(made)
        faults = in_turn(draw, KINDS, watched)
        while tally.rounds < rounds:
            kind, one = next(faults)
            say(f"hang {tally.rounds + 1} of {rounds}: {kind}, {one.name}")
            await _round(made, one, kind, draw, tally)
        await kill.settle(made, tally, say)
        await kill.judge(made, tally, releases=False)
    return tally


async def _round(
    made: kill.Field, one: Watched, kind: str, draw: random.Random, tally: Tally
) -> None:
    await asyncio.sleep(draw.uniform(0, 2))
    before, begun = one.restarts, time.monotonic()
    tally.rounds += 1
    tally.faults[f"{kind}, {one.name}"] += 1
    told = f"{kind}, {one.name}"
    if kind == "short pause":
        await pause(one, draw.uniform(1, WATCHDOG / 2))
        await asyncio.sleep(1)
        tally.timely("a short pause starts nothing", one.restarts == before, told)
    else:
        acted = await hang(one, kind)
        tally.require("what hangs is started again", acted, told)
        taken = one.acted - begun
        tally.measure("seconds from the hang to the new start", taken)
        tally.timely(
            "within the watchdog's time", taken <= WATCHDOG + ACTS, f"{taken:.1f} s, {told}"
        )
    mended = time.time_ns()
    (agent,) = made.agents
    asked = f"SELECT 1 FROM records WHERE received > {mended} LIMIT 1"  # noqa: S608
    well = await until(lambda: agent.closed_to > mended and oracle.rows(made.ledger, asked), 120)
    taken = (time.time_ns() - mended) / 1e9
    tally.require("goes on", well, told)
    tally.measure(f"seconds until all is kept and received again, {one.name}", taken)
    tally.timely("goes on within 30 s", taken <= RESUMES, f"{taken:.1f} s after {told}")


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(seed, rounds, folder, say))


CAMPAIGNS = (
    Campaign("hang", "agent and hub hung, under a watchdog", ROUNDS, 20, _campaign, ("mosquitto",)),
)
