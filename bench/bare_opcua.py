"""The bare subscription the agent is compared with: asyncua hands out each value, all are dropped.

`python -m bench.bare_opcua FILE`, where FILE is JSON: `url`, `nodes` (a list of node ids), `state`
(a SQLite file), `checkpoint` (seconds) and `broker` (a port of 127.0.0.1, or null).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from asyncua import Client

from bench.bare import connected, keep

AT_ONCE = 200
"""Monitored items made with one request."""


class _Dropped:
    """Takes each change, as the library hands it out, and drops it."""

    taken = 0

    def datachange_notification(self, node: Any, val: Any, data: Any) -> None:  # noqa: ARG002 # the library's signature
        """Drop a value."""
        self.taken += 1


async def _subscribe(settings: dict[str, Any]) -> None:
    async with Client(settings["url"], timeout=60, watchdog_intervall=30) as client:
        subscription = await client.create_subscription(1000, _Dropped())
        nodes = [client.get_node(name) for name in settings["nodes"]]
        for start in range(0, len(nodes), AT_ONCE):
            await subscription.subscribe_data_change(nodes[start : start + AT_ONCE])
        print("subscribed", flush=True)
        await asyncio.Event().wait()


async def _run(settings: dict[str, Any]) -> None:
    connected(settings["broker"])
    await asyncio.gather(_subscribe(settings), keep(settings["state"], settings["checkpoint"]))


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text())))
