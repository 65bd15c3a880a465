"""Ten simulated Modbus devices with scattered registers, served by a process of their own.

`python -m bench.devices [POINTS [DEVICES]]` prints the ports as one line of JSON, then answers each
line of its input with what has been asked of the devices since the line before, and ends with its
input.
"""

import asyncio
import json
import math
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from adapters.modbus.plan import Cut, requests
from adapters.modbus.points import Span
from simulation.modbus import Device, ModbusPlant

DEVICES = 10
POINTS = 100
"""Points of each device, unless others are asked for."""
LIMIT = 125
"""Most registers in one answer."""
REFRESH = 0.25
"""Seconds between two changes of the values."""

Type = Literal["uint16", "uint32", "float32"]
_LENGTHS: dict[Type, int] = {"uint16": 1, "uint32": 2, "float32": 2}
_TYPES: Sequence[Type] = ("uint16", "uint16", "uint32", "float32")
_SPARE, _HOLE, _JUMP = 0.20, 0.03, 0.02
"""Chances, before each point, of registers nobody wants, of a hole, and of a long way."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a device: its first address from 0, and how it is written."""

    name: str
    address: int
    type: Type

    @property
    def span(self) -> Span:
        """The addresses it takes."""
        return Span("holding", self.address, _LENGTHS[self.type])


@dataclass(frozen=True, slots=True)
class Layout:
    """A device's map: its points, the registers it answers between them, and where holes end."""

    points: tuple[Point, ...]
    spare: tuple[int, ...]
    cuts: frozenset[Cut]

    def minimum(self) -> tuple[Span, ...]:
        """Plan the fewest requests that read every point when all holes are known."""
        return requests((point.span for point in self.points), {"holding": LIMIT}, self.cuts)


def layout(number: int, count: int = POINTS) -> Layout:
    """Give the map of device `number`, of `count` points: scattered, and the same each time."""
    draw = random.Random(number)
    points: list[Point] = []
    spare: list[int] = []
    cuts: set[Cut] = set()
    address = draw.randrange(100)
    for index in range(count):
        chance = draw.random()
        if chance < _HOLE + _JUMP:
            address += draw.randint(1, 4) if chance < _HOLE else draw.randint(130, 400)
            cuts.add(("holding", address))
        elif chance < _HOLE + _JUMP + _SPARE:
            unwanted = draw.randint(1, 5)
            spare += range(address, address + unwanted)
            address += unwanted
        point = Point(f"p{index:02}", address, draw.choice(_TYPES))
        points.append(point)
        address = point.span.end
    return Layout(tuple(points), tuple(spare), frozenset(cuts))


def value(point: Point, seconds: float) -> float:
    """Give what a point says: counts rise, measurements swing, so that every value is alive."""
    if point.type == "uint32":
        return int(seconds * (10 + point.address % 90)) % 2**32
    swing = math.sin(seconds / 60 + point.address)
    return int(5000 + 4000 * swing) if point.type == "uint16" else 50 + 40 * swing


def words(points: Iterable[Point], seconds: float) -> Iterator[tuple[int, int]]:
    """Give each register of the points as (address, word), high word first."""
    codes = {"uint16": ">H", "uint32": ">I", "float32": ">f"}
    for point in points:
        data = struct.pack(codes[point.type], value(point, seconds))
        for at, (word,) in enumerate(struct.iter_unpack(">H", data)):
            yield point.address + at, word


class _Watched(ModbusPlant):
    """A device that also remembers when it was first asked, in ns since 1970, until it is told."""

    first: int | None = None

    def answer(self, device_id: int, pdu: bytes) -> bytes | None:
        """Answer as ever."""
        self.first = self.first or time.time_ns()
        return super().answer(device_id, pdu)


async def _live(maps: Sequence[tuple[Layout, dict[int, int]]]) -> None:
    begun = time.monotonic()
    while True:
        for plan, registers in maps:
            registers.update(words(plan.points, time.monotonic() - begun))
        await asyncio.sleep(REFRESH)


def _asked(plants: Sequence[_Watched]) -> dict[str, object]:
    """Tell when each device was first asked since the last call, and what was asked."""
    spans = Counter(
        (number, *span[2:]) for number, plant in enumerate(plants) for span in plant.counts.spans
    )
    found = sum(plant.counts.requests for plant in plants)
    for plant in plants:
        plant.counts.requests = 0
        plant.counts.spans.clear()
    first = [plant.first for plant in plants if plant.first is not None]
    for plant in plants:
        plant.first = None
    return {"requests": found, "blocks": sorted(spans), "first": first}


async def _serve(count: int, devices: int) -> None:
    maps: list[tuple[Layout, dict[int, int]]] = []
    for number in range(devices):
        plan = layout(number, count)
        maps.append((plan, dict.fromkeys(plan.spare, 0)))
    plants = [_Watched({1: Device(registers=registers)}) for _, registers in maps]
    living = asyncio.create_task(_live(maps))
    for plant in plants:
        await plant.start()
    print(json.dumps([plant.port for plant in plants]), flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(_asked(plants)), flush=True)
    living.cancel()
    for plant in plants:
        await plant.stop()


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:]]
    asyncio.run(_serve(*asked, *(POINTS, DEVICES)[len(asked) :]))
