"""A disk that is full, fails or is slow, under agent and hub: nothing is lost but what is told.

Both keep their state on small disks of their own (tmpfs). A failing medium is made by strace, which
answers the program's writes and syncs in the kernel's place, or by a limit on the size of files.
"""

import asyncio
import contextlib
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.keeping.room import DROPPED_DETAILS
from tests import cluster
from tests.faults import kill, oracle
from tests.faults.campaign import Campaign, Say, Tally, in_turn
from tests.faults.network import until
from tests.faults.works import Member
from tests.servers import program

ROUNDS = 60
MEGABYTES = 16
OUTBOX = '\n[outbox]\nreserve = "1 MB"\n'
HOLDS = (2.5, 6.0)
"""Least and most seconds that a fault lasts: longer than a release window."""
RESUMES = 30.0
CALLS = "pwrite64,fdatasync,fsync,ftruncate"
INJECTED = {
    "writes fail": ("pwrite64", "error=EIO"),
    "syncs fail": ("fdatasync,fsync", "error=EIO"),
    "one call in three fails": (CALLS, "error=EIO:when=2+3"),
    "slow syncs": ("fdatasync,fsync", "delay_enter=700000"),
}
"""Each way in which a medium fails: calls, and what strace does to them (delays in us)."""
TELLING = ("no room", "nearly full", "medium")
KINDS = ("full", "full with the reserve", "full at the start", "files that cannot grow", *INJECTED)


@dataclass
class Victim:
    """A program, and how it is started and killed."""

    name: str
    program: Member | cluster.Program
    target: kill.Target

    @property
    def disk(self) -> Path:
        return self.program.folder / "state"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self.program.process is not None
        return self.program.process

    @property
    def log(self) -> Path:
        return self.program.folder / "log"

    def said(self) -> int:
        """Count the lines that tell of the disk."""
        lines = self.log.read_text().splitlines()
        return sum(any(word in line for word in TELLING) for line in lines)


@contextlib.contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    """Mount a small disk on a folder, with what is in the folder on it."""
    at.mkdir(exist_ok=True)
    aside = at.with_name(f"{at.name}-aside")
    shutil.copytree(at, aside, copy_function=shutil.copy2)
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "none", str(at)]
    subprocess.run(command, check=True)
    try:
        shutil.copytree(aside, at, dirs_exist_ok=True)
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


def fill(disk: Path) -> None:
    """Take all that is left, to the last block, by a file of somebody else's."""
    with (disk / "other").open("ab", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(bytes(4096))


async def full(one: Victim, hold: float, *, everything: bool) -> None:
    """Fill a disk for a while; `everything` takes what the program gives up too, each time."""
    end = time.monotonic() + hold
    try:
        await asyncio.to_thread(fill, one.disk)
        while time.monotonic() < end:
            await asyncio.sleep(0.2)
            if everything:
                await asyncio.to_thread(fill, one.disk)
    finally:
        (one.disk / "other").unlink()


async def full_at_the_start(one: Victim, hold: float) -> None:
    """Kill the program, and let it begin on a full disk."""
    await one.target.down()
    await asyncio.to_thread(fill, one.disk)
    size = one.log.stat().st_size
    await one.target.up()
    await until(lambda: one.log.stat().st_size > size, 60)
    await full(one, hold, everything=False)


async def files_that_cannot_grow(one: Victim, hold: float) -> None:
    """Let writes past a place fail with EFBIG, which SQLite takes for an error of the medium."""
    soft, hard = resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (32_768, hard))
    await asyncio.sleep(hold)
    resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


async def injected(one: Victim, calls: str, how: str, hold: float) -> None:
    """Let the kernel's answers be others for a while."""
    command = [program("strace"), "-f", "-qq", "-o", "/dev/null", "-p", str(one.process.pid)]
    command += ["-e", f"trace={calls}", "-e", f"inject={calls}:{how}"]
    tracer = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    await asyncio.sleep(hold)
    tracer.send_signal(signal.SIGINT)
    await tracer.wait()


async def spoil(one: Victim, kind: str, hold: float) -> None:
    """Make one fault and mend it."""
    if kind.startswith("full at"):
        await full_at_the_start(one, hold)
    elif kind.startswith("full"):
        await full(one, hold, everything="reserve" in kind)
    elif kind in INJECTED:
        await injected(one, *INJECTED[kind], hold)
    else:
        await files_that_cannot_grow(one, hold)


