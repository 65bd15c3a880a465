"""Runs in the container: a belt scale on Modbus, a dust meter on OPC UA, and a name server.

The scale counts 50 kg a second, and stands while its folder has a file `stand`. There field.json
tells the first and the last value read.
"""

import asyncio
import json
import struct
import sys
import time
from pathlib import Path
from typing import cast

from simulation.modbus import Device, ModbusPlant
from simulation.opcua import OpcUaPlant


class Scale:
    """A totaliser in kg, in two registers."""

    def __init__(self, told: Path) -> None:
        self._told = told
        self._start = time.monotonic()
        self._value = self._first = 0

    def register(self, at: int) -> int | None:
        if at == 0:
            if not self._told.with_name("stand").exists():
                self._value = 4_000_000 + round((time.monotonic() - self._start) * 50)
            self._first = self._first or self._value
            self._told.write_text(json.dumps({"first": self._first, "last": self._value}))
        return {0: self._value >> 16, 1: self._value & 0xFFFF}.get(at)


class Names(asyncio.DatagramProtocol):
    """Answers questions for the IPv4 address of broker.test, and has nothing to say to others."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = data[12 : data.index(b"\0", 12) + 5]
        known = asked.lower() == b"\x06broker\x04test\0\0\x01\0\x01"
        head = data[:2] + struct.pack("!HHHHH", 0x8580, 1, known, 0, 0)
        answer = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 5, 4, 127, 0, 0, 1) if known else b""
        self._transport.sendto(head + asked + answer, addr)


async def main(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Names, ("127.0.0.1", 53))
    scale = Scale(folder / "field.json")
    modbus = ModbusPlant({1: Device(registers=scale.register)}, port=5020)
    async with modbus, OpcUaPlant({"Dust": 2.5}, port=4840):
        (folder / "ready").touch()
        await asyncio.Event().wait()


asyncio.run(main(Path(sys.argv[1])))
