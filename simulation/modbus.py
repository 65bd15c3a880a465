"""Simulated Modbus devices as real servers: TCP, TLS, RTU over TCP, and RTU on a pseudo-terminal.

Framing and decoding are written here from the specification, apart from any client code, so that
they can serve as an oracle. Faults are switches on the plant; counters tell what was asked.
"""

import asyncio
import contextlib
import os
import pty
import ssl
import struct
import tty
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

Map = Mapping[int, int] | Callable[[int], int | None]
"""Values by 0-based address; an address that is missing, or gives None, is a hole."""
Framing = Literal["tcp", "rtu"]

_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 1, 2, 3
_READS = {1: "coils", 2: "discretes", 3: "registers", 4: "inputs"}
_RTU_REQUEST = 8
_HEADER = 6
_HOLE = -1


@dataclass(slots=True)
class Device:
    """One device: its four tables, the limits of a request, and faults of its own."""

    registers: Map = field(default_factory=dict)
    inputs: Map = field(default_factory=dict)
    coils: Map = field(default_factory=dict)
    discretes: Map = field(default_factory=dict)
    max_registers: int = 125
    max_bits: int = 2000
    limit_code: int = _ILLEGAL_VALUE
    """Exception code for a request that is too long: 3, or 2 as some devices have it."""
    silent: bool = False
    """Never answers."""
    exception: int = 0
    """Answers every request with this exception code."""

    def answer(self, code: int, start: int, count: int) -> bytes:
        """Give the answer's PDU to a request to read."""
        if self.exception:
            return bytes((code | 0x80, self.exception))
        limit = self.max_registers if code in (3, 4) else self.max_bits
        if not 1 <= count <= limit:
            return bytes((code | 0x80, self.limit_code))
        table: Map = getattr(self, _READS[code])
        read = table if callable(table) else table.get
        values = [_HOLE if (value := read(start + at)) is None else value for at in range(count)]
        if _HOLE in values:
            return bytes((code | 0x80, _ILLEGAL_ADDRESS))
        data = _bits(values) if code in (1, 2) else struct.pack(f">{count}H", *values)
        return bytes((code, len(data))) + data


@dataclass(slots=True)
class Faults:
    """What goes wrong between the devices and the client; all off at first."""

    paused: bool = False
    """A black hole: connections are taken and bytes read, nothing is ever answered."""
    delay: float = 0.0
    """Seconds before each answer."""
    delays: deque[float] = field(default_factory=deque)
    """Seconds before each of the next answers, in turn; `delay` after that."""
    garbage: bool = False
    """Answers are bytes without sense."""
    short: int = 0
    """Values left out at the end of each answer, in a well-formed frame."""
    transaction: int = 0
    """Added to the transaction id of each answer."""
    other_device: int = 0
    """Added to the device id of each answer."""
    drop: bool = False
    """Each request closes the connection."""


@dataclass(slots=True)
class Counts:
    """What the plant was asked."""

    connections: int = 0
    requests: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    devices: Counter[int] = field(default_factory=Counter)
    spans: deque[tuple[int, int, int, int]] = field(default_factory=lambda: deque(maxlen=10_000))
    """Each request to read, as (device id, function code, start, count); the last 10 000."""


class ModbusPlant:
    """Devices behind one server; `port` 0 takes a free port. `path` serves a serial line.

    Use as `async with ModbusPlant({1: Device(...)}) as plant:` and connect to `plant.host`,
    `plant.port`; with `serial=True`, open `plant.path`, a pseudo-terminal, instead.
    """

    def __init__(
        self,
        devices: Mapping[int, Device],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        framing: Framing = "tcp",
        tls: ssl.SSLContext | None = None,
        serial: bool = False,
    ) -> None:
        self.devices = devices
        self.host = host
        self.port = port
        self.path = ""
        self.faults = Faults()
        self.counts = Counts()
        self._framing: Framing = "rtu" if serial else framing
        self._tls = tls
        self._serial = serial
        self._server: asyncio.Server | None = None
        self._terminal: _Terminal | None = None
        self._links: set[_Link] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, on the same port as before after a stop; raises OSError when it is taken."""
        if self._serial:
            self._terminal = _Terminal(self._link())
            self.path = self._terminal.path
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._link, self.host, self.port, ssl=self._tls, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection: clients are refused until `start`."""
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None
        if self._server is not None:
            self._server.close()
        self.drop()
        for _ in range(3):  # lets aborted transports close
            await asyncio.sleep(0)
        self._server = None

    def drop(self) -> None:
        """Close every connection; new ones are taken."""
        for link in tuple(self._links):
            link.abort()

    def forget(self) -> None:
        """Leave open connections without answers for good, as a firewall that lost their state."""
        for link in self._links:
            link.forgotten = True

    def _link(self) -> "_Link":
        return _Link(self, self._framing, self._links)

    def answer(self, device_id: int, pdu: bytes) -> bytes | None:
        """Give the answer to a request's PDU, or None when the device stays silent."""
        self.counts.requests += 1
        self.counts.codes[pdu[0]] += 1
        self.counts.devices[device_id] += 1
        device = self.devices.get(device_id)
        if device is None or device.silent or self.faults.paused:
            return None
        if pdu[0] not in _READS or len(pdu) != struct.calcsize(">BHH"):
            return bytes((pdu[0] | 0x80, _ILLEGAL_FUNCTION))
        code, start, count = struct.unpack(">BHH", pdu)
        self.counts.spans.append((device_id, code, start, count))
        return self._shortened(device.answer(code, start, count))

    def _shortened(self, pdu: bytes) -> bytes:
        size = 2 if pdu[0] in (3, 4) else 1
        if not self.faults.short or pdu[0] & 0x80:
            return pdu
        data = pdu[2 : len(pdu) - size * self.faults.short]
        return bytes((pdu[0], len(data))) + data


