"""Readings: what a device said, when, and how far it can be trusted."""

from collections.abc import Iterator, Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

Value = float | int | str | bool | None

NANOSECONDS = 1_000_000_000
"""Nanoseconds in a second; every instant is an int of nanoseconds since 1970 UTC."""


class Quality(IntEnum):
    """How far a reading can be trusted (the three classes of OPC UA status codes)."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class Fault(NamedTuple):
    """Why a value is not good: its quality and a short, stable reason such as `timeout`."""

    quality: Quality
    reason: str


class Reading(NamedTuple):
    """One point's value at one instant."""

    source: str
    point: str
    time: int
    value: Value
    quality: Quality
    reason: str


NO_FAULTS: Mapping[int, Fault] = MappingProxyType({})


class Block(NamedTuple):
    """Values of one source that arrived together, kept as columns to cost little per point.

    `points` and `values` run in parallel; `points` is the same tuple object each time the same
    request is repeated, so that a consumer can prepare its routing once. `time` is the instant of
    all values unless `times` gives one for each (OPC UA source timestamps). `faults` maps a
    position to what is wrong with the value there; a bad value is `None`, never an old value
    carried on. `cursor` is how far a resumable source has been read *with* this block. It is a
    tuple, for a replay makes one a row.
    """

    source: str
    time: int
    points: tuple[str, ...]
    values: tuple[Value, ...]
    faults: Mapping[int, Fault] = NO_FAULTS
    times: tuple[int, ...] | None = None
    cursor: str | None = None

    def readings(self) -> Iterator[Reading]:
        """Give the block as single readings, in order."""
        good = Fault(Quality.GOOD, "")
        for position, (point, value) in enumerate(zip(self.points, self.values, strict=True)):
            time = self.time if self.times is None else self.times[position]
            quality, reason = self.faults.get(position, good)
            yield Reading(self.source, point, time, value, quality, reason)
