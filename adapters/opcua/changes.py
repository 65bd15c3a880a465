"""What a subscription tells, read from a notification's bytes: runs of like changes at once.

The library makes five objects of each change, 20 µs in all. Most changes of a source are alike: a
number of one type, with the same parts beside it. So as many as follow each other alike are taken
out of the bytes together, and only what is not (texts, arrays, a status without a value) one by
one. A change is the handle of its item, a byte that says which parts follow, a Variant, a status
and time stamps (OPC 10000-4 7.25.2, OPC 10000-6 5.2.2.16 and 5.2.2.17).
"""

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from asyncua import ua

from adapters.opcua.claims import Answer, variant

MOST = 100_000
"""Changes in one notification: more are refused."""
_LEAST = 5
"""Bytes of the shortest change: a handle, and nothing."""
_FIRST, _FURTHER = 64, 4
"""Changes that are compared at first, and how many times more once all of them were alike."""
_KINDS = {1: "?", 2: "b", 3: "B", 4: "h", 5: "H", 6: "i", 7: "I", 8: "q", 9: "Q", 10: "f", 11: "d"}
"""Codes of `struct` for the types of numbers and truth values (OPC 10000-6 5.1.2)."""
_PARTS = ((0x02, "code", "I"), (0x04, "source", "q"), (0x10, "", "H"), (0x08, "server", "q"),
          (0x20, "", "H"))  # fmt: skip
"""What follows a value, in order: bit, name, and code of `struct`; picoseconds are not used."""
_TIMES = ("source", "server")
_VALUE = 0x01
_HEAD = struct.Struct("<IB")
_EPOCH = 11_644_473_600_000_000
"""1970 in microseconds since 1601."""


class Run(NamedTuple):
    """Changes in order, as columns; a stamp is in ns since 1970 UTC, None where there is none."""

    handles: Sequence[int]
    values: Sequence[Any]
    codes: Sequence[int]
    stamps: Sequence[int | None]
    alike: bool = True
    """Whether all values are numbers or truth values."""


class _Field(NamedTuple):
    """Where a part of each change stands, in bytes from its first, and its code of `struct`."""

    at: int
    code: str


class _Layout(NamedTuple):
    """How changes of one shape are laid out: their size in bytes, and the parts that are used."""

    size: int
    fields: dict[str, _Field]


def changes(body: bytes) -> Iterator[Run]:
    """Read the body of a data change notification; what follows its changes is not looked at.

    Raises `UaError` where more is claimed than there is, and what the library does for a Variant.
    """
    answer = Answer(body)
    left = int.from_bytes(answer.read(4), "little", signed=True)
    if left > min(MOST, len(answer) // _LEAST):
        raise ua.UaError(f"{left} changes in {len(answer)} bytes")
    ahead = _FIRST
    while left > 0:
        at = len(body) - len(answer)
        layout = _layout(body[at + 4 : at + 6])
        looked = 0 if layout is None else min(left, ahead, len(answer) // layout.size)
        if layout is None or not looked:
            yield _single(answer)
            left -= 1
            continue
        alike = _alike(body, at, layout.size, looked)
        ahead = ahead * _FURTHER if alike == looked else _FIRST
        yield _run(answer.read(layout.size * alike), layout, alike)
        left -= alike


@lru_cache(1024)
def _layout(head: bytes) -> _Layout | None:
    """Give how a change is laid out by its parts and its type, where all are of a fixed size."""
    parts, kind = head if len(head) == 2 else (0, 0)  # noqa: PLR2004  # both of them
    if not parts & _VALUE or kind not in _KINDS:
        return None
    value = _Field(_HEAD.size + 1, _KINDS[kind])
    tail = _tail(parts, value.at + _width(value.code))
    return _Layout(tail.size, {"handle": _Field(0, "I"), "value": value, **tail.fields})


@lru_cache(1024)
def _tail(parts: int, at: int) -> _Layout:
    """Lay out what follows a value that ends at a place."""
    fields = {}
    for bit, name, code in _PARTS:
        if parts & bit:
            fields[name] = _Field(at, code)
            at += _width(code)
    fields.pop("", None)
    return _Layout(at, fields)


def _width(code: str) -> int:
    return struct.calcsize(f"<{code}")


def _alike(body: bytes, at: int, size: int, most: int) -> int:
    """Count the changes from `at` that have the parts and the type of the first."""
    fewest = most
    for place in (at + 4, at + 5):
        column = body[place : at + size * most : size]
        fewest = min(fewest, most - len(column.lstrip(column[:1])))
    return fewest


def _run(data: bytes, layout: _Layout, count: int) -> Run:
    size, fields = layout

    def column(name: str) -> Sequence[Any]:
        at, code = fields[name]
        width = _width(code)
        # Byte by byte of all changes: a twentieth of what it takes to unpack each of them.
        packed = bytearray(width * count)
        for byte in range(width):
            packed[byte::width] = data[at + byte :: size]
        return struct.unpack(f"<{count}{code}", packed)

    codes = column("code") if "code" in fields else (0,) * count
    times = [column(name) for name in _TIMES if name in fields]
    return Run(column("handle"), column("value"), codes, _stamps(times, count))


def _stamps(times: Sequence[Sequence[int]], count: int) -> Sequence[int | None]:
    """Give the first time stamp of each change that is set: the source's, or the server's."""
    if not times:
        return (None,) * count
    known = {ticks: _instant(ticks) for ticks in set(times[0])}
    first = [known[ticks] for ticks in times[0]]
    if None not in known.values() or len(times) == 1:
        return first
    return [
        _instant(ticks) if instant is None else instant
        for instant, ticks in zip(first, times[1], strict=True)
    ]


def _instant(ticks: int) -> int | None:
    """Turn 100 ns since 1601 into ns since 1970, to the microsecond; an unset one is None."""
    return (ticks // 10 - _EPOCH) * 1000 if ticks // 10 > 0 else None


def _single(answer: Answer) -> Run:
    """Read one change of any kind."""
    handle, parts = _HEAD.unpack(answer.read(_HEAD.size))
    value = variant(answer).Value if parts & _VALUE else None
    size, fields = _tail(parts, 0)
    tail = answer.read(size)
    told = {name: struct.unpack_from(f"<{code}", tail, at) for name, (at, code) in fields.items()}
    times = [told[name] for name in _TIMES if name in told]
    return Run((handle,), (value,), told.get("code", (0,)), _stamps(times, 1), alike=False)
