"""A data value of the server as a sample: value in the point's unit, fault and time stamps."""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.opcua.status import fault, overflowed
from adapters.quality import judge
from adapters.reading import Fault, Quality, Value

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaPoint

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSET = (datetime(1601, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND * 1000
UNSUPPORTED = Fault(Quality.BAD, "unsupported-type")
NO_VALUE = Fault(Quality.BAD, "no-value")


class Sample(NamedTuple):
    """What a server told about one value; `stamp` in ns since 1970 UTC, None when not told."""

    value: Value
    fault: Fault | None
    stamp: int | None = None
    overflow: bool = False


def stamp(moment: datetime | None) -> int | None:
    """Turn a time stamp of the protocol into ns since 1970 UTC; an unset one (1601) is None."""
    if moment is None:
        return None
    instant = (moment - _EPOCH) // _MICROSECOND * 1000
    return instant if instant > _UNSET else None


def sample(told: Any, name: Callable[[int], str], point: "OpcUaPoint") -> Sample:
    """Decode a data value (`asyncua.ua.DataValue`); `name` gives the name of a status code.

    The source's time stamp counts, or the server's where the source gives none.
    """
    instant = stamp(told.SourceTimestamp)
    if instant is None:
        instant = stamp(told.ServerTimestamp)
    code = 0 if told.StatusCode is None else told.StatusCode.value
    wrong = fault(code, name(code)) if code else None
    if wrong is not None and wrong.quality is Quality.BAD:
        return Sample(None, wrong, instant, overflowed(code))
    variant = told.Value
    value, problem = scaled(None if variant is None else variant.Value, point)
    if problem is not None:
        return Sample(None, problem, instant, overflowed(code))
    return Sample(value, wrong, instant, overflowed(code) if code else False)


def scaled(raw: object, point: "OpcUaPoint") -> tuple[Value, Fault | None]:
    """Scale and judge a value as sent; what is not one number, truth value or text is bad."""
    if point.element is not None:
        raw = _element(raw, point.element)
    if isinstance(raw, float | int) and not isinstance(raw, bool):
        value: Value = raw
        if point.scale != 1 or point.offset:
            value = raw * point.scale + point.offset
        return value, judge(raw, value, point)
    if isinstance(raw, bool | str):
        return raw, judge(raw, raw, point)
    return None, NO_VALUE if raw is None else UNSUPPORTED


def _element(raw: object, position: int) -> object:
    """Take a Double out of a structure as it came: binary, little-endian (OPC 10000-6 5.2.6)."""
    body = getattr(raw, "Body", None)
    size = struct.calcsize("<d")
    if not isinstance(body, bytes) or len(body) < size * (position + 1):
        return None if raw is None else ()  # neither a number nor a text: of no supported type
    return float(struct.unpack_from("<d", body, size * position)[0])
