"""The pool's service: remainders in, receipts out, and decided cells to every peer."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from adapters.errors import PermanentError
from config.hub_plan import HubPlan
from gateway.federation import pooled_topic, remainders_topic, seal_pooled
from gateway.hub import pool
from gateway.hub.intake import Refused, receipt_content
from gateway.hub.peering import Insist
from gateway.hub.pool import Door, Taken
from gateway.hub.vault import Open
from gateway.keys import HubKey
from gateway.mqtt import Connection, Inbound, PublishRefusedError
from gateway.seal import seal_receipt
from gateway.wire import Refusal, receipts_topic, rfc3339

LOOK = 60.0
"""Seconds between looks for what a peer must be told, when nothing else asks for one."""
_CELLS = 50


@dataclass
class PoolSide:
    """A pool's part of its hub's service."""

    door: Door
    insist: Insist[Any]
    clock: Callable[[], int]
    trouble: Callable[[str], object]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something to tell."""

    @classmethod
    def of(
        cls,
        plan: HubPlan,
        key: HubKey,
        insist: Insist[Any],
        clock: Callable[[], int],
        trouble: Callable[[str], object],
    ) -> "PoolSide | None":
        """Make it where the plan has peers; raises `PermanentError` when a key is none."""
        try:
            return cls(Door.of(plan, key), insist, clock, trouble) if plan.peers else None
        except ValueError as error:
            raise PermanentError(
                f"a peer's key cannot be read: expected {error}", mend="correct it in the hub file"
            ) from error

    @property
    def topic(self) -> str:
        """Give the topics that peers send on."""
        return remainders_topic(self.door.federation, "+")

    def mine(self, message: Inbound) -> bool:
        """Tell whether a message is a peer's."""
        return self.door.sender(message.topic) is not None

    def store(self, batch: Sequence[Inbound], opened: Open) -> list[tuple[str, bytes]]:
        """Commit a batch and only then write receipts: topic and signed content each."""
        now = self.clock()
        verdicts = [self.door.judge(one.topic, one.payload, now) for one in batch]
        pool.store(opened.database, [one for one in verdicts if isinstance(one, Taken)], now)
        refused = [one for one in verdicts if isinstance(one, Refused)]
        if refused:
            opened.ledger.store(refused, now)
            self.trouble(", ".join(sorted({one.reason for one in refused})))
        self.wake.set()
        return list(self._receipts(verdicts, now))

    def _receipts(
        self, verdicts: Iterable[Taken | Refused], now: int
    ) -> Iterable[tuple[str, bytes]]:
        stored: dict[str, list[str]] = defaultdict(list)
        refused: dict[str, list[tuple[str, Refusal]]] = defaultdict(list)
        numbers: dict[str, int] = defaultdict(int)
        for one in verdicts:
            if isinstance(one, Taken):
                found = one.remainder
                stored[found.hub].append(found.id)
                numbers[found.hub] = max(numbers[found.hub], found.number)
            elif one.pseudonym is not None and one.record is not None:
                refused[one.pseudonym].append((one.record, one.reason))
        federation = self.door.federation
        for hub in sorted({*stored, *refused}):
            content = receipt_content(
                federation, hub, stored[hub], refused[hub], numbers[hub], rfc3339(now)
            )
            yield receipts_topic(federation, hub), seal_receipt(content, self.door.key)

    async def tell(self, connection: Connection) -> None:
        """Tell peers of decided cells, each in order, until cancelled."""
        while True:
            self.wake.clear()
            try:
                for hub in self.door.peers:
                    while await self._tell(connection, hub):
                        pass
            except PublishRefusedError as error:
                self.trouble(str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self.wake.wait()

    async def _tell(self, connection: Connection, hub: str) -> bool:
        federation, key = self.door.federation, self.door.key
        after, cells = await self.insist(
            lambda opened: pool.untold(opened.database, federation, hub, _CELLS)
        )
        if cells:
            payload = seal_pooled(federation, hub, after, cells, key)
            await connection.publish(pooled_topic(federation, hub), payload)
            now, last = self.clock(), cells[-1][0]
            await self.insist(lambda opened: pool.mark_told(opened.database, hub, last, now))
        return bool(cells)
