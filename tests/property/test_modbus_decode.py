"""Decoding Modbus words, for every type and byte order, against struct and arithmetic."""

import math
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.decode import Decoder, compiled, packed
from adapters.modbus.points import Span, resolve
from adapters.modbus.settings import TcpSource
from adapters.reading import Quality

LAYOUTS = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
ORDERS = ("big", "little", "big-swapped", "little-swapped")
WORDS = st.lists(st.integers(0, 0xFFFF), min_size=40, max_size=40)


def decoder(points: Mapping[str, Mapping[str, Any]], span: Span, **more: Any) -> Decoder:
    raw = {"protocol": "modbus-tcp", "host": "h", "numbering": "0-based", "points": points, **more}
    return compiled(span, resolve(TcpSource.model_validate(raw)))


def arranged(data: bytes, order: str) -> bytes:
    """Put the bytes of a value, most significant first, on the wire in an order, literally."""
    pairs = [data[at : at + 2] for at in range(0, len(data), 2)]
    if order in ("little", "little-swapped"):
        pairs.reverse()
    if order in ("little", "big-swapped"):
        pairs = [pair[::-1] for pair in pairs]
    return b"".join(pairs)


def to_words(data: bytes) -> list[int]:
    return list(struct.unpack(f">{len(data) // 2}H", data))


def decoded(found: Decoder, words: list[int]) -> dict[str, Any]:
    values, _ = found.decode(packed(words), {})
    return dict(zip(found.points, values, strict=True))


def test_the_orders_put_bytes_as_their_names_say() -> None:
    shown = {order: arranged(b"ABCD", order) for order in ORDERS}
    assert shown == {
        "big": b"ABCD",
        "little": b"DCBA",
        "big-swapped": b"BADC",
        "little-swapped": b"CDAB",
    }


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", LAYOUTS)
@given(data=st.data())
def test_a_value_written_in_an_order_is_read_back(kind: str, order: str, data: Any) -> None:
    layout = LAYOUTS[kind]
    size = struct.calcsize(layout)
    content = data.draw(st.binary(min_size=size, max_size=size))
    [expected] = struct.unpack(f">{layout}", content)
    start = data.draw(st.integers(0, 5))
    words = [0xFFFF] * start + to_words(arranged(content, order)) + [0xFFFF]
    found = decoder(
        {"p": {"register": start, "type": kind, "order": order}}, Span("holding", 0, len(words))
    )
    values, faults = found.decode(packed(words), {})
    if isinstance(expected, float) and not math.isfinite(expected):
        assert values == (None,)
        assert faults[0].reason == "not-a-number"
    else:
        assert (values, dict(faults)) == ((expected,), {})
        assert type(values[0]) is type(expected)


@given(
    WORDS,
    st.lists(
        st.tuples(st.integers(0, 36), st.sampled_from(sorted(LAYOUTS)), st.sampled_from(ORDERS)),
        min_size=1,
        max_size=20,
    ),
)
def test_points_of_one_request_decode_as_each_does_alone(
    words: list[int], chosen: list[tuple[int, str, str]]
) -> None:
    points = {
        f"p{at}": {"register": start, "type": kind, "order": order}
        for at, (start, kind, order) in enumerate(chosen)
    }
    span = Span("holding", 0, len(words))
    together = decoded(decoder(points, span), words)
    alone = {
        name: decoded(decoder({name: point}, span), words)[name] for name, point in points.items()
    }
    assert together == alone


@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.integers(0, 31))
def test_a_bit_field_is_the_bits_it_names(value: int, one: int, two: int) -> None:
    low, high = sorted((one, two))
    point = {"register": 0, "type": "uint32", "bits": [low, high]}
    found = decoded(
        decoder({"p": point}, Span("holding", 0, 2)), to_words(struct.pack(">I", value))
    )
    assert found["p"] == int(f"{value:032b}"[31 - high : 32 - low], 2)


@given(st.integers(0, 99_999_999), st.sampled_from(ORDERS))
def test_bcd_digits_are_read_as_they_stand(value: int, order: str) -> None:
    content = arranged(bytes.fromhex(f"{value:08d}"), order)
    point = {"register": 0, "type": "bcd32", "order": order}
    assert decoded(decoder({"p": point}, Span("holding", 0, 2)), to_words(content))["p"] == value