class _Link(asyncio.Protocol):
    """One client's connection: frames in, answers out, strictly in order."""

    def __init__(self, plant: ModbusPlant, framing: Framing, links: "set[_Link]") -> None:
        self._plant = plant
        self._framing: Framing = framing
        self._links = links
        self.forgotten = False
        self._buffer = b""
        self._requests: asyncio.Queue[tuple[int, int, bytes]] = asyncio.Queue()
        self._transport: asyncio.WriteTransport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 # asyncio's typing
        self._transport = transport
        self._plant.counts.connections += 1
        self._links.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve(transport))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._links.discard(self)
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (frame := self._take()) is not None:
            self._requests.put_nowait(frame)

    def _take(self) -> tuple[int, int, bytes] | None:
        return self._take_tcp() if self._framing == "tcp" else self._take_rtu()

    def _take_tcp(self) -> tuple[int, int, bytes] | None:
        if len(self._buffer) < _HEADER:
            return None
        transaction, protocol, length = struct.unpack(">HHH", self._buffer[:_HEADER])
        if protocol or length < 2:  # noqa: PLR2004 # device id and function code
            self.abort()
            return None
        if len(self._buffer) < _HEADER + length:
            return None
        frame, self._buffer = self._buffer[_HEADER:][:length], self._buffer[_HEADER + length :]
        return transaction, frame[0], frame[1:]

    def _take_rtu(self) -> tuple[int, int, bytes] | None:
        if len(self._buffer) < _RTU_REQUEST:
            return None
        frame, self._buffer = self._buffer[:_RTU_REQUEST], self._buffer[_RTU_REQUEST:]
        if crc(frame[:-2]) != frame[-2:]:
            self._buffer = b""
            return None
        return 0, frame[0], frame[1:-2]

    async def _serve(self, transport: asyncio.WriteTransport) -> None:
        while True:
            transaction, device_id, pdu = await self._requests.get()
            faults = self._plant.faults
            answer = self._plant.answer(device_id, pdu)
            if faults.drop:
                transport.abort()
                return
            await asyncio.sleep(faults.delays.popleft() if faults.delays else faults.delay)
            if answer is not None and not self.forgotten:
                transport.write(self._frame(transaction, device_id, answer))

    def _frame(self, transaction: int, device_id: int, pdu: bytes) -> bytes:
        faults = self._plant.faults
        if faults.garbage:
            return b"\xa5\x5a" * 12
        body = bytes(((device_id + faults.other_device) & 0xFF,)) + pdu
        if self._framing == "rtu":
            return body + crc(body)
        shown = (transaction + faults.transaction) & 0xFFFF
        return struct.pack(">HHH", shown, 0, len(body)) + body


class _Terminal(asyncio.WriteTransport):
    """A pseudo-terminal pair as a transport: the client opens `path`, the other end is ours."""

    def __init__(self, link: _Link) -> None:
        super().__init__()
        self._ours, self._theirs = pty.openpty()  # theirs stays open, so that clients may come anew
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self._protocol = link
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        link.connection_made(self)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._protocol.data_received(os.read(self._ours, 4096))

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Put bytes on the line; what does not fit the terminal's buffer is lost, as on a line."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._ours, data)

    def abort(self) -> None:
        """Nothing to close: a serial line has no connections."""

    def close(self) -> None:
        """Take the line away."""
        asyncio.get_running_loop().remove_reader(self._ours)
        self._protocol.connection_lost(None)
        os.close(self._ours)
        os.close(self._theirs)


def crc(data: bytes) -> bytes:
    """Give the CRC-16 of a serial frame, low byte first (MODBUS over serial line V1.02, 6.2.2)."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ 0xA001 if register & 1 else register >> 1
    return register.to_bytes(2, "little")


def words(layout: str, *values: float | bytes) -> dict[int, int]:
    """Give registers by address from 0, high word first, from values laid out as for `struct`."""
    data = struct.pack(f">{layout}", *values)
    return {at: data[2 * at] << 8 | data[2 * at + 1] for at in range(len(data) // 2)}


def _bits(values: list[int]) -> bytes:
    return bytes(
        sum(bool(bit) << at for at, bit in enumerate(values[first : first + 8]))
        for first in range(0, len(values), 8)
    )
