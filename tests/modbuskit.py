"""Helpers for Modbus tests: sources from short text, an outlet that remembers, and waiting."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from adapters.adapter import Health, Source
from adapters.modbus import RTU, RTU_OVER_TCP, TCP, TLS, Modbus
from adapters.reading import Block, Reading
from simulation.modbus import ModbusPlant

PROTOCOLS: dict[str, Modbus] = {
    "modbus-tcp": TCP,
    "modbus-tls": TLS,
    "modbus-rtu": RTU,
    "modbus-rtu-tcp": RTU_OVER_TCP,
}
QUICK = {"every": "100 ms", "timeout": "200 ms", "backoff_min": "50 ms"}


class Basket:
    """An outlet that keeps everything delivered and reported."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.health: dict[str, list[Health]] = {}

    async def deliver(self, block: Block) -> None:
        self.blocks.append(block)

    def report(self, source: str, health: Health) -> None:
        self.health.setdefault(source, []).append(health)

    def readings(self, source: str = "") -> list[Reading]:
        return [
            reading
            for block in self.blocks
            if source in ("", block.source)
            for reading in block.readings()
        ]

    def last(self, source: str, point: str) -> Reading | None:
        found = (r for r in reversed(self.readings(source)) if r.point == point)
        return next(found, None)


def source(
    plant: ModbusPlant | int,
    points: Mapping[str, Mapping[str, Any]],
    name: str = "meter",
    protocol: str = "modbus-tcp",
    **more: Any,
) -> Source:
    if isinstance(plant, ModbusPlant) and plant.path:
        place: dict[str, Any] = {"device": plant.path, "parity": "none"}
    else:
        port = plant if isinstance(plant, int) else plant.port
        place = {"host": "127.0.0.1", "port": port}
    raw = {"protocol": protocol, **QUICK, **place, **more, "points": points}
    return Source(name, PROTOCOLS[protocol].settings.model_validate(raw))


@contextlib.asynccontextmanager
async def running(*sources: Source) -> AsyncIterator[Basket]:
    basket = Basket()
    adapter = PROTOCOLS[sources[0].settings.protocol]
    task = asyncio.create_task(adapter.run(sources, basket, {}))
    try:
        yield basket
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for a condition; fails with an AssertionError after `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition did not come true"
        await asyncio.sleep(0.01)
