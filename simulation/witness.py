"""A witness at the broker: keeps every message that passes, byte for byte."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from config.plan import BrokerPlan
from gateway.mqtt import Connection, keep_connected


class Passed(NamedTuple):
    """One message as it passed the broker; `time` in nanoseconds since 1970."""

    time: int
    topic: str
    payload: bytes


@dataclass(slots=True)
class Witness:
    """Subscribes to everything; use as `async with Witness(port, clock) as witness:`."""

    port: int
    clock: Callable[[], int]
    passed: list[Passed] = field(default_factory=list)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        plan = BrokerPlan("127.0.0.1", self.port, None, "3.1.1", client_id="witness")
        link = keep_connected(plan, self._listen, clean=True, session_expiry=0)
        self._task = asyncio.get_running_loop().create_task(link)
        await asyncio.wait_for(self.ready.wait(), 10)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self, connection: Connection) -> None:
        await connection.subscribe("#")
        self.ready.set()
        while True:
            message = await connection.next()
            self.passed.append(Passed(self.clock(), message.topic, message.payload))

    def online(self) -> int:
        """Count the agents whose last presence says that they are connected."""
        last: dict[str, bool] = {}
        for message in self.passed:
            if message.topic.split("/")[3:4] == ["presence"]:
                last[message.topic] = bool(json.loads(message.payload).get("online"))
        return sum(last.values())
