"""How much a server may send in one message: more ends the link before it fills the memory.

The library keeps what it receives until a message is complete, however long its header says that it
will be, and a message may have any number of chunks (OPC UA part 6, section 6.7.2).
"""

import asyncio

from asyncua import Client

from adapters.opcua import claims

LONGEST = 8_388_608
"""Bytes of a message, over all its chunks: a thousand times what a round of reading needs."""
_HEADER = 8
_MORE = ord("C")


class Chunks:
    """Follows the chunks of a stream, and tells when a message is longer than `longest` bytes."""

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._message = 0
        self._left = 0
        self._header = b""

    def fits(self, data: bytes) -> bool:
        """Take in what was received next; False once a message is too long, or is none."""
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            step = _HEADER - len(self._header)
            self._header += data[at : at + step]
            at += step
            if len(self._header) == _HEADER and not self._begin():
                return False
        return True

    def _begin(self) -> bool:
        """Take in a chunk's header: type (3 bytes), whether more follow, size with the header."""
        size = int.from_bytes(self._header[4:], "little")
        more = self._header[3] == _MORE
        self._header = b""
        self._left = size - _HEADER
        self._message += size
        fits = size >= _HEADER and self._message <= self._longest
        if not more:
            self._message = 0
        return fits


class _Bounded(asyncio.Protocol):
    """Stands between the transport and the library's protocol."""

    def __init__(self, inner: asyncio.Protocol, transport: asyncio.Transport) -> None:
        self._inner = inner
        self._transport = transport
        self._chunks = Chunks()

    def data_received(self, data: bytes) -> None:
        if self._chunks.fits(data):
            self._inner.data_received(data)
        else:
            self._transport.abort()

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


async def open_socket(client: Client) -> None:
    """Connect a client's socket, bounded; raises what the library raises."""
    claims.bound()
    await client.connect_socket()
    protocol = client.uaclient.protocol
    if protocol is not None and protocol.transport is not None:
        bounded = _Bounded(protocol, protocol.transport)
        protocol.transport.set_protocol(bounded)
