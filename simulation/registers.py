"""A profile's device as a register map: plausible values, or chosen ones, in any word order.

Values are laid out here from their definition, apart from the adapter's decoding, so that they can
serve as an oracle.
"""

import struct
from collections.abc import Mapping
from typing import Any

from adapters.modbus.settings import ModbusPoint, ModbusSource
from adapters.modbus.values import Order
from simulation.modbus import Device

_LAYOUTS = {
    "bool": "H",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
_LIKELY = {
    "Cel": 63.25,
    "m3/s": 0.0125,
    "m3/h": 45.5,
    "kg/s": 3.75,
    "kg/h": 12_500.0,
    "kg/m3": 998.25,
    "kg/m": 21.5,
    "m/s": 1.25,
}
_COUNTED = 48_213.0
_ELSE = 37.5


def likely(name: str, point: ModbusPoint) -> float:
    """Give a value such as a running plant shows: by the point's name and unit."""
    if point.bits is not None or point.type in ("uint16", "bool"):
        return 1
    if "total" in name:
        return _COUNTED
    return _LIKELY.get(point.unit, _ELSE)


def values(settings: ModbusSource) -> dict[str, float]:
    """Give a likely value of each point; whole ones where the register holds no fraction."""
    return {
        name: _shown(likely(name, point), point)
        for name, point in settings.points.items()
        if point.type != "string"
    }


def _shown(value: float, point: ModbusPoint) -> float:
    if point.type in ("float32", "float64"):
        return value
    step = 10.0 ** (point.decimals or 0)
    return round(value * step) / step


def device(
    settings: ModbusSource,
    given: Mapping[str, float],
    order: Order | None = None,
    shift: int = 0,
    identity: Mapping[str, int] | None = None,
) -> Device:
    """Make a device that shows `given`, with nothing at any other address.

    `order` is how it really lays out its values, where that is not as the settings say, `shift`
    what its addresses really are off, and `identity` what it says of itself by name.
    """
    tables: dict[str, dict[int, int]] = {"holding": {}, "input": {}, "coil": {}, "discrete": {}}
    for name, value in given.items():
        point = settings.points[name]
        table, address = settings.place(point.number, point.table)
        words = _words(value, point, order or point.order or settings.order)
        _put(tables[table], address + shift, words)
    for one in settings.identity:
        table, address = settings.place(one.number, one.table)
        says = (identity or {}).get(one.what, one.accepted[0])
        _put(tables[table], address + shift, _words(says, one.point, order or settings.order))
    return Device(
        registers=tables["holding"],
        inputs=tables["input"],
        coils=tables["coil"],
        discretes=tables["discrete"],
        max_registers=settings.max_registers,
    )


def _put(table: dict[int, int], address: int, words: list[int]) -> None:
    for offset, word in enumerate(words):
        table[address + offset] = table.get(address + offset, 0) | word  # fields share registers


def _words(value: float, point: ModbusPoint, order: Order) -> list[int]:
    layout = _LAYOUTS[point.type or "uint16"]
    raw: Any = (value - point.offset) / point.scale * 10 ** (point.decimals or 0)
    if layout not in "fd":
        raw = round(raw) << (point.bits[0] if point.bits else 0)
    data = struct.pack(f">{layout}", raw)
    pairs = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in ("little", "little-swapped"):
        pairs.reverse()
    if order in ("little", "big-swapped"):
        pairs = [pair[::-1] for pair in pairs]
    return [int.from_bytes(pair) for pair in pairs]