@given(st.integers(0, 0xFFFF))
def test_what_is_not_bcd_is_bad(word: int) -> None:
    found = decoder({"p": {"register": 0, "type": "bcd16"}}, Span("holding", 0, 1))
    values, faults = found.decode(packed([word]), {})
    digits = f"{word:04x}"
    if digits.isdecimal():
        assert values == (int(digits),)
    else:
        assert (values, faults[0].reason) == ((None,), "not-bcd")


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 6))
def test_fixed_decimals_give_the_nearest_number(value: int, decimals: int) -> None:
    point = {"register": 0, "type": "int32", "decimals": decimals}
    found = decoded(
        decoder({"p": point}, Span("holding", 0, 2)), to_words(struct.pack(">i", value))
    )
    assert found["p"] == float(f"{value}e-{decimals}")


@given(st.integers(0, 0xFFFF), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_value_is_scaled_then_offset(word: int, scale: float, offset: float) -> None:
    point = {"register": 0, "scale": scale, "offset": offset}
    found = decoded(decoder({"p": point}, Span("holding", 0, 1)), [word])
    assert found["p"] == pytest.approx(word * scale + offset, abs=1e-9)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_decimals_register_out_of_range_makes_the_value_bad(word: int, count: int) -> None:
    found = decoder({"p": {"register": 0, "decimals_register": 9}}, Span("holding", 0, 1))
    values, faults = found.decode(packed([word]), {Span("holding", 9, 1): count})
    if count <= 12:
        assert values == (word / 10**count,)
    else:
        assert (values, faults[0].reason) == ((None,), "no-decimals")


@given(st.lists(st.booleans(), min_size=24, max_size=24), st.sets(st.integers(0, 23), min_size=1))
def test_bits_are_picked_by_address(bits: list[bool], chosen: set[int]) -> None:
    points = {f"p{at}": {"register": 100 + at, "table": "coil"} for at in chosen}
    found = decoder(points, Span("coil", 100, 24))
    values, faults = found.decode(packed(bits), {})
    assert dict(zip(found.points, values, strict=True)) == {f"p{at}": bits[at] for at in chosen}
    assert not faults


@given(WORDS)
def test_a_bad_value_is_none_and_its_neighbours_are_untouched(words: list[int]) -> None:
    points: dict[str, dict[str, Any]] = {
        "sentinel": {"register": 0, "sentinels": [words[0]], "scale": 2.0},
        "implausible": {"register": 1, "plausible": [-2.0, -1.0]},
        "float": {"register": 2, "type": "float32"},
        "good": {"register": 4},
    }
    words[2], words[3] = 0x7FC0, 0
    found = decoder(points, Span("holding", 0, 40))
    values, faults = found.decode(packed(words), {})
    named = {found.points[at]: fault for at, fault in faults.items()}
    assert {name: fault.reason for name, fault in named.items()} == {
        "sentinel": "sentinel",
        "implausible": "implausible",
        "float": "not-a-number",
    }
    assert {fault.quality for fault in named.values()} == {Quality.BAD}
    by_name = dict(zip(found.points, values, strict=True))
    assert by_name == {"sentinel": None, "implausible": None, "float": None, "good": words[4]}


@given(st.binary(min_size=6, max_size=6), st.sampled_from(ORDERS))
def test_text_ends_at_a_zero_and_is_ascii_or_bad(content: bytes, order: str) -> None:
    pairs = [content[at : at + 2] for at in (0, 2, 4)]
    if order in ("little", "big-swapped"):
        pairs = [pair[::-1] for pair in pairs]
    point = {"register": 0, "type": "string", "length": 3, "order": order}
    found = decoder({"p": point, "n": {"register": 0}}, Span("holding", 0, 3))
    values, faults = found.decode(packed(to_words(b"".join(pairs))), {})
    text = content.split(b"\0", 1)[0]
    at = found.points.index("p")
    if text.isascii():
        assert values[at] == text.decode().rstrip()
    else:
        assert (values[at], faults[at].reason) == (None, "not-text")
