"""From outbox to partners: one message at a time, so that no record ever waits for one.

A message is out of the queue when the broker has taken it with a reason code of success. One of
MQTT 5 also tells when nobody is subscribed: then it would throw the message away, so it stays.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.reading import NANOSECONDS
from agent.disclosing.policy import EVERY
from agent.disclosing.withdrawals import leaving
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Queued
from gateway.mqtt import Connection, LinkLostError, PublishRefusedError
from gateway.wire import partner_topic

_log = logging.getLogger("sidestream.publisher")
_LOOK_AHEAD = 256
_IDLE = 1.0
PAUSE = 60 * NANOSECONDS
"""How long a partner's messages wait after one was not taken."""
_ACKNOWLEDGED = 60.0


@dataclass(slots=True)
class PartnerState:
    """How messages for partners fare, for `sidestream status`; troubles by fingerprint."""

    sent: int = 0
    troubles: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class PartnerSender:
    """Sends what waits for partners on a connection that records have the first word on.

    `rate` is in messages a second. A partner whose message was not taken gets no other for a while,
    so that what waits is not sent through in vain.
    """

    cluster: str
    outbox: Outbox
    clock: Callable[[], int]
    rate: float
    may: Callable[[], bool]
    """Whether anything may be sent under the name that the link has now."""
    state: PartnerState = field(default_factory=PartnerState)
    progress: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a message was taken or a partner's trouble is known."""
    _held: dict[str, int] = field(default_factory=dict)

    async def run(self, connection: Connection) -> None:
        """Send for as long as the connection lasts; raises `LinkLostError`."""
        self._held.clear()
        while True:
            waiting = await asyncio.to_thread(self._waiting)
            for message in waiting:
                if message.pseudonym not in self._held and self.may():
                    await self._leave(connection, message)
                await asyncio.sleep(1 / self.rate)
            if not waiting:
                await asyncio.sleep(_IDLE)

    def _waiting(self) -> list[Queued]:
        now = self.clock()
        # A clock that was set back makes nothing wait for it.
        held = {name: at for name, at in self._held.items() if 0 <= now - at < PAUSE}
        self._held = held
        return self.outbox.details.queued(now, _LOOK_AHEAD, held)

    async def _leave(self, connection: Connection, message: Queued) -> None:
        """Send a message if it may still leave; who withdraws waits until it is on its way."""
        with leaving(self.outbox.directory):
            if await asyncio.to_thread(self._may_leave, message):
                await self._send(connection, message)

    def _may_leave(self, message: Queued) -> bool:
        if EVERY in self.outbox.withdrawals() or EVERY in self.outbox.ended():
            return False
        return self.outbox.details.sending(message, self.clock())

    async def _send(self, connection: Connection, message: Queued) -> None:
        topic = partner_topic(self.cluster, message.pseudonym)
        try:
            async with asyncio.timeout(_ACKNOWLEDGED):
                heard = await connection.publish(topic, message.payload)
        except TimeoutError:
            what = f"the broker has not acknowledged a message for {_ACKNOWLEDGED:.0f} s"
            raise LinkLostError(what) from None
        except PublishRefusedError as error:
            self._hold(message.pseudonym, str(error))
            return
        if not heard:
            self._hold(message.pseudonym, "nobody is subscribed to what is sealed to it")
            return
        await asyncio.to_thread(self.outbox.details.settle, message.id, self.clock())
        self.state.sent += 1
        if self.state.troubles.pop(message.pseudonym, None):
            _log.info("messages for partner %s are taken again", message.pseudonym)
        self.progress.set()

    def _hold(self, partner: str, trouble: str) -> None:
        """Let a partner's messages wait, and log what keeps them here, once."""
        self._held[partner] = self.clock()
        if self.state.troubles.get(partner) != trouble:
            _log.warning("messages for partner %s wait: %s", partner, trouble)
        self.state.troubles[partner] = trouble
        self.progress.set()

    async def drained(self) -> None:
        """Wait until every message was taken, or kept here by what its partner lacks."""
        while True:
            self.progress.clear()
            depth = await asyncio.to_thread(self.outbox.details.depth)
            if set(depth.untried) <= set(self.state.troubles):
                return
            await self.progress.wait()
