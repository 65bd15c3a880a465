"""Frames: requests to read as bytes, and bytes that arrive as answers, in both framings of Modbus.

Free of I/O, and unable to say anything but "read": the four function codes below are all there are
(MODBUS Application Protocol V1.1b3, 6.1 to 6.4). An answer is given as its PDU: function code, then
data.
"""

from collections.abc import Mapping
from itertools import pairwise
from struct import Struct

from adapters.modbus.address import Table
from adapters.modbus.points import Span

READS: Mapping[Table, int] = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
EXCEPTION = 0x80
"""Added to the function code of an answer that is a refusal; its code follows."""
_HEADED = Struct(">HHHBBHH")
_HEAD = Struct(">HHHBB")
_REFUSED = 3
"""Device id, function code and exception code: the shortest that can follow a header's length."""
_LONGEST = 254
_BARE = Struct(">BBHH")
_OVERHEAD = 5
"""Bytes of an RTU answer beside its data: device id, function code, count, and two of checksum."""


class Headed:
    """Modbus TCP (MODBUS Messaging on TCP/IP V1.0b, 3.1): a header with transaction id and length.

    Answers to other requests than the last, and from other devices, are left out. What is no
    frame at all is thrown away with what arrived behind it: a later answer begins anew.
    """

    def __init__(self) -> None:
        self._transaction = 0
        self._device = 0
        self._rest = b""

    def request(self, span: Span, device_id: int) -> bytes:
        """Give the bytes of a request; from now on only its answer is taken."""
        self._transaction = self._transaction % 0xFFFF + 1
        self._device = device_id
        code = READS[span.table]
        return _HEADED.pack(self._transaction, 0, 6, device_id, code, span.start, span.length)

    def take(self, data: bytes) -> bytes | None:
        """Take what has arrived; gives the answer once it is whole."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= _HEAD.size:
            transaction, protocol, length, device_id, _ = _HEAD.unpack_from(data, at)
            if protocol or not 1 < length <= _LONGEST:
                self._rest = b""
                return None
            # Some devices leave the exception code out of a refusal's length.
            end = at + 6 + max(length, _REFUSED)
            if end > size:
                break
            if transaction == self._transaction and device_id == self._device:
                self._rest = data[end:]
                return data[at + 7 : end]
            at = end
        self._rest = data[at:]
        return None


class Checked:
    """Modbus RTU (MODBUS over Serial Line V1.02, 2.5.1), on a serial line or over TCP.

    It has no transaction ids: an answer is what begins with the device and function asked, is as
    long as it says and has the right checksum. Bytes before it are noise.
    """

    def __init__(self) -> None:
        self._device = 0
        self._code = 0
        self._rest = b""

    def request(self, span: Span, device_id: int) -> bytes:
        """Give the bytes of a request; what arrived before it is forgotten."""
        self._device, self._code, self._rest = device_id, READS[span.table], b""
        body = _BARE.pack(device_id, self._code, span.start, span.length)
        return body + checksum(body)

    def take(self, data: bytes) -> bytes | None:
        """Take what has arrived; gives the answer once it is whole."""
        data = self._rest + data
        at = self._begin(data)
        self._rest = data[at:]
        if len(self._rest) < _OVERHEAD:
            return None
        refused = self._rest[1] & EXCEPTION
        size = _OVERHEAD if refused else _OVERHEAD + self._rest[2]
        if len(self._rest) < size:
            return None
        frame, self._rest = self._rest[:size], b""
        return frame[1:-2] if checksum(frame[:-2]) == frame[-2:] else None

    def _begin(self, data: bytes) -> int:
        """Find where the answer may begin."""
        for at, (device, code) in enumerate(pairwise(data)):
            if device == self._device and code & ~EXCEPTION == self._code:
                return at
        last = len(data) - 1
        return last if last >= 0 and data[last] == self._device else len(data)


def _remainders() -> tuple[int, ...]:
    found = []
    for remainder in range(256):
        for _ in range(8):
            remainder = remainder >> 1 ^ 0xA001 if remainder & 1 else remainder >> 1  # noqa: PLW2901
        found.append(remainder)
    return tuple(found)


_REMAINDERS = _remainders()


def checksum(data: bytes) -> bytes:
    """Give the CRC-16 of an RTU frame, low byte first (MODBUS over Serial Line V1.02, 6.2.2)."""
    found = 0xFFFF
    for byte in data:
        found = found >> 8 ^ _REMAINDERS[(found ^ byte) & 0xFF]
    return found.to_bytes(2, "little")
