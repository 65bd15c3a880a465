"""One connection: opens it, asks one request at a time, and trusts no answer it cannot place."""

import asyncio
import errno
import logging
import ssl
import struct
import termios
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType
from pymodbus.pdu import ModbusPDU

from adapters.modbus.address import ADDRESSES, Table
from adapters.modbus.answer import Answer, Failure, Scope, exception
from adapters.modbus.points import Span

_CODES: dict[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_UNREADABLE = (ModbusException, LookupError, ValueError, TypeError, AttributeError, struct.error)
_UNBOUNDED: float = cast("float", None)
"""No time limit of the client's own, which would cost a task switch and a timer a request."""
_SILENCE = 0.1
_BUFFER = 4096
_PARITIES = {"none": "N", "even": "E", "odd": "O"}
_HORIZON = 20
"""Timeouts after which an unanswered request is taken to be lost."""


@dataclass(frozen=True, slots=True)
class Network:
    """How to reach a device or gateway over TCP; `rtu` is RTU framing, without transaction ids."""

    host: str
    port: int
    rtu: bool = False
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Serial:
    """How to reach the devices on a serial port."""

    device: str
    baudrate: int
    parity: str
    stopbits: int
    bytesize: int

    @property
    def rtu(self) -> bool:
        """Serial lines use RTU framing."""
        return True

    def __str__(self) -> str:
        return self.device


class _Owed(NamedTuple):
    """A request that has not been answered: what its answer would look like, and since when."""

    table: Table
    units: int
    since: float


class _UnansweredError(Exception):
    """A request's time is up; a TimeoutError would make the client close the connection."""


class _Guard(asyncio.BufferedProtocol):
    """Stands between transport and client: ends waits for unreadable, late or lost answers.

    It has a buffer of its own because asyncio would make one of 256 KiB for each answer, which
    costs the kernel more than the answer itself.
    """

    def __init__(self, client: ModbusBaseClient) -> None:
        self.client = client
        self._buffer = memoryview(bytearray(_BUFFER))
        self.transport: asyncio.Transport | None = None
        self.made = asyncio.Event()
        self.lost = False
        self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.client.ctx.connection_made(transport)
        self.made.set()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 # asyncio's signature
        """Give asyncio the place for what arrives."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has arrived."""
        self.data_received(bytes(self._buffer[:nbytes]))

    def data_received(self, data: bytes) -> None:
        """Take what has arrived; a serial transport calls this itself."""
        self.bytes += len(data)
        try:
            self.client.ctx.data_received(data)
        except _UNREADABLE as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.client.ctx.connection_lost(exc)
        self._fail(ConnectionResetError("the connection was closed"))

    def expire(self) -> None:
        """End the wait for the answer."""
        self._fail(_UnansweredError())

    def _fail(self, error: Exception) -> None:
        future = self.client.ctx.response_future
        if not future.done():
            future.set_exception(error)
            future.exception()  # marks it as seen when no request waits


class Line:
    """A connection that is opened when asked to and closed when it can no longer be trusted.

    RTU framing has no transaction ids, so a late answer looks like the answer to a later request of
    the same device, function and length. After a timeout there the line is closed, drained until
    silent, and the device first asked for another length or table than it may still answer: devices
    answer in order, so such an answer proves that nothing older is to come. A request is given up
    after 20 timeouts; a device that answers later still is not guarded against.
    """

    def __init__(self, place: Network | Serial, clock: Callable[[], int], gap: float) -> None:
        self.place = place
        self.connections = 0
        self._clock = clock
        self._gap = gap
        self._guard: _Guard | None = None
        self._ready_at = 0.0
        self._noisy = False
        self._owed: dict[int, list[_Owed]] = {}
        _quiet()

    @property
    def up(self) -> bool:
        """Whether there is a connection that has not been seen to break."""
        return self._guard is not None and not self._guard.lost

    def close(self) -> None:
        """Drop the connection at once."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        if guard.transport is not None:
            guard.transport.abort()
        guard.client.close()

    async def open(self, wait: float) -> Failure | None:
        """Connect; gives the failure, with the reason a person can act on."""
        self.close()
        self.connections += 1
        try:
            async with asyncio.timeout(wait):
                await self._connect(min(_SILENCE, wait / 4))
        except TimeoutError:
            found = ("timeout", f"no connection within {wait:g} s")
        except ssl.SSLCertVerificationError as error:
            found = ("tls", f"the certificate is refused: {error.verify_message}")
        except ssl.SSLError as error:
            found = ("tls", f"no TLS connection: {error.reason or error}")
        except ConnectionRefusedError:
            found = ("refused", "connection refused: nothing listens there")
        except ConnectionResetError:
            found = ("disconnected", "the connection was closed while it was being made")
        except (OSError, termios.error, ValueError) as error:
            found = ("unreachable", f"no connection: {error}")
            if isinstance(error, OSError) and error.errno == errno.ENOENT:
                found = ("no-such-device", "there is no such serial port")
        else:
            return None
        self.close()
        return self._failure(Scope.LINE, *found)

    async def read(self, span: Span, device_id: int, wait: float) -> Answer | Failure:
        """Ask one request of an open line; every doubt about the answer is a failure."""
        if self._owed and self._owing(device_id, wait):
            unsettled = await self._settle(span, device_id, wait)
            if unsettled is not None:
                return unsettled
        return await self._ask(span, device_id, wait)

    def _owing(self, device_id: int, wait: float) -> bool:
        """Tell whether a device may still answer earlier requests."""
        oldest = asyncio.get_running_loop().time() - _HORIZON * wait
        owed = [one for one in self._owed.get(device_id, ()) if one.since > oldest]
        self._owed[device_id] = owed
        return bool(owed)

    async def _connect(self, silence: float) -> None:
        client = self._client()
        guard = self._guard = _Guard(client)
        if isinstance(self.place, Network):
            await asyncio.get_running_loop().create_connection(
                lambda: guard,
                self.place.host,
                self.place.port,
                ssl=self.place.tls,
                server_hostname=self._server_name(self.place),
            )
        else:
            # The client's own factory hands out its own protocol; the guard takes that place.
            transport, _ = await client.ctx.call_create()
            transport.set_protocol(guard)
            await guard.made.wait()
        if self._noisy:
            await self._drain(guard, silence)

    async def _drain(self, guard: _Guard, silence: float) -> None:
        """Wait until nothing has come for a while; the caller's timeout bounds it."""
        seen = -1
        while seen != guard.bytes:
            seen = guard.bytes
            await asyncio.sleep(silence)
        self._noisy = False

    @staticmethod
    def _server_name(place: Network) -> str | None:
        return (place.server_name or place.host) if place.tls is not None else None

    def _client(self) -> ModbusBaseClient:
        place = self.place
        if isinstance(place, Network):
            return AsyncModbusTcpClient(
                place.host,
                port=place.port,
                framer=FramerType.RTU if place.rtu else FramerType.SOCKET,
                timeout=_UNBOUNDED,
                retries=0,
                reconnect_delay=0,
            )
        return AsyncModbusSerialClient(
            place.device,
            baudrate=place.baudrate,
            parity=_PARITIES[place.parity],
            stopbits=place.stopbits,
            bytesize=place.bytesize,
            timeout=_UNBOUNDED,
            retries=0,
            reconnect_delay=0,
        )

    async def _settle(self, span: Span, device_id: int, wait: float) -> Failure | None:
        """Find out whether earlier answers are still to come; None when none are."""
        owed = self._owed[device_id]
        other = _unlike(span, owed)
        outcome = await self._ask(other, device_id, wait)
        if isinstance(outcome, Failure):
            if not outcome.code:
                return outcome
            if any(one.table == other.table for one in owed):
                # The exception may answer any of them; the earliest is the safe guess.
                owed.remove(next(one for one in owed if one.table == other.table))
                text = f"device {device_id} may still answer earlier requests"
                self._owe(other, device_id)
                return self._failure(Scope.DEVICE, "late-answer", text)
        owed.clear()
        return None

    def _owe(self, span: Span, device_id: int) -> None:
        since = asyncio.get_running_loop().time()
        self._owed.setdefault(device_id, []).append(_Owed(span.table, _units(span), since))

    async def _ask(self, span: Span, device_id: int, wait: float) -> Answer | Failure:
        guard = self._guard
        if guard is None or guard.lost:
            return self._failure(Scope.LINE, "disconnected", "the connection was closed")
        if self._gap:
            await self._rest()
        timer = asyncio.get_running_loop().call_later(wait, guard.expire)
        try:
            answer = await _request(guard.client, span, device_id)
            outcome = self._judged(answer, guard.client, span, device_id)
        except _UnansweredError:
            outcome = self._failure(
                Scope.DEVICE, "timeout", f"device {device_id} did not answer within {wait:g} s"
            )
        except OSError as error:
            outcome = self._failure(Scope.LINE, "disconnected", str(error))
        except _UNREADABLE as error:
            outcome = self._garbled(f"the answer cannot be read: {error}")
        finally:
            timer.cancel()
        if self._gap:
            self._ready_at = asyncio.get_running_loop().time() + self._gap
        self._distrust(outcome, span, device_id)
        return outcome

    async def _rest(self) -> None:
        wait = self._ready_at - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    def _judged(
        self, answer: ModbusPDU, client: ModbusBaseClient, span: Span, device_id: int
    ) -> Answer | Failure:
        code = _CODES[span.table]
        if answer.dev_id != device_id or answer.function_code & 0x7F != code:
            return self._garbled("the answer is another device's or another function's")
        if not self.place.rtu and answer.transaction_id != client.ctx.request_transaction_id:
            return self._garbled("the answer has another request's transaction id")
        if answer.isError():
            return exception(self._clock(), answer.exception_code)
        words = answer.bits if span.of_bits else answer.registers
        if len(words) != _units(span) * (8 if span.of_bits else 1):
            return self._failure(
                Scope.DEVICE if self.place.rtu else Scope.REQUEST,
                "short-answer" if len(words) < span.length else "long-answer",
                f"the answer holds {len(words)} values, not {span.length}",
            )
        return Answer(self._clock(), words)

    def _distrust(self, outcome: Answer | Failure, span: Span, device_id: int) -> None:
        if isinstance(outcome, Answer) or outcome.code:
            return
        if self.place.rtu:
            self._owe(span, device_id)
            self._noisy = True
            self.close()
        elif outcome.scope is Scope.LINE:
            self.close()

    def _garbled(self, text: str) -> Failure:
        return self._failure(
            Scope.DEVICE if self.place.rtu else Scope.REQUEST, "garbled-answer", text
        )

    def _failure(self, scope: Scope, reason: str, text: str) -> Failure:
        return Failure(self._clock(), scope, reason, f"{self.place}: {text}")


def _units(span: Span) -> int:
    """Give the length an answer shows: registers, or bytes of bits."""
    return -(-span.length // 8) if span.of_bits else span.length


def _unlike(span: Span, owed: Sequence[_Owed]) -> Span:
    """Find a request whose answer cannot be taken for one that is owed.

    Shorter in the same table at best, for that is sure to be answered; else in a table of which
    nothing is owed, where even an exception tells; else longer.
    """
    taken = {(one.table, one.units) for one in owed}
    tables = {one.table for one in owed}
    units = _units(span)
    shorter = [(span.table, n) for n in range(1, units)]
    elsewhere = [(table, 1) for table in _CODES if table not in tables]
    longer = [(span.table, n) for n in range(units + 1, units + len(owed) + 2)]
    table, length = next(one for one in (*shorter, *elsewhere, *longer) if one not in taken)
    length *= 8 if Span(table, 0, 1).of_bits else 1
    return Span(table, min(span.start, ADDRESSES - length), length)


def _request(client: ModbusBaseClient, span: Span, device_id: int) -> Awaitable[ModbusPDU]:
    start, count = span.start, span.length
    if span.table == "holding":
        return client.read_holding_registers(start, count=count, device_id=device_id)
    if span.table == "input":
        return client.read_input_registers(start, count=count, device_id=device_id)
    if span.table == "coil":
        return client.read_coils(start, count=count, device_id=device_id)
    return client.read_discrete_inputs(start, count=count, device_id=device_id)


def _quiet() -> None:
    # Failures are reported by readings and health; the library would log each one with its frames.
    log = logging.getLogger("pymodbus")
    if log.level == logging.NOTSET:
        log.setLevel(logging.CRITICAL)
