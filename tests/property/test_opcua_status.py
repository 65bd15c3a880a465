"""Status codes and data values of OPC UA as qualities and readings."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.opcua.nodes import code_name
from adapters.opcua.sample import sample, stamp
from adapters.opcua.settings import OpcUaPoint
from adapters.opcua.status import fault, overflowed, quality
from adapters.reading import Fault, Quality

_POINT = OpcUaPoint(node="i=1")
_CODES = sorted({code for name, code in vars(ua.StatusCodes).items() if not name.startswith("_")})


@given(st.integers(0, 0xFFFFFFFF))
@example(0xC0000000)
@example(0xFFFFFFFF)
def test_the_two_severity_bits_alone_make_the_quality(code: int) -> None:
    expected = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)[code >> 30]
    found = fault(code, code_name(code))
    assert quality(code) is expected
    assert (Quality.GOOD if found is None else found.quality) is expected


@given(st.integers(0, 0xFFFFFFFF))
def test_every_fault_has_a_short_stable_reason(code: int) -> None:
    found = fault(code, code_name(code))
    assert found is None or (found.reason == found.reason.lower() and " " not in found.reason)
    assert found is None or found.reason.startswith(("uncertain", "bad"))


@pytest.mark.parametrize("code", _CODES)
def test_every_code_of_the_standard_keeps_its_severity_and_name(code: int) -> None:
    found = fault(code, code_name(code))
    assert (found is None) == (code >> 30 == 0)
    assert found is None or found.reason.replace("-", "") == code_name(code).lower()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (ua.StatusCodes.BadSensorFailure, "bad-sensor-failure"),
        (ua.StatusCodes.UncertainLastUsableValue, "uncertain-last-usable-value"),
        (ua.StatusCodes.Bad, "bad"),
        (0x8FFF0000, "bad-8fff"),
        (ua.StatusCodes.BadSensorFailure | 0x0480, "bad-sensor-failure"),
    ],
)
def test_a_reason_is_the_name_of_the_code_in_kebab_case(code: int, reason: str) -> None:
    found = fault(code, code_name(code))
    assert found is not None
    assert found.reason == reason


def test_overflow_is_told_only_by_its_bits_together() -> None:
    assert overflowed(0x0480)
    assert not overflowed(0x0400)
    assert not overflowed(0x0080)


def _told(value: object, code: int = 0, **stamps: datetime) -> ua.DataValue:
    return ua.DataValue(Value=ua.Variant(value), StatusCode=ua.StatusCode(code), **stamps)


@given(
    st.floats(allow_nan=False) | st.integers(-(2**63), 2**63 - 1), st.integers(2, 0xFFFFFFFF >> 30)
)
def test_a_bad_value_is_none_whatever_came_with_it(value: float, severity: int) -> None:
    code = severity << 30
    found = sample(_told(value, code), code_name, _POINT)
    assert found.value is None
    assert found.fault is not None
    assert found.fault.quality is Quality.BAD


@given(st.integers(0, 4_102_444_800_000_000))
def test_a_time_stamp_keeps_its_microsecond(microseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert stamp(moment) == microseconds * 1000


def test_an_unset_time_stamp_is_none() -> None:
    assert stamp(None) is None
    assert stamp(datetime(1601, 1, 1, tzinfo=UTC)) is None


def test_the_server_stamp_serves_where_the_source_gives_none() -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    both = _told(1.0, SourceTimestamp=first, ServerTimestamp=second)
    assert sample(both, code_name, _POINT).stamp == stamp(first)
    assert sample(_told(1.0, ServerTimestamp=second), code_name, _POINT).stamp == stamp(second)
    assert sample(_told(1.0), code_name, _POINT).stamp is None


@pytest.mark.parametrize(
    ("value", "expected", "reason"),
    [
        (2, 2, None),
        (True, True, None),
        ("on", "on", None),
        (None, None, "no-value"),
        (math.nan, None, "not-a-number"),
        ([1.0, 2.0], None, "unsupported-type"),
        (b"x", None, "unsupported-type"),
        (datetime(2026, 1, 1, tzinfo=UTC), None, "unsupported-type"),
    ],
)
def test_what_is_not_one_value_is_bad(value: object, expected: object, reason: str | None) -> None:
    found = sample(_told(value), code_name, _POINT)
    assert found.value == expected
    assert (found.fault.reason if found.fault else None) == reason


def test_values_are_scaled_then_held_against_their_limits() -> None:
    point = OpcUaPoint(node="i=1", scale=0.1, offset=2, plausible=(0, 10), sentinels=(-32768,))
    assert sample(_told(50), code_name, point).value == pytest.approx(7)
    assert sample(_told(500), code_name, point).fault == Fault(Quality.BAD, "implausible")
    assert sample(_told(-32768), code_name, point).fault == Fault(Quality.BAD, "sentinel")


def test_a_doubt_of_the_server_is_kept_but_an_implausible_value_is_bad() -> None:
    code = ua.StatusCodes.UncertainSensorNotAccurate
    point = OpcUaPoint(node="i=1", plausible=(0, 10))
    doubtful = sample(_told(5.0, code), code_name, point)
    assert doubtful.value == 5.0
    assert doubtful.fault == Fault(Quality.UNCERTAIN, "uncertain-sensor-not-accurate")
    assert sample(_told(50.0, code), code_name, point).value is None
