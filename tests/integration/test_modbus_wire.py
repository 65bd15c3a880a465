"""What a session puts on the wire, seen by a recorder between adapter and device."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from adapters.modbus import TCP
from simulation.modbus import Device, ModbusPlant
from tests.modbuskit import running, source, until

pytestmark = pytest.mark.integration

ALLOWED = {1, 2, 3, 4, 43}
POINTS: dict[str, dict[str, Any]] = {
    "coil": {"register": 1},
    "discrete": {"register": 10001},
    "input": {"register": 30001, "type": "float32"},
    "holding": {"register": 40001, "type": "uint32", "decimals_register": 40009},
    "hole": {"register": 40020},
}


class Recorder:
    """Passes bytes on and keeps, for each connection, what the client sent."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.streams: list[bytearray] = []

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent = bytearray()
        self.streams.append(sent)
        with contextlib.suppress(OSError):
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
            answers = asyncio.create_task(copy(back, writer))
            while data := await reader.read(4096):
                sent += data
                forth.write(data)
            forth.close()
            await answers
        writer.close()

    def codes(self, rtu: bool) -> set[int]:
        return {code for sent in self.streams for code in (rtu_codes if rtu else tcp_codes)(sent)}


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            writer.write(data)
    writer.close()


def tcp_codes(sent: bytearray) -> Iterator[int]:
    """Give the function code of every frame; a frame out of shape fails."""
    while sent:
        _, protocol, length = struct.unpack(">HHH", sent[:6])
        assert (protocol, length) == (0, 6)
        yield sent[7]
        sent = sent[6 + length :]


def rtu_codes(sent: bytearray) -> Iterator[int]:
    """Give the function code of every frame of eight bytes, which every read is."""
    assert len(sent) % 8 == 0
    yield from sent[1::8]


@contextlib.asynccontextmanager
async def recorded(target: int) -> AsyncIterator[tuple[Recorder, int]]:
    recorder = Recorder(target)
    server = await asyncio.start_server(recorder.pass_on, "127.0.0.1", 0)
    try:
        yield recorder, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
async def test_a_session_with_every_kind_of_fault_sends_only_reads(framing: Any) -> None:
    device = Device({0: 0, 1: 9, 8: 1}, {0: 16256, 1: 0}, {0: 1}, {0: 0})
    protocol = "modbus-tcp" if framing == "tcp" else "modbus-rtu-tcp"
    async with ModbusPlant({1: device}, framing=framing) as plant, recorded(plant.port) as on_wire:
        recorder, port = on_wire
        meter = source(port, POINTS, protocol=protocol, timeout="100 ms")
        async with running(meter) as basket:
            for fault, value in (("paused", True), ("short", 1), ("garbage", True), ("drop", True)):
                basket.blocks.clear()
                await until(lambda: any(r.value == 0.9 for r in basket.readings()))
                setattr(plant.faults, fault, value)
                basket.blocks.clear()
                await until(lambda: sum(r.value is None for r in basket.readings()) >= 10)
                setattr(plant.faults, fault, type(value)())
            await until(lambda: any(r.value == 0.9 for r in basket.readings()))
        if framing == "tcp":
            await TCP.probe(source(port, POINTS))
        seen = recorder.codes(framing == "rtu")
    assert seen <= ALLOWED
    assert seen >= {1, 2, 3, 4}
