"""The devices of the demo's plants as a process of their own: `python -m simulation.works`.

The first line of input is the ports, as JSON. The process says `ready` when the devices are made,
then obeys lines: `on ORIGIN WRAPS` (instants as for `cluster`) switches them on and is answered by
`on`, `silence MEMBER SOURCE` lets one die. It ends with its input, so that it never outlives the
one who started it.
"""

import asyncio
import json
import sys
from collections.abc import Mapping

from simulation.devices import Devices, Key
from simulation.plants import cluster


def order(ports: Mapping[Key, int]) -> str:
    """Write the first line of input: the port of each source."""
    return json.dumps([[*key, port] for key, port in ports.items()])


async def serve(lines: asyncio.StreamReader) -> None:
    """Obey lines until they end."""
    rows = json.loads(await lines.readline())
    ports = {(member, source): port for member, source, port in rows}
    async with Devices(cluster(0, 0), ports) as devices:
        _say("ready")
        while words := (await lines.readline()).decode().split():
            if words[0] == "on":
                await devices.power_on(cluster(int(words[1]), int(words[2])))
                _say("on")
            elif words[0] == "silence":
                devices.silence(words[1], words[2])


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
