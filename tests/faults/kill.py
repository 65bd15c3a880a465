"""kill -9 of agents, broker, hub and store, in random order at random instants."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from simulation.modbus import ModbusPlant
from tests import cluster
from tests.faults import oracle, works
from tests.faults.belts import Belt
from tests.faults.campaign import Campaign, Say, Tally
from tests.faults.works import RELEASE, Member
from tests.servers import Mosquitto, Server, VictoriaMetrics

PLANTS = ("fir", "oak", "yew")
PATIENCE = 180.0
"""Seconds in which everything must have come through after the last kill."""
DEDUPLICATED = "-dedup.minScrapeInterval=1ms"
PACE = 2.4
"""Longest time between two kills, in seconds."""
NEVER = 1 << 62
HARD = "max_queued_messages 0"


@dataclass
class Target:
    """A program that is killed and started again; `alive_since` is 0 while it is down."""

    name: str
    start: Callable[[], object]
    kill: Callable[[], object]
    ready: Callable[[], bool]
    alive_since: float = 0.0
    kills: int = 0

    async def up(self) -> None:
        await asyncio.to_thread(self.start)
        self.alive_since = time.time()

    async def down(self) -> None:
        self.alive_since = 0.0
        self.kills += 1
        await asyncio.to_thread(self.kill)


@dataclass
class Field:
    """All programs of a block, and the truth of its plants."""

    folder: Path
    agents: list[Member]
    belts: dict[str, Belt]
    devices: dict[str, ModbusPlant]
    broker: Mosquitto
    hub: cluster.Program
    store: VictoriaMetrics | None
    targets: list[Target] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        return self.hub.folder / "state" / "hub-ledger.db"

    @property
    def last(self) -> int:
        """End of the windows in which the belts may have grown, in nanoseconds since 1970."""
        return max(belt.halted for belt in self.belts.values()) + 2 * RELEASE

    def pending(self) -> list[str]:
        """Name what has not yet come through to the end."""
        late = f"SELECT id FROM records WHERE status = 'queued' AND start < {self.last}"  # noqa: S608
        open_ = [f"{one.name} measures" for one in self.agents if one.closed_to < self.last]
        open_ += [f"{one.name} queues" for one in self.agents if one.rows(late)]
        return open_ or self.undecided(self.last)

    def undecided(self, before: int) -> list[str]:
        """Name what the hub has still to do about windows that start before an instant."""
        questions = {
            "figures undecided": "figures WHERE counted IS NULL AND superseded = 0",
            "cells unwritten": "cells WHERE status = 'released' AND written IS NULL",
        }
        counts = {
            what: oracle.rows(
                self.ledger,
                f"SELECT count(*) FROM {which} AND start < {before}",  # noqa: S608
            )[0][0]
            for what, which in questions.items()
        }
        return [f"{count} {what}" for what, count in counts.items() if count]


def _agent_target(one: Member) -> Target:
    status = one.folder / "run" / "status.json"
    target = Target(f"agent {one.name}", one.start, lambda: _end(one), lambda: False)
    target.ready = lambda: _newer(status, target.alive_since)
    return target


def _end(one: Member) -> None:
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait(20)


def _newer(path: Path, since: float) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime > since
    return False


def _hub_target(one: cluster.Program) -> Target:
    status = one.folder / "run" / "hub-status.json"
    target = Target("hub", one.start, one.kill, lambda: False)
    target.ready = lambda: _newer(status, target.alive_since)
    return target


def _server_target(name: str, one: Server) -> Target:
    return Target(name, one.start, one.kill, lambda: True)


@contextlib.asynccontextmanager
async def laid_out(folder: Path, plants: Sequence[str], *, victoria: bool) -> AsyncIterator[Field]:
    """Write every file and make every program; none runs but the devices."""
    broker = Mosquitto(folder / "broker", HARD)
    at = f"127.0.0.1:{broker.port}"
    hub, key = await asyncio.to_thread(works.hub, folder / "hub", at)
    store = VictoriaMetrics(folder / "store", DEDUPLICATED) if victoria else None
    agents = [Member(folder / name, name=name) for name in plants]
    belts = {name: Belt(20.0 + 7 * at) for at, name in enumerate(plants)}
    async with contextlib.AsyncExitStack() as stack:
        devices = {
            name: await stack.enter_async_context(ModbusPlant({1: belt.device()}))
            for name, belt in belts.items()
        }
        for one in agents:
            await asyncio.to_thread(one.join, at, key, "127.0.0.1", devices[one.name].port)
        kind = f'kind = "influxdb"\nurl = "{store.url}"' if store else 'kind = "sqlite"'
        works.write_hub(hub.folder, at, agents, kind)
        made = Field(folder, agents, belts, devices, broker, hub, store)
        made.targets = [*map(_agent_target, agents), _server_target("broker", broker)]
        made.targets += [_server_target("store", store)] if store else []
        made.targets += [_hub_target(hub)]
        try:
            yield made
        finally:
            for target in made.targets:
                await asyncio.to_thread(target.kill)


async def begin(made: Field) -> None:
    """Start everything; the belts move once each agent has read where they stand."""
    for target in made.targets:
        await target.up()
    await _until(lambda: all(one.closed_to for one in made.agents), "the first windows")
    for belt in made.belts.values():
        belt.begun = time.time_ns()


async def _until(holds: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - what is waited for happens in other programs
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {seconds} s") from None


async def tear(made: Field, draw: random.Random, rounds: int, tally: Tally, say: Say) -> None:
    """Kill and restart; several programs may be down at a time."""
    async with asyncio.TaskGroup() as revivals:
        while tally.rounds < rounds:
            await asyncio.sleep(draw.uniform(0, PACE))
            target = draw.choice(made.targets)
            # Mostly programs that have come to their work; some are killed while they start.
            early = draw.random() < 0.15
            await _until(
                lambda one=target, soon=early: one.alive_since and (soon or one.ready()),  # type: ignore[misc]
                target.name,
            )
            await target.down()
            tally.rounds += 1
            tally.faults[f"kill {target.name}"] += 1
            wait = draw.choice((0.0, 0.0, draw.uniform(0, 1), draw.uniform(0, 5)))
            revivals.create_task(_revive(target, wait))
            say(f"{tally.rounds} of {rounds} kills, last {target.name}")


async def last_kill(made: Field, tally: Tally) -> None:
    """Kill the broker at the end: agents come back and send at once what has no receipt."""
    broker = next(one for one in made.targets if one.name == "broker")
    await broker.down()
    tally.faults["kill broker"] += 1
    await broker.up()


async def _revive(target: Target, wait: float) -> None:
    await asyncio.sleep(wait)
    await target.up()


async def settle(made: Field, tally: Tally, say: Say) -> None:
    """Let the belts stand, and wait until all of it has come through; then stop the agents."""
    begun = time.monotonic()
    await last_kill(made, tally)
    for belt in made.belts.values():
        belt.halted = time.time_ns()
    say("belts stand; waiting until all has come through")
    try:
        await _until(lambda: not made.pending(), "the end")
    except AssertionError:
        tally.require("drained", holds=False, told=made.pending())
    for one in made.agents:
        await one.end()
    with contextlib.suppress(AssertionError):
        await _until(lambda: not made.undecided(NEVER), "the hub's end", 60)
    told = made.undecided(NEVER)
    tally.require("the hub has done its work", not told, told)
    tally.measure("seconds from the last kill to the end", time.monotonic() - begun)


async def judge(made: Field, tally: Tally, *, releases: bool = True) -> None:
    """Compare everything with everything; too few plants for a cell release none."""
    truths = {name: belt.truth for name, belt in made.belts.items()}
    oracle.quantities(tally, made.agents, truths)
    oracle.own_windows(tally, made.agents, made.last)
    oracle.ledger(tally, made.agents, made.ledger)
    oracle.decisions(tally, made.ledger)
    decided = oracle.released(made.ledger)
    tally.require("cells were released", bool(decided) == releases, len(decided))
    if made.store is None:
        oracle.store(tally, decided, oracle.in_sqlite(made.hub.folder / "state" / "cells.db"))
    else:
        await _until(lambda: _all_seen(made.store, decided), "the store's samples", 90)
        oracle.store(tally, decided, oracle.in_victoria(made.store.url))
    for name, device in made.devices.items():
        kinds = sorted(device.counts.codes)
        tally.require("reads only", kinds == [3], f"{name} was asked {kinds}")
    logs = [one.folder / "log" for one in made.agents] + [made.hub.folder / "log"]
    for path in logs:
        tally.require("no stumble", "Traceback" not in path.read_text(), path)


def _all_seen(store: VictoriaMetrics | None, decided: dict[oracle.Sample, float]) -> bool:
    assert store is not None
    return len(oracle.in_victoria(store.url)) >= len(decided)


async def block(seed: str, rounds: int, folder: Path, say: Say, *, victoria: bool) -> Tally:
    """Run one block from a calm start to a calm end, and judge it."""
    tally = Tally()
    async with laid_out(folder, PLANTS, victoria=victoria) as made:
        say("starting")
        await begin(made)
        await tear(made, random.Random(seed), rounds, tally, say)
        await settle(made, tally, say)
        await judge(made, tally)
    return tally


def _with_victoria(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(seed, rounds, folder, say, victoria=True))


def _with_sqlite(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(seed, rounds, folder, say, victoria=False))


CAMPAIGNS = (
    Campaign(
        "kill-victoria", "agents, broker, hub and a VictoriaMetrics store killed -9", 250, 125,
        _with_victoria, ("mosquitto", "victoria"),
    ),
    Campaign(
        "kill-sqlite", "agents, broker and hub with the embedded store killed -9", 250, 125,
        _with_sqlite, ("mosquitto",),
    ),
)  # fmt: skip
