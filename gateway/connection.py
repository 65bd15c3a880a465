"""One link to a broker: asyncio around one connected paho client, which is used once.

The paho client never reconnects and is thrown away with its link, so that no queue in memory
outlives it.
"""

import asyncio
import contextlib
from typing import Any, NamedTuple

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from adapters.errors import SidestreamError, TransientError
from gateway.broker import (
    Causes,
    Inbound,
    LinkLostError,
    PublishRefusedError,
    SubscribeRefusedError,
    Terms,
    ended,
    explain,
    packet_size,
    publish_refused,
)
from gateway.driver import SocketDriver
from gateway.reasons import (
    BLAME,
    KEEPALIVE_TIMEOUT,
    NO_SUBSCRIBERS,
    PACKET_TOO_LARGE,
    refused_connection,
)

MAX_WAITING = 10_000
"""Messages of QoS 0 beyond this many waiting are dropped, as QoS 0 allows."""
MAX_WAITING_BYTES = 16 * 1024 * 1024
"""Bytes waiting beyond which messages of QoS 0 are dropped."""
TOPIC_ROOM = 272
"""Bytes of a packet kept for its topic (256) and its header (16)."""
CLOSE_SECONDS = 2.0


class _Token(NamedTuple):
    owner: object
    mid: int
    qos: int


class _Publishing(NamedTuple):
    topic: str
    done: asyncio.Future[ReasonCode]


