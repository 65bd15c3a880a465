"""What a request comes to: the device's words, or why there are none."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from adapters.modbus.decode import Words, unpacked
from adapters.reading import Fault, Quality

DEVICE_BUSY = 6
GATEWAY_CODES = (10, 11)
_REASONS = {2: "illegal-address", DEVICE_BUSY: "device-busy"}
_TEXTS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledged, still busy",
    DEVICE_BUSY: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway: the device does not respond",
}


class Scope(Enum):
    """Whom a failure speaks about."""

    LINE = "line"
    """The connection: nothing on it can be read now."""
    DEVICE = "device"
    """The device is silent; others on the line may answer."""
    REQUEST = "request"
    """The device is there, this request failed."""


class Answer(NamedTuple):
    """Data as long as the request asked for, and when it came (ns since 1970 UTC).

    It is as it was on the wire: registers of two bytes, or bits, eight to a byte.
    """

    time: int
    data: bytes
    of_bits: bool = False

    @property
    def words(self) -> Words:
        """The data as registers or as bits; those that fill the last byte are among them."""
        return unpacked(self.data, self.of_bits)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer; `code` is the device's exception code, 0 without one."""

    time: int
    scope: Scope
    reason: str
    text: str
    code: int = 0

    @property
    def fault(self) -> Fault:
        """The fault of every value the request was for."""
        return Fault(Quality.BAD, self.reason)


def exception(time: int, code: int) -> Failure:
    """Make the failure of an exception answer (Modbus Application Protocol V1.1b3, section 7)."""
    scope = Scope.DEVICE if code in GATEWAY_CODES else Scope.REQUEST
    return Failure(time, scope, reason(code), explained(code), code)


def reason(code: int) -> str:
    """Give the stable reason of an exception code."""
    return _REASONS.get(code, f"exception-{code}")


def explained(code: int) -> str:
    """Say what an exception code means."""
    return _TEXTS.get(code, f"exception {code}")
