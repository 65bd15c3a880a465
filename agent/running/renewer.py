"""The agent's renewal of its client certificate, over the link it has: asked for until it is there.

A broker may allow an account one link alone. So the running agent asks on its own, also for the
command that has prepared a renewal, and proves the new pair by connecting with it.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.errors import SidestreamError
from adapters.reading import NANOSECONDS
from agent.running.pair import Pair, csr_of, settle, swap
from agent.running.trust import Trust
from config.plan import BrokerPlan, TlsPlan, UplinkPlan
from gateway.broker import LinkLostError
from gateway.certificates import account_of, runs_out
from gateway.connection import Connection
from gateway.keys import PlantKey
from gateway.signing import RefusalError
from gateway.wire import answer_topic, request_topic

if TYPE_CHECKING:
    from agent.running.renewing import Renewal

_log = logging.getLogger("sidestream.publisher")
_DAY = 86_400 * NANOSECONDS
_LOOK = 3.0
"""Seconds between two looks for a renewal that a command has prepared."""
_DATES = 3600.0
"""Seconds between two looks at how long the certificate is good for."""
_AGAIN = 6 * 3600.0
"""Seconds until what the hub has not answered is asked again; an answer is retained for us."""
_PROVE = 86_400.0
"""Seconds until a granted pair that the broker did not take is tried again."""


def due(end: int | None, now: int, days: int) -> bool:
    """Tell whether a certificate that ends then is to be renewed; one that has ended cannot be."""
    return end is not None and 0 < end - now <= days * _DAY


class Renewer:
    """Renews one plant's certificate; nothing is done, nor in memory, while it has long to go."""

    def __init__(
        self,
        uplink: UplinkPlan,
        plant: PlantKey,
        trust: Trust,
        clock: Callable[[], int],
        reconnect: Callable[[], None],
    ) -> None:
        self._uplink = uplink
        self._plant = plant
        self._trust = trust
        self._clock = clock
        self._reconnect = reconnect
        self._pair = Pair.of(uplink.broker.tls)
        self._renewal: Renewal | None = None
        self._to_prove = self._proving = False
        self._proved = self._asked = self._dated = -_PROVE
        self._soon = False
        self._told = ""
        self.topic = answer_topic(uplink.cluster, plant.public.fingerprint)
        if self._pair is not None:
            # Where the folder is another's, that user's command finishes it.
            with suppress(OSError):
                settle(self._pair)

    # The new pair is proven by the link itself.

    def shown(self, broker: BrokerPlan) -> BrokerPlan:
        """Say what to show the broker: once, the pair that is granted; else the one in use."""
        self._proving, self._to_prove = self._to_prove, False
        if not self._proving or self._pair is None or broker.tls is None:
            return broker
        coming = self._pair.next
        tls = TlsPlan(broker.tls.ca, str(coming.certificate), str(coming.key))
        return replace(broker, tls=tls)

    async def accepted(self) -> None:
        """Take note of a link that the broker has accepted: what proved good is put in place."""
        if self._proving and self._pair is not None:
            self._proving = False
            self._asked = self._dated = -_PROVE
            try:
                await asyncio.to_thread(_put, self._pair)
            except OSError as error:
                self._tell(f"the new certificate cannot be put in place ({error.strerror})")

    def refused(self, why: str) -> None:
        """Take note of a link that was not made: the pair in use is shown again, at once."""
        if self._proving:
            self._proving = False
            self._tell(f"the new client certificate is not taken, the old one stays: {why}")
            self._reconnect()

    # What is asked, on each link anew.

    async def run(self, connection: Connection) -> None:
        """Ask when it is due or a command has prepared it, for as long as the link lasts."""
        pair, heard = self._pair, False
        while pair is not None:
            try:
                if await self._wanted(pair):
                    heard = await self._go_on(connection, heard)
            except LinkLostError:
                raise
            except SidestreamError as error:
                self._tell(f"the client certificate is not renewed yet: {error}")
            await asyncio.sleep(_LOOK)
        await asyncio.Event().wait()

    async def _wanted(self, pair: Pair) -> bool:
        now = time.monotonic()
        if now - self._dated >= _DATES:
            self._dated = now
            self._soon = await asyncio.to_thread(self._due, pair)
        return self._soon or csr_of(pair).exists() or pair.next.certificate.exists()

    def _due(self, pair: Pair) -> bool:
        """Tell whether the hub's certificate ends soon, and this program may replace it; blocks."""
        if not due(runs_out(pair.certificate), self._clock(), self._uplink.renew):
            return False
        folders = (pair.certificate.parent, pair.key.parent)
        return account_of(pair.certificate) is not None and all(
            os.access(folder, os.W_OK) for folder in folders
        )

    async def _go_on(self, connection: Connection, heard: bool) -> bool:
        """Prove what is granted, else ask for it; tells whether the answer is listened for."""
        renewal, now = await self._begun(), time.monotonic()
        if await asyncio.to_thread(lambda: renewal.granted):
            if now - self._proved >= _PROVE:
                self._prove()
            return heard
        await asyncio.to_thread(renewal.prepare)
        if not heard:
            await connection.subscribe(self.topic)
        if now - self._asked >= _AGAIN:
            topic = request_topic(self._uplink.cluster, self._plant.public.fingerprint)
            await connection.publish(topic, await asyncio.to_thread(renewal.request))
            self._asked = now
            self._tell("the hub was asked for a new client certificate", logging.INFO)
        return True

    async def _begun(self) -> "Renewal":
        # Its models are no burden to a program whose certificate has long to go.
        from agent.running.renewing import Renewal  # noqa: PLC0415

        if self._renewal is None:
            made = Renewal.made(self._uplink, self._plant, self._trust)
            await asyncio.to_thread(made.certificate)
            self._renewal = made
        return self._renewal

    async def hear(self, payload: bytes) -> None:
        """Take an answer of the hub; an earlier one, which stays retained, is passed over."""
        if self._renewal is None:
            return
        try:
            await asyncio.to_thread(self._renewal.keep, payload)
        except RefusalError:
            return
        except SidestreamError as error:
            self._tell(f"the new client certificate is not kept: {error}")
            return
        self._prove()

    def _prove(self) -> None:
        self._proved, self._to_prove = time.monotonic(), True
        self._reconnect()

    def _tell(self, text: str, level: int = logging.WARNING) -> None:
        if text != self._told:
            self._told = text
            _log.log(level, "%s", text)


def _put(pair: Pair) -> None:
    swap(pair)
    csr_of(pair).unlink(missing_ok=True)