class Connection:
    """A link to a broker while it lasts. Every call raises `LinkLostError` once it is lost."""

    def __init__(self, client: Client, where: str, terms: Terms, causes: Causes) -> None:
        self.max_payload: int | None = None
        """Largest payload in bytes the broker takes, where it said so (topics to 256 bytes)."""
        self.lost = asyncio.Event()
        self.blamed = False
        """Whether the broker ended the link because of one of several messages in flight."""
        self._client = client
        self._where = where
        self._manual = terms.manual_ack
        self._login = terms.login
        self._causes = causes
        self._loop = asyncio.get_running_loop()
        self._limit = terms.in_flight
        self._slots = asyncio.Semaphore(0)
        self._packet_limit: int | None = None
        self._publishing: dict[int, _Publishing] = {}
        self._subscribing: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._inbound: asyncio.Queue[Inbound | None] = asyncio.Queue()
        self._inbound_bytes = 0
        self._unacked: set[int] = set()
        self._connack: asyncio.Future[None] = self._loop.create_future()
        self._error: SidestreamError | None = None
        self._driver = SocketDriver(client, self._loop, self._closing)

    async def publish(
        self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False
    ) -> bool:
        """Send a message; returns when the broker has acknowledged it (QoS 0: when it is sent).

        Tells whether anybody is subscribed, as far as the broker says (MQTT 5 alone may say no).
        Raises `PublishRefusedError` when the broker refused it (only MQTT 5 brokers tell) or it is
        larger than the broker takes, and `LinkLostError` when the link ended first. In MQTT 3.1.1
        an acknowledgement does not mean that the broker let anybody have the message.
        """
        self._check_size(topic, payload)
        await self._slots.acquire()
        if self._error is not None:
            self._slots.release()
            raise await self._loss()
        mid = self._send(topic, payload, qos, retain)
        done: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._publishing[mid] = _Publishing(topic, done)
        reason = await done
        if reason.is_failure:
            raise publish_refused(reason.value, str(reason), topic)
        return bool(reason.value != NO_SUBSCRIBERS)

    def _send(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        try:
            info = self._client.publish(topic, payload, qos, retain)
        except ValueError as error:
            self._slots.release()
            raise PublishRefusedError(
                f"not a message MQTT can carry: {error}", where=topic, reason="topic name invalid"
            ) from error
        return info.mid

    def _check_size(self, topic: str, payload: bytes) -> None:
        limit = self._packet_limit
        if limit is not None and packet_size(topic, payload) > limit:
            raise publish_refused(PACKET_TOO_LARGE, "packet too large", topic)

    async def subscribe(self, *topics: str, qos: int = 1) -> None:
        """Ask for topics; returns when the broker has granted them all.

        Raises `SubscribeRefusedError` naming the first refused, or `LinkLostError`.
        """
        if self._error is not None:
            raise await self._loss()
        mid = self._ask(topics, qos)
        if mid is None:
            raise await self._loss()
        done: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        self._subscribing[mid] = done
        for topic, reason in zip(topics, await done, strict=False):
            if reason.is_failure:
                raise SubscribeRefusedError(
                    f"the broker refused the subscription: {str(reason).lower()}",
                    where=topic,
                    mend="let this client read the topic in the broker's access control list",
                    reason=str(reason).lower(),
                )

    def _ask(self, topics: tuple[str, ...], qos: int) -> int | None:
        try:
            return self._client.subscribe([(topic, qos) for topic in topics])[1]
        except ValueError as error:
            raise SubscribeRefusedError(
                f"not a topic filter: {error}",
                where=", ".join(topics),
                reason="topic filter invalid",
            ) from error

    async def next(self) -> Inbound:
        """Wait for the next message; raises `LinkLostError`.

        Unless acknowledged by hand, a message is acknowledged here, when it is taken, so that the
        broker never runs further ahead than its window.
        """
        if self._error is not None:
            raise await self._loss()
        message = await self._inbound.get()
        if message is None:
            self._inbound.put_nowait(None)
            raise await self._loss()
        self._inbound_bytes -= len(message.payload)
        if not self._manual:
            self.ack(message)
        return message

    def pending(self) -> int:
        """Count the messages received and not yet taken by `next`."""
        return 0 if self._error is not None else self._inbound.qsize()

    def ack(self, message: Inbound) -> None:
        """Acknowledge a message of this link; a repeat, or a message of an older link, is ignored.

        A message that is never acknowledged comes again on the next link of a kept session.
        """
        token = message.token
        if isinstance(token, _Token) and token.owner is self and token.mid in self._unacked:
            self._unacked.discard(token.mid)
            self._client.ack(token.mid, token.qos)

    async def _loss(self) -> LinkLostError:
        # Yields, so that a caller that tries again and again cannot stop the loop.
        await asyncio.sleep(0)
        return self.loss()

    def loss(self) -> LinkLostError:
        """Make the error that says how the link was lost."""
        if self._error is None:
            return LinkLostError("the link has ended", where=self._where)
        return LinkLostError(self._error.what, where=self._where, mend=self._error.mend)

    # The life of the link.

    async def accepted(self) -> None:
        """Take over the connected socket and wait for the broker's CONNACK."""
        client = self._client
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        found = client.socket()
        if found is None:
            raise self._why()
        self._driver.start(found)
        await self._connack

    async def close(self) -> None:
        """End the link cleanly where it still stands, so that the will is not sent."""
        if self._error is None:
            self._client.disconnect()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.lost.wait()
        self.abandon()

    def abandon(self) -> None:
        """Close the socket at once."""
        self._end(TransientError("closed", where=self._where))
        self._driver.abandon()

    def _closing(self, closing: Any) -> None:
        if not self._connack.done():
            self._causes.ask(closing)

    def _end(self, error: SidestreamError) -> None:
        if self._error is not None:
            return
        self._error = error
        self._driver.stop()
        waiting: list[asyncio.Future[Any]] = [
            *(each.done for each in self._publishing.values()),
            *self._subscribing.values(),
        ]
        for future in waiting:
            if not future.done():
                future.set_exception(self.loss())
        if not self._connack.done():
            self._connack.set_exception(error)
            self._connack.exception()  # nobody waits for it when connecting failed before
        # One more than can be in flight, so that those who wait for a slot learn of it in turn.
        self._slots.release()
        self._inbound.put_nowait(None)
        self.lost.set()

    # What paho calls.

    def _on_connect(
        self,
        _client: Client,
        _data: object,
        _flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._connack.done():
            return
        if reason.is_failure:
            self._connack.set_exception(
                refused_connection(reason.value, str(reason), self._where, self._login)
            )
            return
        self._packet_limit = getattr(properties, "MaximumPacketSize", None)
        if self._packet_limit is not None:
            self.max_payload = max(0, self._packet_limit - TOPIC_ROOM)
        limit = min(self._limit, getattr(properties, "ReceiveMaximum", self._limit))
        for _ in range(limit):
            self._slots.release()
        self._connack.set_result(None)

    def _on_disconnect(
        self,
        _client: Client,
        _data: object,
        flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._error is None:
            self._blame(reason)
            told = flags.is_disconnect_packet_from_server
            self._end(ended(reason.value, str(reason), self._where) if told else self._why(reason))

    def _blame(self, reason: ReasonCode) -> None:
        if reason.value not in BLAME or not self._publishing:
            return
        self.blamed = len(self._publishing) > 1
        only = next(iter(self._publishing.values()))
        if not self.blamed and not only.done.done():
            only.done.set_exception(publish_refused(reason.value, str(reason), only.topic))

    def _why(self, reason: ReasonCode | None = None) -> SidestreamError:
        if reason == KEEPALIVE_TIMEOUT:
            return LinkLostError("the broker no longer answers", where=self._where)
        if self._causes.last is not None:
            return explain(self._causes.last, self._where)
        return LinkLostError("the broker closed the link", where=self._where)

    def _on_publish(
        self,
        _client: Client,
        _data: object,
        mid: int,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._driver.handled += 1
        self._slots.release()
        sent = self._publishing.pop(mid, None)
        if sent is not None and not sent.done.done():
            sent.done.set_result(reason)

    def _on_subscribe(
        self,
        _client: Client,
        _data: object,
        mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._driver.handled += 1
        done = self._subscribing.pop(mid, None)
        if done is not None and not done.done():
            done.set_result(reasons)

    def _on_message(self, client: Client, _data: object, message: MQTTMessage) -> None:
        self._driver.handled += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            client.ack(message.mid, message.qos)
            return
        token: _Token | None = None
        if message.qos:
            self._unacked.add(message.mid)
            token = _Token(self, message.mid, message.qos)
        elif self._full(len(message.payload)):
            return
        self._inbound_bytes += len(message.payload)
        self._inbound.put_nowait(Inbound(topic, bytes(message.payload), message.retain, token))

    def _full(self, more: int) -> bool:
        waiting, size = self._inbound.qsize(), self._inbound_bytes + more
        return waiting >= MAX_WAITING or size > MAX_WAITING_BYTES
