"""The bytes of one connection: one request at a time goes out, its answer or its failure comes in.

It sends what `frame` makes and nothing else, so that no more than reading can be asked.
"""

import asyncio
from typing import cast

from adapters.modbus.frame import Checked, Headed
from adapters.modbus.points import Span

_BUFFER = 4096


class UnansweredError(Exception):
    """A request's time is up."""


class Link(asyncio.BufferedProtocol):
    """Stands behind the transport: sends requests, and ends the wait for their answers.

    It has a buffer of its own because asyncio would make one of 256 KiB for each answer, which
    costs the kernel more than the answer itself.
    """

    def __init__(self, framing: Headed | Checked) -> None:
        self._framing = framing
        self._buffer = memoryview(bytearray(_BUFFER))
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer.cancel()
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.Transport | None = None
        self.made = asyncio.Event()
        self.lost = False
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport to ask through."""
        self.transport = cast("asyncio.Transport", transport)
        self.made.set()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 # asyncio's signature
        """Give asyncio the place for what arrives."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has arrived."""
        self.data_received(self._buffer[:nbytes].tobytes())

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; a serial transport calls this itself."""
        self.bytes += len(data)
        found = self._framing.take(data)
        if found is not None and not self._answer.done():
            self._answer.set_result(found)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 # asyncio's signature
        """End the wait for an answer that cannot come any more."""
        self.lost = True
        self._fail(ConnectionResetError("the connection was closed"))

    def close(self) -> None:
        """Drop the connection at once."""
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None:
            self.transport.abort()

    async def ask(self, span: Span, device_id: int, wait: float) -> bytes:
        """Send a request and give its answer's PDU.

        Raises `UnansweredError` when there is none within `wait` seconds, and OSError when the
        connection ends.
        """
        transport = self.transport
        if transport is None:
            raise ConnectionResetError("the connection was closed")
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer = answer
        transport.write(self._framing.request(span, device_id))
        self._until = until = self._loop.time() + wait
        if self._timer is None or self._timer.when() > until:
            self._watch()
        return await answer

    def _watch(self) -> None:
        """Look again when the present answer is overdue; a timer for each would cost far more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._loop.time() >= self._until:
            self._fail(UnansweredError())
        elif not self._answer.done():
            self._watch()

    def _fail(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)
