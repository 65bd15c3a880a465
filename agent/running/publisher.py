"""From outbox to hub: sends records, hears receipts, and takes out only what the hub has stored."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace

import rfc8785

from adapters.errors import SidestreamError
from adapters.reading import NANOSECONDS
from agent.disclosing.withdrawals import leaving
from agent.keeping.outbox import Outbox
from agent.keeping.tables import REMADE, Queued
from agent.running.dispatch import Dispatch
from agent.running.partner_sender import PartnerSender
from agent.running.renewer import Renewer
from agent.running.trust import Trust
from agent.running.uplink import UplinkState
from config.plan import BrokerPlan, UplinkPlan
from gateway import changes
from gateway.keys import PlantKey
from gateway.mqtt import (
    LATE_SECONDS,
    Connection,
    Inbound,
    LinkLostError,
    LinkState,
    PublishRefusedError,
    SubscribeRefusedError,
    Will,
    keep_connected,
)
from gateway.receipt import read_receipt
from gateway.signing import RefusalError
from gateway.wire import (
    VERSION,
    presence_topic,
    quarter,
    receipts_topic,
    records_topic,
    roster_topic,
)

_log = logging.getLogger("sidestream.publisher")
_DRAW = random.SystemRandom()
_LOOK_AHEAD = 64
_IDLE = 1.0
ACKNOWLEDGED = 60.0
"""Seconds a broker may take to acknowledge what was sent before the link is given up."""


class Publisher:
    """Keeps a plant connected to its hub's broker and the outbox as empty as it can be."""

    def __init__(
        self,
        uplink: UplinkPlan,
        plant: PlantKey,
        trust: Trust,
        outbox: Outbox,
        clock: Callable[[], int],
        live_for: int,
        sign: Callable[[float], None] = lambda _: None,
        leisure: float = 0.0,
    ) -> None:
        """Take what it works with; `leisure` is how many seconds leaving a name may take at most.

        The next name is then taken within as many seconds.
        """
        self._uplink = uplink
        self._plant = plant
        self._trust = trust
        self._outbox = outbox
        self._clock = clock
        self._live_for = live_for
        self._sign = sign
        self._leisure = leisure
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._again = asyncio.Event()
        self._settled = asyncio.Event()
        self._heard: set[str] = set()
        self._name = ""
        self._partners = PartnerSender(
            uplink.cluster, outbox, clock, uplink.backlog_rate, self._named_now
        )
        self._renewer = Renewer(uplink, plant, trust, clock, self.reconnect)
        link = LinkState(connected=False, detail="not connected yet")
        self.state = UplinkState(link, partners=self._partners.state, roster=trust.told())

    def wake(self) -> None:
        """Tell the publisher that the outbox has something new."""
        self._wake.set()

    def reconnect(self) -> None:
        """End the link cleanly and make a new one; secrets and TLS files are read anew for it."""
        self._again.set()

    def stop(self) -> None:
        """Say goodbye when connected, and end `run`."""
        self._stop.set()

    async def run(self) -> None:
        """Stay connected and publish until stopped (when connected) or cancelled."""
        plan, will = self._identity()
        await keep_connected(
            plan,
            self._session,
            clean=False,
            session_expiry=7 * 86_400,
            will=will,
            on_state=self._link,
            sign=self._sign,
            anew=self._again,
            identity=self._identity,
        )

    def _identity(self) -> tuple[BrokerPlan, Will]:
        """Say as whom to connect now: name, client id and will are of the quarter."""
        self._name = self._pseudonym()
        broker = self._renewer.shown(self._uplink.broker)
        gone = rfc8785.dumps({"v": VERSION, "online": False})
        plan = replace(broker, client_id=broker.client_id or f"ss-{self._name[:20]}")
        return plan, Will(self._presence(), gone, retain=True)

    def _presence(self) -> str:
        return presence_topic(self._uplink.cluster, self._name)

    def _pseudonym(self) -> str:
        period = quarter(self._clock())
        return self._plant.pseudonym(self._trust.at(period), self._uplink.cluster, period)

    def _named_now(self) -> bool:
        """Tell whether the link is under the name of this quarter."""
        return self._name == self._pseudonym()

    def _link(self, state: LinkState) -> None:
        if (state.connected, state.detail) != (self.state.link.connected, self.state.link.detail):
            _log.log(
                logging.INFO if state.connected else logging.WARNING,
                "broker %s:%d %s%s",
                self._uplink.broker.host,
                self._uplink.broker.port,
                "connected" if state.connected else "not connected",
                f": {state.detail}" if state.detail else "",
                extra={"part": "broker", "change": changes.BROKER},
            )
        self.state.link = state
        if not state.connected:
            self._renewer.refused(state.detail)

    async def _session(self, connection: Connection) -> None:
        self._heard = set()
        dispatch = Dispatch(self._uplink.backlog_rate, self._live_for)
        await self._listen_for(connection, {self._name})
        await self._renewer.accepted()
        await self._hear_roster(connection)
        here = rfc8785.dumps({"v": VERSION, "online": True})
        await connection.publish(self._presence(), here, retain=True)
        try:
            async with asyncio.TaskGroup() as tasks:
                working = [
                    tasks.create_task(self._hear(connection, dispatch)),
                    tasks.create_task(self._send_on(connection, dispatch)),
                    tasks.create_task(self._partners.run(connection)),
                    tasks.create_task(self._renewer.run(connection)),
                ]
                await self._stop.wait()
                for task in working:
                    task.cancel()
        except* LinkLostError as lost:
            raise LinkLostError("the link to the broker is lost") from lost
        turned = not self._named_now()
        gone = b"" if turned else rfc8785.dumps({"v": VERSION, "online": False})
        await connection.publish(self._presence(), gone, retain=True)

    async def _listen_for(self, connection: Connection, pseudonyms: set[str]) -> None:
        new = pseudonyms - self._heard
        if new:
            await connection.subscribe(
                *(receipts_topic(self._uplink.cluster, name) for name in sorted(new))
            )
            self._heard |= new

    async def _hear_roster(self, connection: Connection) -> None:
        """Hear the hub's roster; a broker that does not let the plant is told in the journal."""
        try:
            await connection.subscribe(roster_topic(self._uplink.cluster))
        except SubscribeRefusedError as error:
            _log.warning("the roster is not heard: %s", error)

    async def _send_on(self, connection: Connection, dispatch: Dispatch) -> None:
        while True:
            if not self._named_now():
                await self._turn(connection)
            self._wake.clear()
            self._sign(ACKNOWLEDGED + LATE_SECONDS)
            now = self._clock()
            waiting = await asyncio.to_thread(self._waiting, now)
            chosen = dispatch.choose(waiting, now)
            await self._listen_for(connection, {record.pseudonym for record in chosen})
            if not await self._leave(connection, dispatch, chosen):
                await self._rest()

    async def _leave(
        self, connection: Connection, dispatch: Dispatch, chosen: list[Queued]
    ) -> bool:
        """Send what may still leave; who withdraws a stream waits until it is on its way.

        Tells whether anything was sent.
        """
        if not chosen:
            return False
        with leaving(self._outbox.directory):
            allowed = await asyncio.to_thread(self._outbox.sending, chosen, self._clock())
            await self._send_all(connection, dispatch, allowed)
        return bool(allowed)

    async def _turn(self, connection: Connection) -> None:
        """Leave the old quarter's name, with nothing retained under it, and connect anew.

        Both at instants drawn for themselves: else those who watch the broker could pair the name
        that goes with the one that comes next, and know by its instant a clock that is off.
        """
        first = _DRAW.uniform(0.0, self._leisure)
        await self._pause(first)
        await connection.publish(self._presence(), b"", retain=True)
        await self._pause(self._leisure - first + _DRAW.uniform(0.0, self._leisure))
        self.reconnect()
        # The link is ended now; under its old name nothing more is sent.
        await asyncio.Event().wait()

    async def _pause(self, seconds: float) -> None:
        self._sign(seconds + ACKNOWLEDGED + LATE_SECONDS)
        await asyncio.sleep(seconds)

    async def _send_all(
        self, connection: Connection, dispatch: Dispatch, chosen: list[Queued]
    ) -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGED):
                await asyncio.gather(*(self._send(connection, dispatch, one) for one in chosen))
        except TimeoutError:
            what = f"the broker has not acknowledged a record for {ACKNOWLEDGED:.0f} s"
            raise LinkLostError(what) from None

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_IDLE):
                await self._wake.wait()
        except TimeoutError:
            return

    def _waiting(self, now: int) -> list[Queued]:
        newest = self._outbox.queued(now, 4, newest=True)
        known = {record.id for record in newest}
        oldest = self._outbox.queued(now, _LOOK_AHEAD, newest=False)
        return newest + [record for record in oldest if record.id not in known]

    async def _send(self, connection: Connection, dispatch: Dispatch, record: Queued) -> None:
        limit = connection.max_payload
        topic = records_topic(self._uplink.cluster, record.pseudonym)
        if limit is not None and len(record.payload) + len(topic) + 32 > limit:
            await self._refuse(record, f"larger than the broker's limit of {limit} bytes")
            return
        try:
            await connection.publish(topic, record.payload)
        except PublishRefusedError as error:
            self.state.last_error = str(error)
            _log.error("record %s refused by the broker: %s", record.id, error)
            dispatch.sent(record, self._clock())
            return
        dispatch.sent(record, self._clock())
        self.state.sent += 1
        if not self._uplink.receipts:
            await self._settle([record.id], [])
            dispatch.settled([record.id])
        elif self.state.unanswered is None:
            self.state.unanswered = self._clock()

    async def _refuse(self, record: Queued, reason: str) -> None:
        _log.error("record %s set aside: %s", record.id, reason)
        await self._settle([], [(record.id, reason)])

    async def _hear(self, connection: Connection, dispatch: Dispatch) -> None:
        while True:
            message = await connection.next()
            try:
                if message.topic == roster_topic(self._uplink.cluster):
                    await self._roster(message)
                elif message.topic == self._renewer.topic:
                    await self._renewer.hear(message.payload)
                else:
                    await self._receipt(message, dispatch)
            except RefusalError as error:
                self.state.bad_receipts += 1
                _log.warning("ignored, not from the hub: %s", error)
            except SidestreamError as error:
                self.state.last_error = str(error)
                _log.error("receipt not noted, the record will be sent again: %s", error)

    async def _roster(self, message: Inbound) -> None:
        if await asyncio.to_thread(self._trust.take, message.payload):
            self.state.roster = self._trust.told()
            self._wake.set()

    async def _receipt(self, message: Inbound, dispatch: Dispatch) -> None:
        pseudonym = message.topic.rsplit("/", 1)[-1]
        hubs = (key for _, key in self._trust.line.keys)
        receipt = read_receipt(message.payload, self._uplink.cluster, pseudonym, *hubs)
        self.state.unanswered = None
        refused = [(one.id, str(one.reason)) for one in receipt.refused]
        for record, reason in refused:
            level = logging.INFO if reason == REMADE else logging.ERROR
            _log.log(level, "record %s not taken by the hub: %s", record, reason)
        await self._settle(list(receipt.stored), refused)
        dispatch.settled([*receipt.stored, *(record for record, _ in refused)])
        self._wake.set()

    async def _settle(self, stored: list[str], refused: list[tuple[str, str]]) -> None:
        now = self._clock()
        await asyncio.to_thread(self._outbox.settle, stored, refused, now)
        self.state.receipted += len(stored)
        self.state.refused += len(refused)
        self._settled.set()

    async def drained(self, patience: float) -> bool:
        """Wait until nothing is queued any more; False when `patience` seconds were not enough.

        What a partner does not take is not waited for.
        """
        try:
            async with asyncio.timeout(patience):
                self._settled.clear()
                while (await asyncio.to_thread(self._outbox.depth)).records:
                    await self._settled.wait()
                    self._settled.clear()
                await self._partners.drained()
        except TimeoutError:
            return False
        return True


def live_window(release: int, grace: int, jitter: int) -> int:
    """How long after its end a release window counts as live, in nanoseconds."""
    return 2 * release + grace + jitter + 60 * NANOSECONDS
