"""A data value of the server as a sample: value in the point's unit, fault and time stamps."""

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from adapters.opcua.changes import Run
from adapters.opcua.nodes import code_name
from adapters.opcua.status import fault, overflowed
from adapters.quality import judge
from adapters.reading import Fault, Quality, Value

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaPoint

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSET = (datetime(1601, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND * 1000
UNSUPPORTED = Fault(Quality.BAD, "unsupported-type")
UNKNOWN = -1
"""Position of a point that there is not."""
NO_VALUE = Fault(Quality.BAD, "no-value")


class Sample(NamedTuple):
    """What a server told about one value; `stamp` in ns since 1970 UTC, None when not told."""

    value: Value
    fault: Fault | None
    stamp: int | None = None
    overflow: bool = False


@dataclass(slots=True)
class Samples:
    """Samples that came together, as columns; `faults` by place in them."""

    positions: list[int] = field(default_factory=list)
    """Which point of its source each is of."""
    values: list[Value] = field(default_factory=list)
    stamps: list[int | None] = field(default_factory=list)
    faults: dict[int, Fault] = field(default_factory=dict)
    overflows: int = 0

    @classmethod
    def of(cls, told: Iterable[tuple[int, Sample]]) -> Self:
        """Gather samples, each with its point's position."""
        samples = cls()
        for position, one in told:
            samples.add(position, one)
        return samples

    def add(self, position: int, told: Sample) -> None:
        """Take in a sample."""
        if told.fault is not None:
            self.faults[len(self.positions)] = told.fault
        self.positions.append(position)
        self.values.append(told.value)
        self.stamps.append(told.stamp)
        self.overflows += told.overflow

    def extend(
        self, positions: Sequence[int], values: Sequence[Value], stamps: Sequence[int | None]
    ) -> None:
        """Take in samples of which nothing is wrong."""
        self.positions += positions
        self.values += values
        self.stamps += stamps


def special(points: "Sequence[OpcUaPoint]") -> frozenset[int]:
    """Give the positions of points whose values are not taken just as they are sent.

    `UNKNOWN`, of an item that nobody asked for, is one of them.
    """
    return frozenset([UNKNOWN, *(at for at, point in enumerate(points) if _special(point))])


def _special(point: "OpcUaPoint") -> bool:
    altered = point.element is not None or point.scale != 1 or point.offset
    return bool(altered or point.sentinels or point.plausible is not None)


def gather(
    run: Run,
    handles: Mapping[int, int],
    points: "Sequence[OpcUaPoint]",
    apart: frozenset[int],
    into: Samples,
) -> None:
    """Take in changes: all at once where nothing is to be done with any, else one by one.

    `handles` gives a point's position by the handle of its item, and `apart` is what `special`
    gives for the points.
    """
    found = [handles.get(handle, UNKNOWN) for handle in run.handles]
    plain = run.alike and not any(run.codes) and apart.isdisjoint(found)
    if plain and math.isfinite(sum(run.values)):
        into.extend(found, run.values, run.stamps)
        return
    for at, raw, code, instant in zip(found, run.values, run.codes, run.stamps, strict=True):
        if at != UNKNOWN:
            into.add(at, judged(raw, code, instant, code_name, points[at]))


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
    variant = told.Value
    return judged(None if variant is None else variant.Value, code, instant, name, point)


def judged(
    raw: object, code: int, instant: int | None, name: Callable[[int], str], point: "OpcUaPoint"
) -> Sample:
    """Make a sample of a value as sent, its status code and its time stamp."""
    wrong = fault(code, name(code)) if code else None
    if wrong is not None and wrong.quality is Quality.BAD:
        return Sample(None, wrong, instant, overflowed(code))
    value, problem = scaled(raw, point)
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
