"""Data changes read in runs: as the library reads them one by one, and no further than they go."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.opcua.changes import MOST, Run, changes
from adapters.opcua.claims import Answer, bound
from adapters.opcua.nodes import code_name
from adapters.opcua.sample import Samples, gather, sample, special, stamp
from adapters.opcua.settings import OpcUaPoint
from adapters.opcua.trouble import FOREIGN

bound()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    ua.VariantType.Boolean: st.booleans(),
    ua.VariantType.SByte: st.integers(-128, 127),
    ua.VariantType.Byte: st.integers(0, 255),
    ua.VariantType.Int16: st.integers(-(2**15), 2**15 - 1),
    ua.VariantType.UInt16: st.integers(0, 2**16 - 1),
    ua.VariantType.Int32: st.integers(-(2**31), 2**31 - 1),
    ua.VariantType.UInt32: st.integers(0, 2**32 - 1),
    ua.VariantType.Int64: st.integers(-(2**63), 2**63 - 1),
    ua.VariantType.UInt64: st.integers(0, 2**64 - 1),
    ua.VariantType.Float: st.floats(width=32),
    ua.VariantType.Double: st.floats(),
    ua.VariantType.String: st.text(max_size=5),
    ua.VariantType.ByteString: st.binary(max_size=5),
    ua.VariantType.DateTime: st.just(NOW),
}
CODES = st.sampled_from(
    [None, 0, 0, 0x0480, ua.StatusCodes.BadSensorFailure, 0x40900000, 2**32 - 1]
)
STAMPS = st.none() | st.integers(0, 10).map(lambda n: NOW + timedelta(microseconds=n)) | st.just(
    datetime(1601, 1, 1, tzinfo=UTC)
)  # fmt: skip


@st.composite
def _data(draw: st.DrawFn) -> Any:
    """Make a data value: of one value mostly, also an array, nothing, or a status alone."""
    kind = draw(st.sampled_from(list(KINDS)))
    form = draw(st.sampled_from(["one", "one", "one", "array", "null", "without"]))
    value: Any = ua.Variant(draw(KINDS[kind]), kind)
    if form == "array":
        value = ua.Variant(draw(st.lists(KINDS[kind], max_size=3)), kind, is_array=True)
    elif form == "null":
        value = ua.Variant(None, ua.VariantType.Null)
    code = draw(CODES)
    made = ua.DataValue(
        value,
        None if code is None else ua.StatusCode(code),
        SourceTimestamp=draw(STAMPS),
        ServerTimestamp=draw(STAMPS),
    )
    if form == "without":
        object.__setattr__(made, "Value", None)
    return made


def _body(told: Sequence[tuple[int, Any]]) -> bytes:
    items = [ua.MonitoredItemNotification(ClientHandle=at, Value=value) for at, value in told]
    return bytes(struct_to_binary(ua.DataChangeNotification(MonitoredItems=items)))


def _flat(runs: Sequence[Run]) -> list[tuple[Any, ...]]:
    return [row for run in runs for row in zip(*run[:4], strict=True)]


TOLD = st.lists(
    st.tuples(st.integers(0, 7), _data(), st.integers(1, 3)), max_size=12
).map(lambda rows: [(at, one) for at, one, times in rows for _ in range(times)])  # fmt: skip


@given(TOLD)
def test_changes_are_read_as_the_library_reads_them(told: list[tuple[int, Any]]) -> None:
    body = _body(told)
    known = struct_from_binary(ua.DataChangeNotification, Answer(body)).MonitoredItems
    found = _flat(list(changes(body)))
    assert len(found) == len(known)
    for (handle, value, code, instant), one in zip(found, known, strict=True):
        held = None if one.Value.Value is None else one.Value.Value.Value
        first = stamp(one.Value.SourceTimestamp)
        assert handle == one.ClientHandle
        assert (repr(value), type(value)) == (repr(held), type(held))
        assert code == (one.Value.StatusCode.value if one.Value.StatusCode else 0)
        assert instant == (stamp(one.Value.ServerTimestamp) if first is None else first)


POINTS = (
    OpcUaPoint(node="i=1"),
    OpcUaPoint(node="i=2", scale=0.5),
    OpcUaPoint(node="i=3", plausible=(0, 10)),
    OpcUaPoint(node="i=4", sentinels=(7,)),
    OpcUaPoint(node="i=5", offset=1),
    OpcUaPoint(node="i=6", element=0),
)
HANDLES = {at + 1: at for at in range(len(POINTS))}


@given(TOLD)
@example([(1, ua.DataValue(ua.Variant(float("nan")))), (1, ua.DataValue(ua.Variant(1.0)))])
@example(
    [(1, ua.DataValue(ua.Variant(7.0))), *[(n, ua.DataValue(ua.Variant(7.0))) for n in (4, 9)]]
)
@example([(2, ua.DataValue(ua.Variant(7.0))), (5, ua.DataValue(ua.Variant(1.0)))])
@example([(5, ua.DataValue(ua.Variant(7.0)))])
@example([(4, ua.DataValue(ua.Variant(7.0)))])
@example([(6, ua.DataValue(ua.Variant(7.0)))])
@example([(3, ua.DataValue(ua.Variant(11.0)))])
@example([(9, ua.DataValue(ua.Variant(11.0)))])
@example([(1, ua.DataValue(ua.Variant(1.7e308))), (1, ua.DataValue(ua.Variant(1.7e308)))])
def test_changes_taken_at_once_are_the_samples_of_each(told: list[tuple[int, Any]]) -> None:
    found = Samples()
    for run in changes(_body(told)):
        gather(run, HANDLES, POINTS, special(POINTS), found)
    known = struct_from_binary(ua.DataChangeNotification, Answer(_body(told))).MonitoredItems
    wanted = Samples.of(
        (HANDLES[one.ClientHandle], sample(one.Value, code_name, POINTS[HANDLES[one.ClientHandle]]))
        for one in known
        if one.ClientHandle in HANDLES
    )
    assert repr(found) == repr(wanted)


def test_changes_that_are_alike_come_in_few_runs() -> None:
    told = [(at, ua.DataValue(ua.Variant(float(at)), SourceTimestamp=NOW)) for at in range(5000)]
    runs = list(changes(_body(told)))
    assert len(runs) <= 5
    assert [handle for run in runs for handle in run.handles] == list(range(5000))


def test_one_unlike_change_does_not_part_what_comes_after_it_for_good() -> None:
    told: list[tuple[int, Any]] = [(at, ua.DataValue(ua.Variant(1.0))) for at in range(3000)]
    told[100] = (100, ua.DataValue(ua.Variant("text")))
    runs = list(changes(_body(told)))
    assert len(runs) <= 12
    assert [row[1] for row in _flat(runs)].index("text") == 100


def test_picoseconds_stand_behind_the_time_stamp_they_belong_to() -> None:
    ticks = ua.datetime_to_win_epoch(NOW)
    tail = struct.pack("<IqHqH", 0, 0, 9, ticks, 9)
    number = struct.pack("<IBBd", 1, 0x3F, 11, 2.5) + tail
    text = struct.pack("<IBBi", 2, 0x3F, 12, 1) + b"x" + tail
    body = struct.pack("<i", 2) + number + text
    assert _flat(list(changes(body))) == [(1, 2.5, 0, stamp(NOW)), (2, "x", 0, stamp(NOW))]


@given(st.integers(1, 9))
def test_a_stamp_is_told_to_the_microsecond_as_one_that_is_read(part: int) -> None:
    ticks = ua.datetime_to_win_epoch(NOW) + part
    body = struct.pack("<iIBBdq", 1, 1, 0x05, 11, 2.5, ticks)
    assert _flat(list(changes(body))) == [(1, 2.5, 0, stamp(ua.win_epoch_to_datetime(ticks)))]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        struct.pack("<i", 2**31 - 1) + bytes(400),
        struct.pack("<i", MOST + 1) + bytes(6 * MOST),
        struct.pack("<i", 3) + bytes(14),
    ],
    ids=["nothing", "claims", "many", "short"],
)
def test_more_changes_than_there_can_be_are_refused(body: bytes) -> None:
    with pytest.raises(ua.UaError):
        list(changes(body))


def test_no_changes_are_none() -> None:
    assert list(changes(struct.pack("<i", -1))) == []
    assert list(changes(struct.pack("<i", 0))) == []


@given(TOLD.filter(bool), st.data())
def test_a_notification_that_is_cut_is_refused(told: list[tuple[int, Any]], data: Any) -> None:
    body = _body(told)[:-4]
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(FOREIGN):
        list(changes(body[:cut]))


@given(st.binary(max_size=80), st.integers(-1, 9))
def test_any_bytes_give_as_many_changes_as_they_claim_or_none(data: bytes, claimed: int) -> None:
    try:
        found = _flat(list(changes(struct.pack("<i", claimed) + data)))
    except FOREIGN:
        return
    assert len(found) == max(claimed, 0)
