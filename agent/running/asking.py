"""One question to the hub over the broker: the answer that is there already, or that comes soon."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from config.plan import BrokerPlan
from gateway.broker import Terms
from gateway.connection import Connection
from gateway.dial import open_connection
from gateway.signing import RefusalError
from gateway.wire import answer_topic, request_topic

_RETAINED = 0.5
"""Seconds in which a broker sends what it has retained."""
SOON = 3.0
"""Seconds in which a running hub answers what is answered already."""
OWN = Terms(clean=True, session_expiry=0, manual_ack=False, will=None)
"""A link of its own, of which nothing stays at the broker."""

Read = Callable[[bytes], object]
"""Reads an answer; raises `RefusalError` when it is to another question."""


async def ask(
    broker: BrokerPlan,
    cluster: str,
    sender: str,
    request: Callable[[], bytes],
    read: Read,
    patience: float,
    asked: Callable[[], object],
) -> bytes | None:
    """Take the answer that is there, else send the request and wait for it.

    `asked` is told when the request has reached the broker. None when no answer came in `patience`
    seconds. Raises what opening a link raises.
    """
    link = await open_connection(broker, OWN)
    try:
        await link.subscribe(answer_topic(cluster, sender))
        with suppress(TimeoutError):
            async with asyncio.timeout(_RETAINED):
                return await _answer(link, read)
        await link.publish(request_topic(cluster, sender), request())
        asked()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                return await _answer(link, read)
        return None
    finally:
        await link.close()


async def _answer(link: Connection, read: Read) -> bytes:
    while True:
        payload = (await link.next()).payload
        with suppress(RefusalError):
            read(payload)
            return payload
