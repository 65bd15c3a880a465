"""Good values in the status file: columns while they lie there, rows for whoever reads them.

A thousand rows would be most of the file and most of the work of writing it, every few seconds;
nearly always nobody looks.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapters.reading import NANOSECONDS, NO_FAULTS, Block, Fault, Value

Column = tuple[int | Sequence[int], Sequence[str], Sequence[Value]]
"""A block without faults: its instant or each value's own, its points and their values."""


def row(value: Value, age: int, quality: str, reason: str) -> dict[str, Any]:
    """Give what is told of a point; `age` in nanoseconds."""
    return {
        "value": value,
        "age_s": round(age / NANOSECONDS, 3),
        "quality": quality,
        "reason": reason,
    }


def columns(blocks: Iterable[Block]) -> list[Column]:
    """Give blocks without faults as columns, fit for JSON."""
    return [
        (block.time if block.times is None else block.times, block.points, block.values)
        for block in blocks
    ]


def merged(blocks: Iterable[Block]) -> Block:
    """Give blocks of a source, one at least, as one: of several values of a point the newest."""
    newest: dict[str, tuple[int, Value, Fault | None]] = {}
    source = ""
    for source, shared, points, values, faults, times, _ in blocks:  # noqa: B007
        each = [shared] * len(points) if times is None else times
        for at, (time, point, value) in enumerate(zip(each, points, values, strict=True)):
            known = newest.get(point)
            if known is None or known[0] <= time:
                newest[point] = (time, value, faults.get(at))
    instants, kept, wrong = zip(*newest.values(), strict=True)
    found = {at: fault for at, fault in enumerate(wrong) if fault is not None}
    return Block(source, max(instants), tuple(newest), kept, found or NO_FAULTS, instants)


def rows(found: Iterable[Column], now: int) -> dict[str, dict[str, Any]]:
    """Give columns as rows by point, sorted; of several values of a point the newest."""
    newest: dict[str, tuple[int, Value]] = {}
    for times, points, values in found:
        each = [times] * len(points) if isinstance(times, int) else times
        for time, point, value in zip(each, points, values, strict=True):
            if point not in newest or newest[point][0] <= time:
                newest[point] = (time, value)
    return {
        point: {**row(value, now - time, "good", ""), "since": None}
        for point, (time, value) in sorted(newest.items())
    }


def unfolded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a status document with rows instead of columns.

    Raises KeyError, TypeError or ValueError for what is no status document.
    """
    told = dict(document)
    told["sources"] = {
        name: _unfolded(source, told["time"]) for name, source in dict(told["sources"]).items()
    }
    return told


def _unfolded(source: Mapping[str, Any], now: int) -> dict[str, Any]:
    told = dict(source)
    found = told.pop("columns", None)
    if found is not None:
        told["points"] = rows(found, now)
    return told
