"""The devices of simulated plants as real servers on 127.0.0.1, one a source."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from simulation.modbus import Device, ModbusPlant
from simulation.plants import SimPlant, SimPoint, SimSource
from simulation.ports import free_ports as _free

if TYPE_CHECKING:
    from simulation.opcua import OpcUaPlant

Clock = Callable[[], int]
Key = tuple[str, str]
"""A member's name and a source's."""
TICK = 0.1
"""Seconds between two values an OPC UA server is given."""
_HOLDING = 40_001


class Registers:
    """A Modbus device's holding registers, computed from the truth when they are read.

    A value's registers are all of the instant at which its first one is read, so that none is torn.
    """

    def __init__(self, points: Iterable[SimPoint], clock: Clock) -> None:
        self._clock = clock
        self._places: dict[int, tuple[SimPoint, int]] = {}
        self._held: dict[str, list[int]] = {}
        for point in points:
            width = 1 if point.type == "int16" else 2
            for offset in range(width):
                self._places[point.register - _HOLDING + offset] = (point, offset)

    def __call__(self, address: int) -> int | None:
        """Give a register, or None for a hole."""
        if address not in self._places:
            return None
        point, offset = self._places[address]
        if offset == 0 or point.name not in self._held:
            self._held[point.name] = point.words(self._clock())
        return self._held[point.name][offset]


class Devices:
    """Every device of some plants, each on its port; nothing listens before they are switched on.

    Use as a context: on leaving it every device is switched off.
    """

    def __init__(
        self, plants: Iterable[SimPlant], ports: Mapping[Key, int], clock: Clock = time.time_ns
    ) -> None:
        self._ports = ports
        self._clock = clock
        self._sources = _sources(plants)
        self._modbus: dict[Key, ModbusPlant] = {}
        self._opcua: dict[Key, OpcUaPlant] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            for key, source in self._sources.items():
                if source.protocol == "opcua":
                    server = await self._stack.enter_async_context(self._server(key, source))
                    await server.stop()
                    self._opcua[key] = server
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _server(self, key: Key, source: SimSource) -> "OpcUaPlant":
        from simulation.opcua import OpcUaPlant  # noqa: PLC0415 - a second, only where it is used

        shown = range(len(source.points))
        names = [point.node.removeprefix("ns=2;s=") for point in source.points]
        nodes = {name: self._shows(key, at) for name, at in zip(names, shown, strict=True)}
        return OpcUaPlant(nodes, port=self._ports[key], interval=TICK, clock=self._clock)

    def _shows(self, key: Key, at: int) -> Callable[[], float]:
        return lambda: float(self._sources[key].points[at].shows.value(self._clock()))

    async def power_on(self, plants: Iterable[SimPlant]) -> None:
        """Let every device take connections; raises OSError when a port is taken.

        `plants` are those given before, or the same with other courses.
        """
        self._sources = _sources(plants)
        for key, source in self._sources.items():
            if source.protocol == "modbus-tcp":
                device = Device(registers=Registers(source.points, self._clock))
                served = ModbusPlant({source.device_id: device}, port=self._ports[key])
                await self._stack.enter_async_context(served)
                self._modbus[key] = served
        for server in self._opcua.values():
            await server.refresh()
            await server.start()

    def silence(self, member: str, source: str) -> None:
        """Let a Modbus device take requests and answer none, as a dead one behind a gateway."""
        self._modbus[member, source].faults.paused = True


def _sources(plants: Iterable[SimPlant]) -> dict[Key, SimSource]:
    return {(plant.member, source.name): source for plant in plants for source in plant.sources}


def free_ports(plants: Iterable[SimPlant]) -> dict[Key, int]:
    """Choose a port that is free now for each source of some plants."""
    keys = [(plant.member, source.name) for plant in plants for source in plant.sources]
    return dict(zip(keys, _free(len(keys)), strict=True))
