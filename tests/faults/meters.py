"""Modbus devices that answer late, wrongly, in part or not at all: every good value is true.

Each value names its device and register, and the tenth of a second in which it was given: one of
another register, of another device or of an old answer is known from what it says.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.adapter import Health, Source
from adapters.reading import NANOSECONDS, Block
from simulation.modbus import Device, Framing, ModbusPlant
from tests.faults.campaign import Campaign, Say, Tally
from tests.modbuskit import PROTOCOLS, source

READS = 100_000
"""Requests of the whole campaign."""
ROUNDS = 200
EVERY = 0.2
"""Seconds between two polls of a device."""
TIMEOUT = 0.1
DEVICES = 6
"""Devices of each line."""
FIRST = (0, 100, 9000)
WIDE = 4
HOLE = 100
"""Address in no device's map, asked for by one device of each line."""
TENTH = NANOSECONDS // 10
AGE = 15
"""Greatest age of a value in tenths of a second: an answer older than its timeout, and a beat."""
SLACK = 0.5
"""Seconds that a busy computer may take on top of two intervals."""
KINDS = (
    "late", "wrong transaction", "other device", "short", "garbage", "exception", "black hole",
    "half-open", "refusal", "restart", "hang up", "cut", "silent device",
)  # fmt: skip


def told(device_id: int, address: int, tenth: int) -> int:
    """Give a uint32: device and register above, the tenth of a second below."""
    return (device_id * 977 + address) % 65_536 << 16 | tenth % 65_536


