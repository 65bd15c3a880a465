"""The hub's service: records in, receipts out, windows decided, cells to the store and the feed."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from adapters.errors import PermanentError, TransientError
from config.hub_plan import HubPlan
from config.plan import BrokerPlan
from gateway import changes
from gateway.certificates import Files
from gateway.hub.desk import Desk
from gateway.hub.filling import Filler, wait
from gateway.hub.intake import Gate, Refused
from gateway.hub.lookout import Lookout
from gateway.hub.noise import Noise
from gateway.hub.peering import Peering, leaving
from gateway.hub.pool import rules_in_force
from gateway.hub.poolside import PoolSide
from gateway.hub.presence import Presences
from gateway.hub.quota import JOINING, Quotas
from gateway.hub.reception import Arrival, receive
from gateway.hub.release import Calendars, release_due
from gateway.hub.retained import Feed, Post
from gateway.hub.status import Live
from gateway.hub.vault import Open, Vault, upgrading
from gateway.hub.voice import Voice
from gateway.keys import HubKey
from gateway.mqtt import (
    Connection,
    Inbound,
    LinkState,
    PublishRefusedError,
    SubscribeRefusedError,
    keep_connected,
)
from gateway.roster import Ring
from gateway.wire import Refusal, presence_topic, records_topic, request_topic

T = TypeVar("T")
_log = logging.getLogger("sidestream.hub")
TICK = 1.0
"""Seconds between looks for windows that are due."""
REPORT = 2.0
"""Seconds between two reports of status and signs of life."""
SESSION_EXPIRY = 30 * 86_400
"""Seconds a broker keeps the hub's queue while the hub is away."""


async def run_hub(
    plan: HubPlan,
    clock: Callable[[], int],
    stop: asyncio.Event,
    notify: Callable[[str], object],
    anew: asyncio.Event | None = None,
) -> None:
    """Run the hub until `stop` is set.

    `clock` gives nanoseconds since 1970 UTC; `notify` takes sd_notify's lines; when `anew` is set
    the hub connects to its broker anew. Raises
    `PermanentError` for what a person must mend before the hub can start: its key, a member's
    key, its ledger's version or place.
    """
    hub = _Hub(plan, clock, notify, anew or asyncio.Event())
    try:
        await hub.look_at_members()
        await hub.report()
        notify("READY=1")
        async with asyncio.TaskGroup() as tasks:
            parts = (
                hub.stay_linked(),
                hub.stay_federated(),
                hub.release(),
                hub.filler.run(),
                hub.watch(),
                hub.lookout.be_scraped(plan.metrics.listen),
            )
            running = [tasks.create_task(part) for part in parts]
            await stop.wait()
            notify("STOPPING=1")
            for task in running:
                task.cancel()
    finally:
        hub.vault.close()


def _door(plan: HubPlan, ring: Ring, now: int) -> tuple[Gate, Quotas]:
    """Make what judges messages and what counts them; raises `PermanentError` for a bad key."""
    try:
        gate = _gate(plan, ring)
        quotas = Quotas(plan.cluster, ring, gate.members(), plan.limits)
        quotas.name(now)
    except ValueError as error:
        raise PermanentError(
            f"a member's key cannot be read: expected {error}", mend="correct it in the hub file"
        ) from error
    return gate, quotas


def _gate(plan: HubPlan, ring: Ring) -> Gate:
    first, *others = (key for _, key in ring.keys)
    return Gate.of(plan.cluster, first, plan.members, plan.limits, *others)


def _broker(plan: HubPlan, key: HubKey) -> BrokerPlan:
    name = plan.broker.client_id or f"sidestream-hub-{key.public.fingerprint[:16]}"
    return replace(plan.broker, client_id=name)


