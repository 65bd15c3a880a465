"""A server that means harm: what it sends is bounded, and the agent goes on."""

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from adapters.opcua.bounds import LONGEST
from tests.opcuakit import Recorder, running, source

pytestmark = pytest.mark.integration
MEGABYTE = 1_048_576
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[str]:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


class Flood:
    """Answers Hello with a message without end, in one chunk or in many."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.sent = 0
        self.ended = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        try:
            while self.sent < 200 * MEGABYTE:
                writer.write(self.head)
                writer.write(bytes(65_528))
                self.sent += 65_536
                await writer.drain()
        except ConnectionError:
            self.ended += 1
        finally:
            writer.close()


@pytest.mark.parametrize(
    "head", [b"MSGC" + (65_536).to_bytes(4, "little"), b"MSGF" + (2**32 - 1).to_bytes(4, "little")]
)
async def test_a_message_without_end_is_cut_off_and_tried_again_later(head: bytes) -> None:
    flood, recorder = Flood(head), Recorder()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with (
        listening(flood) as url,
        running([source(url, {"rate": "ns=2;s=Rate"})], recorder),
    ):
        await recorder.until(lambda: flood.ended)
        await recorder.until(lambda: recorder.latest.error)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert flood.sent < 4 * LONGEST
    assert grown < 6 * LONGEST
