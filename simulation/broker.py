"""An embedded MQTT 3.1.1 broker, so that trying things out needs nothing installed."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from adapters.errors import PermanentError, TransientError
from simulation.ports import free_port

_CLOSE_SECONDS = 10.0
_LOGGERS = ("amqtt", "transitions")


class _Subscriptions(dict[str, Any]):
    """Subscriptions that may change while somebody walks them: a walk is over those it began with.

    When a client has connected, amqtt 0.12.1 (`Broker._handle_client_session`) walks all that is
    subscribed to, and awaits at each what was retained for it. Another client that subscribed, or
    whose session ended, at that time made the walk raise `RuntimeError`: the new client's link was
    closed without its will, and what it had published, and been told was taken, went nowhere.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self.keys()))


class _Log(logging.FileHandler):
    """A file opened for each of its few lines: what is told after the end is kept, too."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self.close()


class EmbeddedBroker:
    """amqtt on a free port of 127.0.0.1; use as `async with EmbeddedBroker() as broker:`.

    A session ends a second after its client is gone: amqtt answers a client that comes back to a
    session with waiting messages only when all of these are acknowledged, or after five seconds.
    Whoever publishes must therefore rely on the receiver's own receipt, as agents do.

    What it warns of, and every error that nobody handled on the event loop, is written to `log`,
    never to the terminal. Such an error is raised by `check` and on leaving, except when it only
    says that a client's link ended: clients come back from that.

    Raises `PermanentError` when amqtt is not installed, `TransientError` when it does not start.
    """

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self.port = port or free_port()
        self._log = log
        self._written: logging.Handler = logging.NullHandler()
        self._broker: Any = None
        self._of_a_link: tuple[type[BaseException], ...] = ()
        self._failed: BaseException | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        await self.stop()
        if kind is None:
            self.check()

    def check(self) -> None:
        """Raise `TransientError` when an error came up that nobody handled."""
        if self._failed is not None:
            name, text = type(self._failed).__name__, str(self._failed)
            raise TransientError(
                f"the embedded broker failed: {name}: {text}",
                where=str(self._log or ""),
                mend="run it again; if this comes back, report it with that log",
            ) from self._failed

    async def start(self) -> None:
        """Take connections."""
        try:
            from amqtt import errors  # noqa: PLC0415 - half a second, and optional
            from amqtt.broker import Broker  # noqa: PLC0415
            from amqtt.contexts import BrokerConfig, ListenerConfig  # noqa: PLC0415
        except ImportError as error:
            raise PermanentError(
                "the embedded broker is not installed", mend='pip install "sidestream[demo]"'
            ) from error
        self._of_a_link = (
            OSError,  # and so TimeoutError: a client that was killed acknowledges nothing
            asyncio.CancelledError,
            errors.AMQTTError,
            errors.MQTTError,
            errors.NoDataError,
            errors.ProtocolHandlerError,
        )
        self._write_log()
        config = BrokerConfig(
            listeners={"default": ListenerConfig(bind=f"127.0.0.1:{self.port}")},
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
        self._broker = Broker(config)
        self._broker._subscriptions = _Subscriptions()  # noqa: SLF001 - there is no other door
        # Not taken back: a task's error may come up as late as when the loop is closed.
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        try:
            await self._broker.start()
        except errors.BrokerError as error:
            raise TransientError(f"the embedded broker did not start: {error}") from error

    async def stop(self) -> None:
        """End every connection and close the port."""
        broker, self._broker = self._broker, None
        if broker is not None:
            await asyncio.wait_for(broker.shutdown(), _CLOSE_SECONDS)

    def _write_log(self) -> None:
        """Lead what the library tells to the log, and nowhere else."""
        if self._log is not None:
            self._written = _Log(self._log, delay=True)
            self._written.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.propagate = False
            logger.setLevel(logging.WARNING)
            logger.handlers[:] = [self._written]

    def _unhandled(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        logging.getLogger(_LOGGERS[0]).error(context["message"], exc_info=error)
        if error is not None and not isinstance(error, self._of_a_link):
            self._failed = self._failed or error