class _Hub:
    def __init__(
        self,
        plan: HubPlan,
        clock: Callable[[], int],
        notify: Callable[[str], object],
        anew: asyncio.Event,
    ) -> None:
        self.plan = plan
        self._anew = anew
        self._files = Files(plan.broker)
        self.vault = Vault(plan, clock, partial(upgrading, notify))
        self.voice = Voice()
        self.filler = Filler(plan, self._insist, clock, self.voice.say)
        self._clock = clock
        self._notify = notify
        self._desk = Desk(plan)
        self.plan = plan = replace(plan, members=self._desk.members)
        self._feed = Feed(plan.cluster, self._insist, clock, self.voice)
        self._post = Post(self._desk.posts, self.voice)
        self._gate, self._quotas = _door(plan, self._desk.ring, clock())
        self.lookout = Lookout(self.vault, self._quotas, clock, self.voice)
        # The first key for good, so that a new one does not change what a cell was made of.
        first = self._desk.ring.keys[0][1]
        noise = None if plan.noise is None else Noise(plan.noise, first.noise)
        self._calendars = Calendars(
            plan.calendars, plan.wait, plan.rules, plan.members, plan.order, noise, leaving(plan)
        )
        self._pool = PoolSide.of(
            plan, first, self._insist, clock, partial(self.voice.say, "federation")
        )
        if self._pool is not None:
            members = self._pool.door.members()
            self._calendars = replace(self._calendars, members=members, pooling=True)
        self._peering = self._peer(first)
        self._refused: set[Refusal] = set()
        self._presences = Presences()
        self._started = clock()
        self._up_since: int | None = None
        self._link = LinkState(connected=False, detail="not yet connected")
        self._changed = asyncio.Event()

    # Broker.

    async def stay_linked(self) -> None:
        await keep_connected(
            _broker(self.plan, self._desk.ring.keys[0][1]),
            self._session,
            clean=False,
            session_expiry=SESSION_EXPIRY,
            manual_ack=True,
            on_state=self._linked,
            clock=self._clock,
            anew=self._anew,
        )

    def _linked(self, state: LinkState) -> None:
        self._link = state
        if state.connected and not self.voice.heard_of("broker"):
            _log.info("broker: connected", extra={"part": "broker", "change": changes.BROKER})
        self.voice.say("broker", "" if state.connected else state.detail or "not connected")
        self._changed.set()

    async def _session(self, connection: Connection) -> None:
        cluster = self.plan.cluster
        await connection.subscribe(records_topic(cluster, "+"), presence_topic(cluster, "+"))
        await self._hear_requests(connection)
        if self._pool is not None:
            await connection.subscribe(self._pool.topic)
        self._up_since = self._clock()
        self._changed.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._take(connection))
                tasks.create_task(self._feed.run(connection))
                tasks.create_task(self._post.run(connection))
                if self._pool is not None:
                    tasks.create_task(self._pool.tell(connection))
        finally:
            self._up_since = None

    async def _hear_requests(self, connection: Connection) -> None:
        """Hear who asks to join; a broker of older files may not let the hub."""
        try:
            await connection.subscribe(request_topic(self.plan.cluster, "+"))
        except SubscribeRefusedError as error:
            self.voice.say("joining", str(error))

    async def _take(self, connection: Connection) -> None:
        """Store what arrives, then acknowledge it to the broker, then tell its senders."""
        while True:
            batch = [await connection.next()]
            while connection.pending() and len(batch) < self.plan.limits.batch:
                batch.append(await connection.next())
            pooled = [one for one in batch if self._pool is not None and self._pool.mine(one)]
            records = self._records([one for one in batch if one not in pooled])
            receipts = await self._insist(partial(self._store, records)) if records else []
            if self._pool is not None and pooled:
                receipts += await self._insist(partial(self._pool.store, pooled))
            for message in batch:
                connection.ack(message)
            sending = (self._tell(connection, topic, receipt) for topic, receipt in receipts)
            await asyncio.gather(*sending)

    def _records(self, batch: Sequence[Inbound]) -> list[Arrival]:
        """Give the records of a batch and their senders, without what is beyond a sender's rate."""
        now, found = self._clock(), list[Arrival]()
        for message in batch:
            sender = self._quotas.sender(message.topic, now)
            if not self._quotas.admit(sender, now):
                continue
            if message.topic.startswith(presence_topic(self.plan.cluster, "")):
                self._presences.note(message.topic, message.payload)
            else:
                found.append(Arrival(message.topic, message.payload, sender))
        return found

    def _store(self, batch: Sequence[Arrival], opened: Open) -> list[tuple[str, bytes]]:
        now, desk, quotas = self._clock(), self._desk, self._quotas
        asking = [one for one in batch if one.sender == JOINING]
        taken = (desk.take(one.topic, one.payload, now) for one in asking)
        received = receive(
            self._gate,
            opened.ledger,
            [one for one in batch if one.sender != JOINING],
            now,
            [one for one in taken if one is not None],
            lambda name: desk.ring.at(quotas.period(name, now)),
        )
        refused = {one.reason for one in received.verdicts if isinstance(one, Refused)}
        if not refused <= self._refused:
            self._refused |= refused
            self.voice.say("quarantine", ", ".join(sorted(self._refused)))
        return received.receipts

    async def _tell(self, connection: Connection, topic: str, receipt: bytes) -> None:
        try:
            await connection.publish(topic, receipt)
        except PublishRefusedError as error:
            self.voice.trouble(str(error))

    async def _insist(self, work: Callable[[Open], T]) -> T:
        """Run work on the ledger, again and again while its disk is full or failing."""
        attempt = 0
        while True:
            try:
                done = await self.vault.run(work)
            except TransientError as error:
                self.voice.trouble(str(error))
                await asyncio.sleep(wait(attempt))
                attempt += 1
            else:
                if attempt:
                    self.voice.trouble("")
                return done

    # Release.

    async def release(self) -> None:
        while True:
            if not self._desk.settled:
                await asyncio.sleep(TICK)
                continue
            count = await self._insist(self._release)
            if self._peering is not None:
                self._peering.wake.set()
            if count:
                if self._pool is not None:
                    self._pool.wake.set()
                _log.info("%d windows decided", count)
                self._feed.wake.set()
                self.filler.wake.set()
                self._changed.set()
            else:
                await asyncio.sleep(TICK)

    def _release(self, opened: Open) -> int:
        plan = self._calendars
        if self._pool is not None:
            plan = replace(plan, rules=rules_in_force(opened.database, self.plan.rules))
        return release_due(opened.book, plan, self._up_since, self._clock())

    # Federation.

    def _peer(self, key: HubKey) -> Peering | None:
        terms = self.plan.federation
        if terms is None:
            return None
        trouble = partial(self.voice.say, "federation")
        return Peering(self.plan, terms, key, self._insist, self._clock, self._cells_came, trouble)

    async def stay_federated(self) -> None:
        """Keep the link to the pool, where there is one."""
        if self._peering is not None:
            await self._peering.run()

    def _cells_came(self) -> None:
        self._feed.wake.set()
        self.filler.wake.set()

    # Members.

    async def look_at_members(self) -> None:
        """Take up who was admitted or has left, and a new quarter."""
        now = self._clock()
        try:
            if await self.vault.run(lambda opened: self._desk.look(opened, now)):
                self._enrol(now)
        except TransientError as error:
            self.voice.say("members", str(error))
        else:
            self.voice.say("members", "")

    def _enrol(self, now: int) -> None:
        members, ring = self._desk.members, self._desk.ring
        self.plan = replace(self.plan, members=members)
        self._gate = _gate(self.plan, ring)
        self._quotas.key = ring
        self._quotas.enrol(self._gate.members(), now)
        if self._pool is None:
            self._calendars = replace(self._calendars, members=members)
        self._post.wake.set()

    # Status.

    async def watch(self) -> None:
        while True:
            await self.look_at_members()
            await self.report()
            if await asyncio.to_thread(self._files.replaced):
                _log.info("the files for the broker's connection have changed")
                self._anew.set()
            await self.lookout.look_after_files(self.plan)
            # Told only after the ledger's thread has answered: a sign of progress, not of life.
            self._notify("WATCHDOG=1")
            self._changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(REPORT):
                    await self._changed.wait()

    async def report(self) -> None:
        """Write the status file and tell the service manager in a line."""
        await self.lookout.report(self.plan, self._live)
        link = "connected" if self._link.connected else f"not connected: {self._link.detail}"
        self._notify(f"STATUS=broker {link}".replace("\n", " "))

    def _live(self) -> Live:
        return Live(
            updated=self._clock(),
            started=self._started,
            broker_up=self._up_since is not None,
            broker=self._link.detail,
            store_up=self.filler.up,
            store=self.filler.detail,
            problem=self.voice.problem,
            online=self._presences.members(self._quotas.whose),
            pool_up=self._peering.state.connected if self._peering else None,
            pool=self._peering.state.detail if self._peering else "",
        )
