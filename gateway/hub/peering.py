"""A peer's link to its pool: what the hub leaves over goes out, receipts and cells come in."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from adapters.errors import PermanentError
from config.hub_plan import FederationPlan, HubPlan
from gateway.federation import (
    pooled_topic,
    read_pooled,
    remainder_id,
    remainders_topic,
    seal_remainder,
)
from gateway.hub import pooled, remainders
from gateway.hub.pool import told_rules
from gateway.hub.remainders import Leaving, Waiting
from gateway.hub.vault import Open
from gateway.keys import HubKey, HubPublic
from gateway.mqtt import Connection, Inbound, LinkState, PublishRefusedError, keep_connected
from gateway.receipt import read_receipt
from gateway.secret import read_secret
from gateway.signing import RefusalError
from gateway.wire import VERSION, receipts_topic, rfc3339

T = TypeVar("T")
Insist = Callable[[Callable[[Open], T]], Awaitable[T]]
AGAIN = (60.0, 900.0)
"""First and longest wait in seconds before what the pool has not confirmed is sent again."""
SESSION_EXPIRY = 30 * 86_400
"""Seconds the pool's broker keeps what it has for this hub while the hub is away."""
LEAST_KEY = 32
"""Fewest characters of the secret that owners' tokens are made with."""
_BATCH = 20


def leaving(plan: HubPlan) -> Leaving | None:
    """Give on what terms the hub leaves something to a pool; None where it does not.

    Raises `PermanentError` when the peers' secret cannot be read, or is too short.
    """
    if plan.federation is None:
        return None
    file = plan.federation.owner_key_file
    key = read_secret(file).strip()
    if len(key) < LEAST_KEY:
        raise PermanentError(
            f"the peers' secret has {len(key)} characters, {LEAST_KEY} are needed",
            where=file,
            mend="make one and give it to every peer, never to the pool: `openssl rand -hex 32`",
        )
    return Leaving(plan.cluster, plan.federation, key.encode())


@dataclass
class Peering:
    """The link, and what is under way on it."""

    plan: HubPlan
    terms: FederationPlan
    key: HubKey
    insist: Insist[Any]
    clock: Callable[[], int]
    changed: Callable[[], object]
    """Told when cells have come."""
    trouble: Callable[[str], object]
    """Told what is wrong; "" when it is over."""
    state: LinkState = field(default_factory=lambda: LinkState(connected=False, detail="not yet"))
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something to send."""
    _sent: dict[str, int] = field(default_factory=dict)
    _to: int = 0

    def __post_init__(self) -> None:
        self._name = self.key.public.fingerprint
        try:
            self._pool = HubPublic.parse(self.terms.pool_key)
        except ValueError as error:
            raise PermanentError(
                f"the pool's key cannot be read: expected {error}",
                mend="correct [federation] key in the hub file",
            ) from error

    async def run(self) -> None:
        """Keep the link until cancelled."""
        name = self.terms.broker.client_id or f"sidestream-peer-{self._name[:16]}"
        await keep_connected(
            replace(self.terms.broker, client_id=name),
            self._session,
            clean=False,
            session_expiry=SESSION_EXPIRY,
            manual_ack=True,
            on_state=self._linked,
            clock=self.clock,
        )

    def _linked(self, state: LinkState) -> None:
        self.state = state
        self.trouble("" if state.connected else state.detail or "not connected")

    async def _session(self, connection: Connection) -> None:
        names = (
            receipts_topic(self.terms.name, self._name),
            pooled_topic(self.terms.name, self._name),
        )
        await connection.subscribe(*names)
        self._to = 0
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(connection))
            tasks.create_task(self._send(connection))

    async def _hear(self, connection: Connection) -> None:
        while True:
            message = await connection.next()
            if message.topic == pooled_topic(self.terms.name, self._name):
                await self._pooled(message)
            else:
                await self._receipt(message)
            connection.ack(message)

    async def _pooled(self, message: Inbound) -> None:
        try:
            told = read_pooled(message.payload, self.terms.name, self._name, self._pool)
        except RefusalError as error:
            self.trouble(f"the pool's cells cannot be taken: {error}")
            return
        if await self.insist(lambda opened: pooled.take(opened.database, told)):
            self.changed()

    async def _receipt(self, message: Inbound) -> None:
        try:
            receipt = read_receipt(message.payload, self.terms.name, self._name, self._pool)
        except RefusalError as error:
            self.trouble(f"the pool's receipt cannot be read: {error}")
            return
        stored = [self._sent[one] for one in receipt.stored if one in self._sent]
        refused = {self._sent[r.id]: r.reason for r in receipt.refused if r.id in self._sent}
        if refused:
            self.trouble(f"the pool refuses: {', '.join(sorted(set(refused.values())))}")
        now = self.clock()
        await self.insist(lambda opened: remainders.settle(opened.database, stored, refused, now))
        for one in (*receipt.stored, *(r.id for r in receipt.refused)):
            self._sent.pop(one, None)

    async def _send(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        pause, again = AGAIN[0], loop.time() + AGAIN[0]
        while True:
            self.wake.clear()
            try:
                while await self._send_some(connection):
                    pass
            except PublishRefusedError as error:
                self.trouble(str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout_at(again):
                    await self.wake.wait()
            if loop.time() >= again:
                # What is not confirmed by now is sent again, after ever longer waits.
                pause = min(AGAIN[1], 2 * pause)
                self._to, again = 0, loop.time() + pause

    async def _send_some(self, connection: Connection) -> bool:
        found: tuple[Sequence[Waiting], int] = await self.insist(
            partial(_outgoing, name=self.terms.name, after=self._to)
        )
        waiting, have = found
        for one in waiting:
            await self._publish(connection, one, have)
            self._to = one.number
        return bool(waiting)

    async def _publish(self, connection: Connection, one: Waiting, have: int) -> None:
        content = {**self._content(one), "have": have}
        self._sent[remainder_id(content)] = one.number
        payload = await asyncio.to_thread(
            seal_remainder, content, self.key, self._pool, self.terms.size
        )
        await connection.publish(remainders_topic(self.terms.name, self._name), payload)

    def _content(self, one: Waiting) -> dict[str, Any]:
        return {
            "v": VERSION,
            "federation": self.terms.name,
            "pool": self._pool.fingerprint,
            "hub": self._name,
            "cluster": self.plan.cluster,
            "number": one.number,
            "kind": one.kind,
            "window": {"start": rfc3339(one.window.start), "end": rfc3339(one.window.end)},
            "figures": one.figures,
            "rules": told_rules(self.plan.rules).model_dump(mode="json", exclude_none=True),
        }


def _outgoing(opened: Open, name: str, after: int) -> tuple[list[Waiting], int]:
    database = opened.database
    return remainders.waiting(database, after, _BATCH), pooled.have(database, name)
