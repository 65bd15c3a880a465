"""What an OPC UA answer claims to hold: sound ones as the library reads them, others refused."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from adapters.opcua import claims
from adapters.opcua.claims import READS, Answer, bound, matrix, variant

bound()
MOST = 2**31 - 1
KINDS = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.Byte: st.integers(0, 255),
    ua.VariantType.Int32: st.integers(-(2**31), MOST),
    ua.VariantType.Double: st.floats(allow_nan=False),
    ua.VariantType.String: st.text(max_size=20),
    ua.VariantType.ByteString: st.binary(max_size=20),
    ua.VariantType.Guid: st.uuids(),
    ua.VariantType.DateTime: st.integers(-(10**9), 10**9).map(
        lambda at: datetime.fromtimestamp(at, UTC)
    ),
    ua.VariantType.NodeId: st.builds(ua.NodeId, st.integers(0, 2**32 - 1), st.integers(0, 9)),
}


@st.composite
def variants(draw: st.DrawFn) -> Any:
    """Make a value, an array or a matrix of a type."""
    kind = draw(st.sampled_from(sorted(KINDS, key=lambda one: int(one.value))))
    form = draw(st.sampled_from(["scalar", "array", "matrix"]))
    if form == "scalar":
        return ua.Variant(draw(KINDS[kind]), kind)
    if form == "array":
        return ua.Variant(draw(st.lists(KINDS[kind], max_size=9)), kind, is_array=True)
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    count = 1
    for size in sizes:
        count *= size
    flat = draw(st.lists(KINDS[kind], min_size=count, max_size=count))
    return ua.Variant(matrix(flat, sizes), kind, sizes, is_array=True)


@given(variants())
def test_a_sound_variant_is_read_as_the_library_writes_it(one: Any) -> None:
    answer = Answer(variant_to_binary(one))
    assert variant(answer) == one
    assert not len(answer)


def test_a_matrix_is_nested_with_its_last_dimension_innermost() -> None:
    flat = list(range(12))
    assert matrix(flat, [2, 3, 2]) == [[[0, 1], [2, 3], [4, 5]], [[6, 7], [8, 9], [10, 11]]]
    assert matrix(flat, None) == flat


NULLS = b"\x80" + struct.pack("<i", MOST)
NESTED = b"\x98" + struct.pack("<i", 1) + NULLS
SHORT = b"\x83" + struct.pack("<i", MOST) + bytes(40)
FILLED = b"\xc6" + struct.pack("<iiii", 1, 0, 1, 1_000_000)
BACK = b"\x8c" + struct.pack("<i", 12) + struct.pack("<i", -4) * 3
UNLIKE = b"\xc6" + struct.pack("<iiiii", 2, 1, 2, 1, 3)
NEGATIVE = b"\xc6" + struct.pack("<iiiiii", 1, 5, 3, -1, -1, 1)
LONE = b"\x46" + struct.pack("<iii", 7, 1, 1)


@pytest.mark.parametrize(
    "data", [NULLS, NESTED, SHORT, FILLED, BACK, UNLIKE, NEGATIVE, LONE],
    ids=["nulls", "nested", "short", "filled", "back", "unlike", "negative", "lone"],
)  # fmt: skip
def test_an_array_that_claims_what_it_cannot_hold_is_refused(data: bytes) -> None:
    with pytest.raises(ua.UaError):
        variant(Answer(data))


def test_an_answer_of_more_parts_than_any_needs_is_refused() -> None:
    said = struct_to_binary(ua.ReadResponse())[:-8]
    data = said + struct.pack("<i", MOST) + bytes(READS + 100)
    with pytest.raises(ua.UaError, match="parts"):
        struct_from_binary(ua.ReadResponse, Answer(data))


def test_what_is_read_beside_counts_with_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "READS", 3)
    whole = Answer(bytes(9))
    part = whole.copy(4)
    part.read(2)
    whole.read(1)
    part.copy().read(2)
    with pytest.raises(ua.UaError):
        whole.read(1)


@given(st.binary(max_size=40), st.lists(st.tuples(st.booleans(), st.integers(-3, 12))))
def test_an_answer_gives_its_bytes_in_order_and_no_other(
    data: bytes, steps: list[tuple[bool, int]]
) -> None:
    answer, at = Answer(data), 0
    for skips, size in steps:
        if size < 0 or at + size > len(data):
            with pytest.raises(ua.UaError):
                answer.read(size)
        elif skips:
            answer.skip(size)
            at += size
        else:
            assert answer.copy(size).read(size) == answer.read(size) == data[at : at + size]
            at += size
        assert len(answer) == len(data) - at