@contextlib.asynccontextmanager
async def laid_out(folder: Path) -> AsyncIterator[tuple[kill.Field, list[Victim]]]:
    """Lay out a plant, its broker and its hub, with agent's and hub's state on small disks."""
    async with kill.laid_out(folder, kill.PLANTS[:1], victoria=False) as made:
        (agent,) = made.agents
        with (agent.folder / "plant.toml").open("a") as file:
            file.write(OUTBOX)
        by_name = {one.name: one for one in made.targets}
        victims = []
        # Programs are killed before the disks go: the disks are unmounted at once all the same.
        with contextlib.ExitStack() as stack:
            programs: tuple[tuple[str, Member | cluster.Program], ...]
            programs = (("agent fir", agent), ("hub", made.hub))
            for name, owner in programs:
                stack.enter_context(small_disk(owner.folder / "state"))
                victims.append(Victim(name.split()[0], owner, by_name[name]))
            try:
                yield made, victims
            finally:
                for target in made.targets:
                    await asyncio.to_thread(target.kill)


async def block(seed: str, rounds: int, folder: Path, say: Say) -> Tally:
    """Run faults of the disks from a calm start to a calm end, and judge it."""
    tally, draw = Tally(), random.Random(seed)
    async with laid_out(folder) as (made, victims):
        say("starting")
        await kill.begin(made)
        faults = in_turn(draw, KINDS, victims)
        while tally.rounds < rounds:
            kind, one = next(faults)
            say(f"fault {tally.rounds + 1} of {rounds}: {kind}, {one.name}")
            await _round(made, one, kind, draw.uniform(*HOLDS), tally)
        await kill.settle(made, tally, say)
        _told(made, tally)
        tally.require("faults were felt", tally.checked["faults felt"] > 0)
        await kill.judge(made, tally, releases=False)
    return tally


async def _round(made: kill.Field, one: Victim, kind: str, hold: float, tally: Tally) -> None:
    said = one.said()
    await spoil(one, kind, hold)
    healed = time.time_ns()
    tally.rounds += 1
    tally.faults[f"{kind}, {one.name}"] += 1
    (agent,) = made.agents
    told = f"{kind}, {one.name}, {hold:.1f} s"
    tally.require("no program ended by it", one.process.poll() is None, told)
    felt = one.said() > said
    tally.checked["faults felt"] += felt
    # A full disk is not felt while the file has room within itself, nor each third call by each.
    if not kind.startswith(("full", "slow", "one call")):
        tally.require("a failing medium is told", felt, told)
    asked = f"SELECT 1 FROM records WHERE received > {healed} LIMIT 1"  # noqa: S608
    well = await until(lambda: agent.closed_to > healed and oracle.rows(made.ledger, asked), 120)
    taken = (time.time_ns() - healed) / 1e9
    tally.require("goes on by itself", well, told)
    tally.measure(f"seconds until all is kept and received again, {one.name}", taken)
    tally.timely("goes on within 30 s", taken <= RESUMES, f"{taken:.1f} s after {told}")


def _told(made: kill.Field, tally: Tally) -> None:
    """Hold what was given up for want of room against what the agent tells of it."""
    (agent,) = made.agents
    gone = "SELECT count(*) FROM records WHERE status = 'dropped'"
    events = "SELECT count(*) FROM events WHERE kind = 'record-dropped'"
    bare = "SELECT count(*) FROM records WHERE plain = '{}' AND status != 'dropped'"
    kept = f"SELECT value FROM meta WHERE name = '{DROPPED_DETAILS}'"  # noqa: S608
    counted = [int(row[0]) for row in agent.rows(kept)] or [0]
    for what, one, other in (
        ("records dropped are told", agent.rows(gone)[0][0], agent.rows(events)[0][0]),
        ("details dropped are counted", agent.rows(bare)[0][0], counted[0]),
    ):
        tally.require(what, one == other, f"{one}, told {other}")
        tally.measure(what, one)


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(seed, rounds, folder, say))


CAMPAIGNS = (
    Campaign(
        "disk", "disks of agent and hub full, failing and slow", ROUNDS, 20, _campaign,
        ("root", "namespaces", "mosquitto", "strace"),
    ),
)  # fmt: skip
