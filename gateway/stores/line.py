"""Cells as points of line protocol, and back: numbers only, since some stores keep no text.

Labels: cluster, cell, kind, code, place, band, direction, unit, status. Fields: `quantity`;
`contributors`, the lower end of its band; `coverage`; `marks`, one bit for each mark in the order
of the contract; `length`, the window in seconds; `released`, in seconds since 1970; where there is
noise, `noise`, in percent. An order of magnitude has `magnitude`, the power of ten it lies below
(10 when it is above the last), instead of `quantity`, `coverage` and `marks`. Time is the window's
start.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, get_args

from gateway.contract import Cell
from gateway.wire import CellMagnitude, Contributors, Mark, nanoseconds, rfc3339

LABELS = ("cluster", "cell", "kind", "code", "place", "band", "direction", "unit", "status")
_EVERY = {"contributors", "length", "released"}
FIELDS = _EVERY | {"quantity", "coverage", "marks"}
ORDER_FIELDS = _EVERY | {"magnitude"}
_ORDERS: tuple[CellMagnitude, ...] = get_args(CellMagnitude)
MARKS: tuple[Mark, ...] = get_args(Mark)
_BANDS: Mapping[int, Contributors] = {1: "1-2", 3: "3-5", 6: "6-10", 11: "11-20", 21: ">20"}
_LOWEST = {band: lowest for lowest, band in _BANDS.items()}
_SECOND = 1_000_000_000


def _escaped(text: str) -> str:
    for character in ("\\", ",", "=", " "):
        text = text.replace(character, "\\" + character)
    return text.replace("\n", " ")


def to_line(cell: Cell, measurement: str) -> str:
    """Write a released cell as one line, its time in nanoseconds."""
    labels = {name: getattr(cell, name) for name in LABELS}
    named = "".join(
        f",{name}={_escaped(value)}" for name, value in labels.items() if value is not None
    )
    fields = ",".join(f"{name}={value!r}" for name, value in to_fields(cell).items())
    return f"{_escaped(measurement)}{named} {fields} {nanoseconds(cell.window.start)}"


def to_fields(cell: Cell) -> dict[str, float]:
    """Give a released cell's numbers by field."""
    start, end = nanoseconds(cell.window.start), nanoseconds(cell.window.end)
    return {
        "contributors": float(_LOWEST[cell.contributors or "1-2"]),
        **_told(cell),
        "length": (end - start) / _SECOND,
        "released": nanoseconds(cell.released) / _SECOND,
    }


def _told(cell: Cell) -> dict[str, float]:
    if cell.magnitude is not None:
        return {"magnitude": float(_ORDERS.index(cell.magnitude) + 2)}
    noise = {} if cell.noise is None else {"noise": cell.noise}
    return {
        "quantity": float(cell.quantity or 0.0),
        "coverage": float(cell.coverage or 0.0),
        "marks": float(sum(1 << MARKS.index(mark) for mark in cell.marks)),
        **noise,
    }


def whole(fields: AbstractSet[str]) -> bool:
    """Tell whether a point has all the fields that a cell is written as."""
    return fields >= FIELDS or fields >= ORDER_FIELDS


def from_point(labels: Mapping[str, str], fields: Mapping[str, float], start: int) -> Cell:
    """Read a cell back from a point's labels, fields and time in nanoseconds."""
    content: dict[str, Any] = {
        "v": 1,
        **{name: labels.get(name) for name in LABELS},
        "window": {
            "start": rfc3339(start),
            "end": rfc3339(start + int(fields["length"]) * _SECOND),
        },
        "contributors": _BANDS[int(fields["contributors"])],
        **_read(fields),
        "released": rfc3339(int(fields["released"]) * _SECOND),
    }
    return Cell.model_validate(content)


def _read(fields: Mapping[str, float]) -> dict[str, Any]:
    if "magnitude" in fields:
        return {"magnitude": _ORDERS[int(fields["magnitude"]) - 2]}
    bits = int(fields["marks"])
    return {
        "quantity": fields["quantity"],
        "noise": fields.get("noise"),
        "coverage": fields["coverage"],
        "marks": sorted(mark for place, mark in enumerate(MARKS) if bits >> place & 1),
    }
