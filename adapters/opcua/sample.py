"""A data value of the server as a sample: value in the point's unit, fault and time stamps."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from adapters.opcua.settings import OpcUaPoint
from adapters.opcua.status import fault, overflowed
from adapters.quality import judge
from adapters.reading import Fault, Quality, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000
UNSUPPORTED = Fault(Quality.BAD, "unsupported-type")
NO_VALUE = Fault(Quality.BAD, "no-value")


class Sample(NamedTuple):
    """What a server told about one value; time stamps in ns since 1970 UTC, None when not told."""

    value: Value
    fault: Fault | None
    source: int | None = None
    server: int | None = None
    overflow: bool = False


def stamp(moment: datetime | None) -> int | None:
    """Turn a time stamp of the protocol into ns since 1970 UTC; an unset one (1601) is None."""
    if moment is None or moment.year <= 1601:  # noqa: PLR2004  # the protocol's zero
        return None
    since = moment - _EPOCH
    return (since.days * _DAY_US + since.seconds * 1_000_000 + since.microseconds) * 1000


def sample(told: Any, name: str, point: OpcUaPoint) -> Sample:
    """Decode a data value (`asyncua.ua.DataValue`); `name` is the name of its status code."""
    status = told.StatusCode
    code = 0 if status is None else status.value
    source, server = stamp(told.SourceTimestamp), stamp(told.ServerTimestamp)
    wrong = fault(code, name)
    if wrong is not None and wrong.quality is Quality.BAD:
        return Sample(None, wrong, source, server, overflowed(code))
    variant = told.Value
    raw = None if variant is None else variant.Value
    value, problem = scaled(raw, point)
    problem = problem or wrong
    if problem is not None and problem.quality is Quality.BAD:
        value = None
    return Sample(value, problem, source, server, overflowed(code))


def scaled(raw: object, point: OpcUaPoint) -> tuple[Value, Fault | None]:
    """Scale and judge a value as sent; what is not one number, truth value or text is bad."""
    if isinstance(raw, float | int) and not isinstance(raw, bool):
        value: Value = raw
        if point.scale != 1 or point.offset:
            value = raw * point.scale + point.offset
        return value, judge(raw, value, point)
    if isinstance(raw, bool | str):
        return raw, judge(raw, raw, point)
    return None, NO_VALUE if raw is None else UNSUPPORTED
