"""A server that means harm: what it sends is bounded, and the agent goes on."""

import asyncio
import resource
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from asyncua import ua
from asyncua.common.connection import MessageChunk
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import struct_to_binary, uatcp_to_binary

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


STRINGS = struct.pack("<i", 1) + struct.pack("<i", 6) + b"marker"
BACKWARDS = struct.pack("<i", 2**31 - 1) + struct.pack("<i", -4)
"""A list of texts each of which steps back over its own length."""
BYTES = b"\x83" + struct.pack("<i", 6) + b"marker"
NULLS = b"\x80" + struct.pack("<i", 2**31 - 1)
"""Two thousand million Null values in no byte."""


class Claims:
    """Answers Hello, and the opening of a channel with a list that claims what it cannot hold."""

    def __init__(self, true: bytes, claimed: bytes) -> None:
        opened = ua.OpenSecureChannelResponse()
        opened.ResponseHeader.StringTable = ["marker"]
        opened.ResponseHeader.AdditionalHeader = ua.LiteralOperand(
            Value=ua.Variant(list(b"marker"), ua.VariantType.Byte)
        )
        body = struct_to_binary(opened)
        assert body.count(true) == 1
        self.body = body.replace(true, claimed)
        self.told = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(uatcp_to_binary(ua.MessageType.Acknowledge, ua.Acknowledge()))
        if await reader.read(4096):
            (chunk,) = MessageChunk.message_to_chunks(
                SecurityPolicyNone(), self.body, 65_535, ua.MessageType.SecureOpen
            )
            chunk.SequenceHeader.SequenceNumber = 1
            writer.write(chunk.to_binary())
            await writer.drain()
            self.told += 1
            await reader.read(1)
        writer.close()


@pytest.mark.parametrize(
    ("true", "claimed"), [(STRINGS, BACKWARDS), (BYTES, NULLS)], ids=["texts", "nulls"]
)
async def test_a_list_that_claims_what_it_cannot_hold_ends_the_link_and_not_the_agent(
    true: bytes, claimed: bytes
) -> None:
    server, recorder = Claims(true, claimed), Recorder()
    async with (
        listening(server) as url,
        running([source(url, {"rate": "ns=2;s=Rate"})], recorder),
    ):
        await recorder.until(lambda: server.told >= 2)
        await recorder.until(lambda: recorder.latest.error)
