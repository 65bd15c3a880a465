"""Decoding: from the words of one answer to the values of its points, compiled once per request.

The bytes of an answer are unpacked by one `struct` per byte order. Bytes swapped within words
(BADC, CDAB) are undone by swapping all words first, after which BADC is ABCD and CDAB is DCBA.
Values that overlap others, such as several bit fields of one register, go into further layers.
"""

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct, pack, unpack
from typing import Any

from adapters.modbus.points import PointPlan, Span
from adapters.modbus.values import MAX_DECIMALS, Order
from adapters.quality import NOT_A_NUMBER, judge
from adapters.reading import NO_FAULTS, Fault, Quality, Value

NOT_BCD = Fault(Quality.BAD, "not-bcd")
NOT_TEXT = Fault(Quality.BAD, "not-text")
NO_DECIMALS = Fault(Quality.BAD, "no-decimals")

Words = Sequence[int] | Sequence[bool]
Decimals = Mapping[Span, int]
"""Numbers of decimals read in this round, by the register they were in."""

_CODES = {
    "bool": "H",
    "int16": "h",
    "uint16": "H",
    "bcd16": "H",
    "int32": "i",
    "uint32": "I",
    "bcd32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
_ENDIAN: Mapping[Order, str] = {
    "big": ">",
    "little": "<",
    "big-swapped": ">",
    "little-swapped": "<",
}
_SWAPPED: tuple[Order, ...] = ("big-swapped", "little-swapped")
_SWAPPED_TEXT: tuple[Order, ...] = ("big-swapped", "little")
_Convert = Callable[[Any], Value]


@dataclass(frozen=True, slots=True)
class Decoder:
    """Turns one request's words into the values of `points`, in that order."""

    span: Span
    points: tuple[str, ...]
    plans: tuple[PointPlan, ...]
    needs: frozenset[Span]
    """Registers of decimals the values depend on."""
    _layers: tuple[tuple[bool, Struct], ...]
    _bits: tuple[tuple[int, int], ...]
    """Byte and mask of each value of a table of bits."""
    _convert: tuple[tuple[int, _Convert], ...]
    _scale: tuple[tuple[int, float, float, float], ...]
    _decimals: tuple[tuple[int, Span], ...]
    _judged: tuple[tuple[int, PointPlan], ...]
    _numbers: int

    def decode(
        self, data: bytes, decimals: Decimals
    ) -> tuple[tuple[Value, ...], Mapping[int, Fault]]:
        """Give the values and what is wrong with them; `data` has the span's length."""
        if self.span.of_bits:
            values: list[Any] = [data[at] & mask != 0 for at, mask in self._bits]
        else:
            values = self._unpack(data)
        faults = self._converted(values)
        raws = tuple(values) if self._judged else ()
        self._scaled(values, decimals, faults)
        if not math.isfinite(sum(values[: self._numbers])):
            self._find_infinite(values, faults)
        for position, plan in self._judged:
            fault = judge(raws[position], values[position], plan)
            if fault is not None:
                faults.setdefault(position, fault)
        for position in faults:
            values[position] = None
        return tuple(values), faults or NO_FAULTS

    def _unpack(self, data: bytes) -> list[Any]:
        other: bytes | None = None
        values: list[Any] = []
        for swapped, layout in self._layers:
            if swapped and other is None:
                other = _swapped_words(data)
            values.extend(layout.unpack(other if swapped and other is not None else data))
        return values

    def _converted(self, values: list[Any]) -> dict[int, Fault]:
        faults: dict[int, Fault] = {}
        for position, convert in self._convert:
            value = convert(values[position])
            if value is None:
                text = position >= self._numbers
                faults[position] = NOT_TEXT if text else NOT_BCD
            values[position] = 0 if value is None else value
        return faults

    def _scaled(self, values: list[Any], decimals: Decimals, faults: dict[int, Fault]) -> None:
        for position, scale, divisor, offset in self._scale:
            values[position] = values[position] * scale / divisor + offset
        for position, register in self._decimals:
            count = decimals.get(register, -1)
            if 0 <= count <= MAX_DECIMALS:
                plan = self.plans[position]
                values[position] = values[position] * plan.scale / 10**count + plan.offset
            else:
                faults[position] = NO_DECIMALS

    def _find_infinite(self, values: list[Any], faults: dict[int, Fault]) -> None:
        for position in range(self._numbers):
            if not math.isfinite(values[position]):
                faults[position] = NOT_A_NUMBER


def compiled(span: Span, plans: Sequence[PointPlan]) -> Decoder:
    """Compile the decoding of the points that lie within a span."""
    if span.of_bits:
        layers: list[tuple[bool, Struct]] = []
        ordered = list(plans)
    else:
        layers, ordered = _layered(span, plans)
    numbered = list(enumerate(ordered))
    return Decoder(
        span=span,
        points=tuple(plan.name for plan in ordered),
        plans=tuple(ordered),
        needs=frozenset(plan.decimals for plan in ordered if plan.decimals is not None),
        _layers=tuple(layers),
        _bits=_places([plan.span.start - span.start for plan in ordered]) if span.of_bits else (),
        _convert=() if span.of_bits else tuple(_conversions(numbered)),
        _scale=tuple(_scales(numbered)),
        _decimals=tuple((at, plan.decimals) for at, plan in numbered if plan.decimals is not None),
        _judged=tuple((at, plan) for at, plan in numbered if _is_judged(plan)),
        _numbers=sum(plan.type != "string" for plan in ordered),
    )


def raw(words: Words) -> str:
    """Write words as a person compares them with a manual: registers in hex, bits as digits."""
    if words and isinstance(words[0], bool):
        return "".join("1" if bit else "0" for bit in words)
    return " ".join(f"{word:04x}" for word in words)


def unpacked(data: bytes, of_bits: bool) -> Words:
    """Give registers, or bits (lowest of the first byte first), as they are numbered."""
    if of_bits:
        return [bool(byte >> at & 1) for byte in data for at in range(8)]
    return unpack(f">{len(data) // 2}H", data)


def packed(words: Words) -> bytes:
    """Give registers or bits as they are on the wire."""
    if words and isinstance(words[0], bool):
        groups = (words[at : at + 8] for at in range(0, len(words), 8))
        return bytes(sum(bit << at for at, bit in enumerate(group)) for group in groups)
    return pack(f">{len(words)}H", *words)


def _places(offsets: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple((offset // 8, 1 << offset % 8) for offset in offsets)


def _swapped_words(data: bytes) -> bytes:
    words = array("H", data)
    words.byteswap()
    return words.tobytes()


def _swapped(plan: PointPlan) -> bool:
    return plan.order in (_SWAPPED_TEXT if plan.type == "string" else _SWAPPED)


def _layered(
    span: Span, plans: Sequence[PointPlan]
) -> tuple[list[tuple[bool, Struct]], list[PointPlan]]:
    groups: dict[tuple[bool, bool, str], list[PointPlan]] = {}
    for plan in plans:
        text = plan.type == "string"
        group = (text, _swapped(plan), ">" if text else _ENDIAN[plan.order])
        groups.setdefault(group, []).append(plan)
    layers: list[tuple[bool, Struct]] = []
    ordered: list[PointPlan] = []
    for _text, swapped, endian in sorted(groups):  # numbers before text
        for layer in _apart(groups[_text, swapped, endian]):
            layers.append((swapped, Struct(endian + _format(span, layer))))
            ordered += layer
    return layers, ordered


def _apart(plans: Sequence[PointPlan]) -> list[list[PointPlan]]:
    layers: list[list[PointPlan]] = []
    for plan in sorted(plans, key=lambda plan: plan.span):
        free = (layer for layer in layers if layer[-1].span.end <= plan.span.start)
        found = next(free, None)
        if found is None:
            layers.append([plan])
        else:
            found.append(plan)
    return layers


def _format(span: Span, plans: Sequence[PointPlan]) -> str:
    parts: list[str] = []
    at = span.start
    for plan in plans:
        parts.append(f"{2 * (plan.span.start - at)}x")
        parts.append(_CODES.get(plan.type) or f"{2 * plan.span.length}s")
        at = plan.span.end
    return "".join(parts) + f"{2 * (span.end - at)}x"


def _scales(numbered: Sequence[tuple[int, PointPlan]]) -> Sequence[tuple[int, float, float, float]]:
    return [
        (at, _factor(plan), plan.divisor, plan.offset)
        for at, plan in numbered
        if plan.decimals is None and (plan.scale, plan.divisor, plan.offset) != (1, 1, 0)
    ]


def _factor(plan: PointPlan) -> float:
    # An int keeps 12345 with three decimals exact: 12345 / 1000 is 12.345, 12345 * 0.001 is not.
    scale = plan.scale
    return int(scale) if scale.is_integer() else scale


def _is_judged(plan: PointPlan) -> bool:
    return bool(plan.sentinels) or plan.plausible is not None


def _conversions(numbered: Sequence[tuple[int, PointPlan]]) -> Sequence[tuple[int, _Convert]]:
    found = ((at, _conversion(plan)) for at, plan in numbered)
    return [(at, convert) for at, convert in found if convert is not None]


def _conversion(plan: PointPlan) -> _Convert | None:
    if plan.bits is not None:
        return _bit_field(*plan.bits, plan.type == "bool")
    if plan.type == "bool":
        return bool
    if plan.type in ("bcd16", "bcd32"):
        return _from_bcd
    return _text if plan.type == "string" else None


def _bit_field(low: int, high: int, single: bool) -> _Convert:
    mask = (1 << (high - low + 1)) - 1
    if single:
        return lambda word: bool(word >> low & mask)
    return lambda word: int(word >> low & mask)


def _from_bcd(word: int) -> int | None:
    digits = f"{word:x}"
    return int(digits) if digits.isdecimal() else None


def _text(data: bytes) -> str | None:
    try:
        return data.split(b"\0", 1)[0].decode("ascii").rstrip()
    except UnicodeDecodeError:
        return None
