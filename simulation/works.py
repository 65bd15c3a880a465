"""The devices of the demo's plants as a process of their own: `python -m simulation.works`.

The first line of input is the `Order`, as JSON. The process says `ready` when the devices are made,
then obeys lines: `on` switches them on (and is answered by `on`), `silence MEMBER SOURCE` lets one
die. It ends with its input, so that it never outlives the one who started it.
"""

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from typing import Self

from simulation.devices import Devices, Key
from simulation.plants import cluster


@dataclass(frozen=True, slots=True)
class Order:
    """Which plants: `origin` and `wraps` as for `cluster`, and the port of each source."""

    origin: int
    wraps: int
    ports: tuple[tuple[str, str, int], ...]

    @classmethod
    def of(cls, origin: int, wraps: int, ports: dict[Key, int]) -> Self:
        """Write an order for chosen ports."""
        return cls(origin, wraps, tuple((*key, port) for key, port in ports.items()))

    def text(self) -> str:
        """Write the order as one line."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an order."""
        found = json.loads(text)
        return cls(found["origin"], found["wraps"], tuple(tuple(row) for row in found["ports"]))


async def serve(lines: asyncio.StreamReader) -> None:
    """Obey lines until they end."""
    order = Order.read((await lines.readline()).decode())
    ports = {(member, source): port for member, source, port in order.ports}
    async with Devices(cluster(order.origin, order.wraps), ports) as devices:
        _say("ready")
        while line := (await lines.readline()).decode().split():
            if line == ["on"]:
                await devices.power_on()
                _say("on")
            elif line[0] == "silence":
                devices.silence(line[1], line[2])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _main() -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await serve(lines)


if __name__ == "__main__":
    asyncio.run(_main())
