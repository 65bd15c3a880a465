"""An OPC UA server that restarts, forgets, falls silent and marks values: every good value is true.

Each value names its node and the tenth of a second in which it was given, so that one of another
node, or an old one with a new time, is known from what it says.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import ua

from adapters.adapter import Health
from adapters.opcua import OpcUa
from adapters.reading import NANOSECONDS, Block, Quality
from simulation.opcua import OpcUaPlant
from tests.faults.campaign import Campaign, Say, Tally
from tests.opcuakit import READING, Wire, services, source

VALUES = 100_000
ROUNDS = 60
NODES = 60
EVERY = 0.5
"""Seconds between two values of a node."""
SLACK = 1.0
"""Seconds that a new session may take on a busy computer, on top of two intervals."""
TENTH = NANOSECONDS // 10
WIDE = 1_000_000
AGE = 60
"""Greatest age in tenths of a second of a value when it is read: the server may stand for three
seconds, and a computer be busy."""
WAYS: dict[str, dict[str, Any]] = {
    "subscribed": {"mode": "subscribe"},
    "polled": {"mode": "poll"},
}
KINDS = (
    "restart", "sessions expire", "subscriptions forgotten", "black hole", "cut", "bad status",
    "uncertain status",
)  # fmt: skip


def shown(number: int, now: int) -> int:
    """Give a node's value at an instant."""
    return number * WIDE + now // TENTH % WIDE


@dataclass
class Watch:
    """An outlet that judges every value."""

    wrong: list[str] = field(default_factory=list)
    values: int = 0
    good_since: dict[str, float] = field(default_factory=dict)
    health: dict[str, Health] = field(default_factory=dict)

    async def deliver(self, block: Block) -> None:
        for one in block.readings():
            self.values += 1
            where = f"{one.source} {one.point} {one.reason}"
            if one.quality is Quality.BAD:
                if one.value is not None:
                    self.wrong.append(f"{where}: {one.value!r} is bad")
                continue
            number, tenth = divmod(int(one.value or 0), WIDE)
            age = (one.time // TENTH - tenth) % WIDE
            if number != int(one.point[1:]) or not (age <= AGE or age == WIDE - 1):
                self.wrong.append(f"{where}: {one.value!r} at {one.time}, {age} old")
            if one.quality is Quality.GOOD:
                self.good_since[one.source] = asyncio.get_running_loop().time()

    def report(self, source: str, health: Health) -> None:
        self.health[source] = health

    def resumed(self, since: float) -> bool:
        """Tell whether every source has had a good value since an instant."""
        return len(self.good_since) == len(WAYS) and min(self.good_since.values()) > since


@dataclass
class Field:
    """The server, the wire to it, and what the adapter made of it."""

    plant: OpcUaPlant
    wire: Wire
    watch: Watch

    async def spoil(self, kind: str, draw: random.Random) -> None:
        """Let something go wrong."""
        if kind == "restart":
            await self.plant.stop()
        elif kind == "sessions expire":
            await self.plant.forget_sessions()
        elif kind == "subscriptions forgotten":
            await self.plant.forget_subscriptions()
        elif kind == "black hole":
            self.wire.hole = True
        elif kind == "cut":
            await self.wire.cut()
        else:
            bad = ua.StatusCodes.BadSensorFailure
            unsure = ua.StatusCodes.UncertainSensorNotAccurate
            status = bad if kind == "bad status" else unsure
            self.plant.frozen = True
            # Half of the bad ones come with a value, which must go no further.
            for number in draw.sample(range(NODES), NODES // 2):
                now = time.time_ns()
                value = shown(number, now)
                await self.plant.set(f"N{number}", value, at=now, status=status)
                if status == bad and number % 2:
                    await self.plant.fail(f"N{number}", status)

    async def mend(self, kind: str) -> None:
        """Let all be well again."""
        self.plant.frozen = False
        self.wire.hole = False
        if kind == "restart":
            await self.plant.start()


def _node(number: int) -> Callable[[], int]:
    return lambda: shown(number, time.time_ns())


@contextlib.asynccontextmanager
async def laid_out(queue: int) -> AsyncIterator[Field]:
    """Serve the nodes, with a server that queues so many values, and read them in each way."""
    nodes = {f"N{number}": _node(number) for number in range(NODES)}
    points = {f"n{number}": f"ns=2;s=N{number}" for number in range(NODES)}
    watch = Watch()
    async with (
        OpcUaPlant(nodes, interval=EVERY / 2, queue=queue) as plant,
        Wire(plant.port) as wire,
    ):
        sources = [
            source(
                wire.url(plant.url), points, name, every=f"{EVERY * 1000:g} ms",
                timeout="500 ms", **more,
            )
            for name, more in WAYS.items()
        ]  # fmt: skip
        running = asyncio.create_task(OpcUa().run(sources, watch, {}))
        try:
            yield Field(plant, wire, watch)
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def block(
    seed: str, rounds: int, tally: Tally, say: Say, values: int, queue: int = 1
) -> None:
    """Spoil and mend until there were enough rounds and enough values."""
    draw, loop = random.Random(seed), asyncio.get_running_loop()
    async with laid_out(queue) as made:
        await _resumed(made, loop.time(), 20)
        while tally.rounds < rounds or made.watch.values < values:
            await _round(made, draw, tally)
            await asyncio.sleep(draw.uniform(0, 2))
            say(f"{tally.rounds} of {rounds} faults, {made.watch.values} of {values} values")
        tally.wrong += len(made.watch.wrong)
        tally.problems += made.watch.wrong[:10]
        tally.checked["values"] += made.watch.values
        asked = [one for link in made.wire.links for one in services(bytes(link))]
        tally.checked["requests"] += len(asked)
        tally.checked["connections"] += len(made.wire.links)
        others = set(asked) - READING
        tally.require("reading services only", bool(asked) and not others, others)


async def _round(made: Field, draw: random.Random, tally: Tally) -> None:
    loop, kind = asyncio.get_running_loop(), draw.choice(KINDS)
    await made.spoil(kind, draw)
    hold = draw.uniform(0.1, 3)
    await asyncio.sleep(hold)
    await made.mend(kind)
    healed = loop.time()
    tally.rounds += 1
    tally.faults[kind] += 1
    await _resumed(made, healed, 30)
    taken = loop.time() - healed
    tally.measure(f"seconds until all are read again after {kind}", taken)
    patience = _patience(kind) + SLACK
    tally.timely("read again in time", taken <= patience, f"{taken:.2f} s after {kind}")
    sessions = made.plant.sessions
    tally.require("one session a source", sessions <= len(WAYS), f"{sessions} after {kind}")


def _patience(kind: str) -> float:
    """Give the seconds in which values must flow again.

    A server that silently forgot is found out by its silence, and a black hole's packets come only
    when they are sent again.
    """
    silent = kind in ("subscriptions forgotten", "black hole")
    return 10.0 if silent else 2 * EVERY + 1.0


async def _resumed(made: Field, since: float, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not made.watch.resumed(since):  # noqa: ASYNC110 - the outlet has no event
                await asyncio.sleep(0.01)
            return True
    return False


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    tally = Tally()
    asyncio.run(
        block(seed, rounds, tally, say, VALUES * rounds // ROUNDS, 1 if number % 2 else 100)
    )
    return tally


CAMPAIGNS = (
    Campaign("nodes-opcua", "an OPC UA server, subscribed and polled", ROUNDS, 30, _campaign),
)
