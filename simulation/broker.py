"""An embedded MQTT 3.1.1 broker, so that trying things out needs nothing installed."""

import asyncio
import logging
from typing import Any, Self

from adapters.errors import PermanentError, TransientError
from simulation.ports import free_port

_CLOSE_SECONDS = 10.0


class EmbeddedBroker:
    """amqtt on a free port of 127.0.0.1; use as `async with EmbeddedBroker() as broker:`.

    A session ends a second after its client is gone: amqtt answers a client that comes back to a
    session with waiting messages only when all of these are acknowledged, or after five seconds.
    Whoever publishes must therefore rely on the receiver's own receipt, as agents do.

    Raises `PermanentError` when amqtt is not installed, `TransientError` when it does not start.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self._broker: Any = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take connections."""
        try:
            from amqtt.broker import Broker  # noqa: PLC0415 - half a second, and optional
            from amqtt.contexts import BrokerConfig, ListenerConfig  # noqa: PLC0415
            from amqtt.errors import BrokerError  # noqa: PLC0415
        except ImportError as error:
            raise PermanentError(
                "the embedded broker is not installed", mend='pip install "sidestream[demo]"'
            ) from error
        for noisy in ("amqtt", "transitions"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        config = BrokerConfig(
            listeners={"default": ListenerConfig(bind=f"127.0.0.1:{self.port}")},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
        self._broker = Broker(config)
        try:
            await self._broker.start()
        except BrokerError as error:
            raise TransientError(f"the embedded broker did not start: {error}") from error

    async def stop(self) -> None:
        """End every connection and close the port."""
        broker, self._broker = self._broker, None
        if broker is not None:
            await asyncio.wait_for(broker.shutdown(), _CLOSE_SECONDS)
