"""One connection: opens it, asks one request at a time, and trusts no answer it cannot place."""

import asyncio
import errno
import ssl
import termios
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from adapters.modbus.address import ADDRESSES, Table
from adapters.modbus.answer import Answer, Failure, Scope, exception
from adapters.modbus.frame import EXCEPTION, READS, Checked, Headed
from adapters.modbus.link import Link, UnansweredError
from adapters.modbus.points import Span

_SILENCE = 0.1
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
        self._link: Link | None = None
        self._ready_at = 0.0
        self._noisy = False
        self._owed: dict[int, list[_Owed]] = {}

    @property
    def up(self) -> bool:
        """Whether there is a connection that has not been seen to break."""
        return self._link is not None and not self._link.lost

    def close(self) -> None:
        """Drop the connection at once."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

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
        place = self.place
        link = self._link = Link(Checked() if place.rtu else Headed())
        if isinstance(place, Network):
            await asyncio.get_running_loop().create_connection(
                lambda: link,
                place.host,
                place.port,
                ssl=place.tls,
                server_hostname=self._server_name(place),
            )
        else:
            await _open_port(place, link)
        if self._noisy:
            await self._drain(link, silence)

    async def _drain(self, link: Link, silence: float) -> None:
        """Wait until nothing has come for a while; the caller's timeout bounds it."""
        seen = -1
        while seen != link.bytes:
            seen = link.bytes
            await asyncio.sleep(silence)
        self._noisy = False

    @staticmethod
    def _server_name(place: Network) -> str | None:
        return (place.server_name or place.host) if place.tls is not None else None

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
        link = self._link
        if link is None or link.lost:
            return self._failure(Scope.LINE, "disconnected", "the connection was closed")
        if self._gap:
            await self._rest()
        try:
            outcome = self._judged(await link.ask(span, device_id, wait), span)
        except UnansweredError:
            outcome = self._failure(
                Scope.DEVICE, "timeout", f"device {device_id} did not answer within {wait:g} s"
            )
        except OSError as error:
            outcome = self._failure(Scope.LINE, "disconnected", str(error))
        if self._gap:
            self._ready_at = asyncio.get_running_loop().time() + self._gap
        if isinstance(outcome, Failure):
            self._distrust(outcome, span, device_id)
        return outcome

    async def _rest(self) -> None:
        wait = self._ready_at - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    def _judged(self, pdu: bytes, span: Span) -> Answer | Failure:
        code, asked = pdu[0], READS[span.table]
        if code == asked | EXCEPTION:
            return exception(self._clock(), pdu[1])
        size, data = pdu[1], pdu[2:]
        if code != asked:
            return self._garbled("the answer is another function's")
        if len(data) < size:
            return self._garbled("the answer is shorter than it says")
        if size != _size(span):
            return self._failure(
                Scope.DEVICE if self.place.rtu else Scope.REQUEST,
                "short-answer" if size < _size(span) else "long-answer",
                f"the answer holds {size} bytes, not {_size(span)}",
            )
        return Answer(self._clock(), data[:size], span.of_bits)

    def _distrust(self, failure: Failure, span: Span, device_id: int) -> None:
        if failure.code:
            return
        if self.place.rtu:
            self._owe(span, device_id)
            self._noisy = True
            self.close()
        elif failure.scope is Scope.LINE:
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


def _size(span: Span) -> int:
    """Give the bytes of data an answer must have."""
    return -(-span.length // 8) if span.of_bits else 2 * span.length


def _unlike(span: Span, owed: Sequence[_Owed]) -> Span:
    """Find a request whose answer cannot be taken for one that is owed.

    Shorter in the same table at best, for that is sure to be answered; else in a table of which
    nothing is owed, where even an exception tells; else longer.
    """
    taken = {(one.table, one.units) for one in owed}
    tables = {one.table for one in owed}
    units = _units(span)
    shorter = [(span.table, n) for n in range(1, units)]
    elsewhere = [(table, 1) for table in READS if table not in tables]
    longer = [(span.table, n) for n in range(units + 1, units + len(owed) + 2)]
    table, length = next(one for one in (*shorter, *elsewhere, *longer) if one not in taken)
    length *= 8 if Span(table, 0, 1).of_bits else 1
    return Span(table, min(span.start, ADDRESSES - length), length)


async def _open_port(port: Serial, link: Link) -> None:
    """Open a serial port; raises OSError, ValueError or `termios.error`."""
    from pymodbus.transport.serialtransport import (  # noqa: PLC0415 # serial lines alone need it
        create_serial_connection,
    )

    await create_serial_connection(
        asyncio.get_running_loop(),
        lambda: link,
        port.device,
        baudrate=port.baudrate,
        bytesize=port.bytesize,
        parity=_PARITIES[port.parity],
        stopbits=port.stopbits,
        timeout=0,
    )
    await link.made.wait()
