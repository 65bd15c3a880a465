"""A TCP proxy between a client and a server: it passes, swallows, cuts, and keeps what it saw."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator


class Proxy:
    """Passes bytes from its own port to `target`, both on 127.0.0.1, until told otherwise."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.swallow = False
        """Whether bytes vanish in both directions while connections stay open: a black hole."""
        self.flowing = asyncio.Event()
        """Set unless bytes are to pile up, to be passed on together later."""
        self.flowing.set()
        self.sent = bytearray()
        """What clients have sent so far."""
        self.accepted = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Handle one client."""
        self.accepted += 1
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, forth}
        upward = asyncio.create_task(self._pass(reader, forth, keep=True))
        await self._pass(back, writer, keep=False)
        await upward

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await self._read(reader):
                if keep:
                    self.sent += data
                if not self.swallow:
                    writer.write(data)
                    await writer.drain()
        writer.close()
        self._open.discard(writer)

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        await self.flowing.wait()
        return await reader.read(65536)

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._open):
            writer.transport.abort()
        self._open.clear()


@contextlib.asynccontextmanager
async def proxy(target: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """Run a proxy to a port; with a context it ends TLS, as load balancers do."""
    made = Proxy(target)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=context)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut()
        # Lets the handlers see their connections end.
        await asyncio.sleep(0.05)
