"""The bare loop the agent is compared with: reads blocks each second and decodes nothing.

`python -m bench.bare FILE`, where FILE is JSON: `devices` as [port, [[start, count], …]] each,
`state` (a SQLite file), `checkpoint` (seconds) and `broker` (a port of 127.0.0.1, or null). It
writes one row at each checkpoint and holds an idle connection to the broker.
"""

import asyncio
import json
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from pymodbus.client import AsyncModbusTcpClient

EVERY = 1.0


async def _until_next() -> None:
    await asyncio.sleep(EVERY - time.time() % EVERY)


async def _poll(port: int, blocks: list[tuple[int, int]]) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    while True:
        for start, count in blocks:
            answer = await client.read_holding_registers(start, count=count, device_id=1)
            if answer.isError():
                raise RuntimeError(f"port {port} refuses {count} registers from {start}")
        await _until_next()


async def keep(path: str, every: float) -> None:
    """Write one row at each checkpoint, for good."""
    with sqlite3.connect(path, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE state (time INTEGER)")
        while True:
            db.execute("INSERT INTO state VALUES (?)", (time.time_ns(),))
            await asyncio.sleep(every)


def connected(port: int | None) -> None:
    """Hold an idle connection to the broker, when there is one."""
    if port:
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", port, keepalive=30)
        client.loop_start()


async def _run(settings: dict[str, Any]) -> None:
    connected(settings["broker"])
    await asyncio.gather(
        *(_poll(port, blocks) for port, blocks in settings["devices"]),
        keep(settings["state"], settings["checkpoint"]),
    )


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text())))
