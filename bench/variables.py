"""An OPC UA server whose variables all change each second, in a process of its own.

`python -m bench.variables COUNT` prints its port as one line of JSON, then answers each line of its
input with how many values it has changed since the line before, and ends with its input.
"""

import asyncio
import json
import math
import sys
import time
from datetime import UTC, datetime

from asyncua import Server, ua

from bench.process import free_port

SPACE = "urn:sidestream:bench"
EVERY = 1.0
FIRST = 1000


def node(number: int) -> str:
    """Give the node id of a variable, as it is written."""
    return f"ns=2;i={FIRST + number}"


async def _live(server: Server, count: int, changed: list[int]) -> None:
    nodes = [ua.NodeId(FIRST + number, 2) for number in range(count)]
    change = server.iserver.write_attribute_value
    while True:
        await asyncio.sleep(EVERY - time.time() % EVERY)
        now = datetime.now(UTC)
        swing = 40 * math.sin(time.time() / 60)
        for number, one in enumerate(nodes):
            value = ua.Variant(number + swing, ua.VariantType.Double)
            await change(one, ua.DataValue(value, SourceTimestamp=now, ServerTimestamp=now))
        changed[0] += count


async def _serve(count: int) -> None:
    server = Server()
    await server.init()
    port = free_port()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace(SPACE)
    folder = await server.nodes.objects.add_folder(2, "bench")
    for number in range(count):
        await folder.add_variable(ua.NodeId(FIRST + number, 2), f"v{number}", float(number))
    changed = [0]
    async with server:
        living = asyncio.create_task(_live(server, count, changed))
        print(json.dumps(port), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(changed[0]), flush=True)
            changed[0] = 0
        living.cancel()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