def true_at(value: object, device_id: int, address: int, now: int) -> bool:
    """Tell whether a value is of this register, and of shortly before an instant."""
    if not isinstance(value, int | float):
        return False
    given, tenth = divmod(int(value), 65_536)
    return given == (device_id * 977 + address) % 65_536 and (now // TENTH - tenth) % 65_536 <= AGE


def registers(device_id: int, clock: Callable[[], int]) -> Callable[[int], int | None]:
    """Make a device's map: pairs of registers, both of the instant at which it is asked."""
    held = dict[int, int]()

    def read(at: int) -> int | None:
        base = at - at % 2
        if not any(first <= at < first + 2 * WIDE for first in FIRST):
            return None
        if at == base:
            held[base] = told(device_id, base, clock() // TENTH)
        value = held.get(base, 0)
        return value >> 16 if at == base else value & 0xFFFF

    return read


@dataclass
class Line:
    """A server with its devices, and what the adapter made of them."""

    name: str
    plant: ModbusPlant
    protocol: str
    wrong: list[str] = field(default_factory=list)
    values: int = 0
    good_since: dict[str, float] = field(default_factory=dict)
    """When each source was last read without fault, on the loop's clock."""
    health: dict[str, Health] = field(default_factory=dict)
    silent: int = 0

    def sources(self) -> list[Source]:
        """Make a source for each device; the last one has a hole in its map."""
        return [
            source(
                self.plant, _points(number), f"{self.name} {number}", self.protocol,
                device_id=number, every=f"{EVERY * 1000:g} ms", timeout=f"{TIMEOUT * 1000:g} ms",
            )
            for number in range(1, DEVICES + 1)
        ]  # fmt: skip

    async def deliver(self, block: Block) -> None:
        """Judge every value of a block."""
        now = time.time_ns()
        device_id = int(block.source.rsplit(" ", 1)[1])
        for at, (point, value) in enumerate(zip(block.points, block.values, strict=True)):
            self.values += 1
            fault = block.faults.get(at)
            if fault is None and not true_at(value, device_id, int(point[1:]), now):
                self.wrong.append(f"{block.source} {point}: {value!r}")
            elif fault is not None and (value is not None or not fault.reason):
                self.wrong.append(f"{block.source} {point}: {value!r} for {fault}")
        bad = {block.points[at] for at in block.faults}
        if not bad - {f"r{2 * WIDE}"}:
            self.good_since[block.source] = asyncio.get_running_loop().time()

    def report(self, source: str, health: Health) -> None:
        """Keep a source's health."""
        self.health[source] = health

    def resumed(self, since: float) -> bool:
        """Tell whether every device was read without fault since an instant."""
        return len(self.good_since) == DEVICES and min(self.good_since.values()) > since

    async def spoil(self, kind: str, draw: random.Random) -> None:
        """Let something go wrong."""
        faults = self.plant.faults
        if kind == "late":
            faults.delay = draw.uniform(0.5, 3) * TIMEOUT
        elif kind == "exception":
            self.plant.devices[draw.randint(1, DEVICES)].exception = draw.choice((4, 6, 11))
        elif kind == "refusal":
            self.plant.devices[draw.randint(1, DEVICES)].exception = 2
        elif kind == "silent device":
            self.plant.devices[draw.randint(1, DEVICES)].silent = True
        elif kind == "half-open":
            self.plant.forget()
        elif kind == "cut":
            self.plant.drop()
        elif kind == "restart":
            await self.plant.stop()
        else:
            setattr(faults, *_SWITCHES[kind])

    async def mend(self, kind: str) -> None:
        """Let all be well again."""
        self.plant.faults = type(self.plant.faults)()
        for device in self.plant.devices.values():
            device.exception, device.silent = 0, False
        if kind == "restart":
            await self.plant.start()


_SWITCHES: dict[str, tuple[str, Any]] = {
    "wrong transaction": ("transaction", 1),
    "other device": ("other_device", 1),
    "short": ("short", 1),
    "garbage": ("garbage", True),
    "black hole": ("paused", True),
    "hang up": ("drop", True),
}


def _points(number: int) -> dict[str, dict[str, Any]]:
    addresses = [first + 2 * at for first in FIRST for at in range(WIDE)]
    if number == DEVICES:
        addresses.append(2 * WIDE)  # just past the first span: a hole
    return {f"r{at}": {"register": 40_001 + at, "type": "uint32"} for at in addresses}


@contextlib.asynccontextmanager
async def line(name: str, framing: Framing) -> AsyncIterator[Line]:
    """Serve a line's devices and poll them."""
    devices = {n: Device(registers=registers(n, time.time_ns)) for n in range(1, DEVICES + 1)}
    protocol = "modbus-tcp" if framing == "tcp" else "modbus-rtu-tcp"
    async with ModbusPlant(devices, framing=framing) as plant:
        made = Line(name, plant, protocol)
        running = asyncio.create_task(PROTOCOLS[protocol].run(made.sources(), made, {}))
        try:
            yield made
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def block(seed: str, rounds: int, tally: Tally, say: Say, reads: int) -> None:
    """Spoil and mend lines in turn until there were enough rounds and enough requests."""
    draw = random.Random(seed)
    loop = asyncio.get_running_loop()
    async with line("tcp", "tcp") as one, line("rtu", "rtu") as two:
        lines = (one, two)
        begun = loop.time()
        await _resumed(lines, loop.time(), 20)
        while tally.rounds < rounds or sum(each.plant.counts.requests for each in lines) < reads:
            await _round(lines, draw, tally)
            count = sum(each.plant.counts.requests for each in lines)
            say(f"{tally.rounds} of {rounds} faults, {count} of {reads} requests")
        seconds = loop.time() - begun
    for each in lines:
        _judge(each, tally, seconds)


async def _round(lines: Sequence[Line], draw: random.Random, tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    which = draw.choice(lines)
    # RTU framing has no transaction id.
    kinds = [kind for kind in KINDS if which.protocol == "modbus-tcp" or "trans" not in kind]
    kind = draw.choice(kinds)
    before = which.plant.counts.connections
    begun = loop.time()
    await which.spoil(kind, draw)
    await asyncio.sleep(draw.uniform(0.05, 1.5))
    held = loop.time() - begun
    await which.mend(kind)
    healed = loop.time()
    tally.rounds += 1
    tally.faults[kind] += 1
    well = await _resumed([which], healed, 5)
    taken = loop.time() - healed
    tally.measure("seconds until all are read again, at most", taken)
    patience = _patience(kind, held)
    tally.timely(
        "read again within two intervals", well and taken <= patience + SLACK,
        f"{which.name}: {taken:.2f} s after {kind} of {held:.2f} s",
    )  # fmt: skip
    # A pause before each connection, doubled up to the interval: no storm.
    most = 3 + (held + taken) / (EVERY / 2)
    made = which.plant.counts.connections - before
    tally.require("no storm of connections", made <= most, f"{made} after {kind} of {held:.2f} s")
    tally.require("one connection", len(which.plant._links) <= 1, which.name)


def _patience(kind: str, held: float) -> float:
    """Give the seconds in which every device must be read again.

    What a device had and refuses is asked for after a second, then in pauses that double. A silent
    device on a line it shares is asked each ten timeouts at least, here more than two intervals.
    """
    if kind == "refusal":
        return max(2 * EVERY, 2 * held + 1)
    return max(2 * EVERY, 10 * TIMEOUT) if kind == "silent device" else 2 * EVERY


async def _resumed(lines: Sequence[Line], since: float, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not all(one.resumed(since) for one in lines):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
            return True
    return False


def _judge(each: Line, tally: Tally, seconds: float) -> None:
    tally.wrong += len(each.wrong)
    tally.problems += each.wrong[:10]
    counts = each.plant.counts
    tally.checked["values"] += each.values
    tally.checked["requests"] += counts.requests
    # Four spans a device for the one with a hole, and each round once.
    cap = (3 * DEVICES + 3) / EVERY
    tally.measure(f"requests a second on {each.name}", counts.requests / seconds)
    tally.require("requests under the cap", counts.requests / seconds <= cap, counts.requests)
    tally.require("reads only", set(counts.codes) == {3}, counts.codes)
    tally.require("every device polled", set(counts.devices) == set(each.plant.devices))


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    tally = Tally()
    asyncio.run(block(seed, rounds, tally, say, READS * rounds // ROUNDS))
    return tally


CAMPAIGNS = (
    Campaign("meters-modbus", "Modbus TCP and RTU framing, all faults", ROUNDS, 50, _campaign),
)
