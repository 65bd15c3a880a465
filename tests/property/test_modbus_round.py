"""Rounds of polling against devices with holes and limits, without any I/O."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.modbus.answer import Answer, Failure, Scope, exception
from adapters.modbus.plan import requests
from adapters.modbus.points import Span
from adapters.modbus.settings import TcpSource
from adapters.modbus.unit import Outcome, Unit
from adapters.reading import NANOSECONDS, Block, Quality, Reading
from simulation.modbus import Device

HOUR = 3600 * NANOSECONDS
CODES = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
SILENT = Failure(7, Scope.DEVICE, "timeout", "no answer")


def unit(points: dict[str, dict[str, Any]], **more: Any) -> Unit:
    raw = {"protocol": "modbus-tcp", "host": "h", "numbering": "0-based", "points": points, **more}
    return Unit("meter", TcpSource.model_validate(raw).resolved())


def ask(device: Device, span: Span, time: int) -> Outcome:
    pdu = device.answer(CODES[span.table], span.start, span.length)
    if pdu[0] & 0x80:
        return exception(time, pdu[1])
    return Answer(time, pdu[2:], span.of_bits)


def play(one: Unit, device: Device, now: int = 0) -> tuple[list[Reading], list[Span], list[Block]]:
    """Play one round: the readings it gave, the requests it made, its blocks."""
    blocks: list[Block] = []
    asked: list[Span] = []
    polling = one.round(now)
    outcome: Outcome | None = None
    while True:
        try:
            action = polling.send(outcome)
        except StopIteration:
            return [reading for block in blocks for reading in block.readings()], asked, blocks
        outcome = None
        if isinstance(action, Block):
            blocks.append(action)
        else:
            asked.append(action)
            outcome = ask(device, action, now)


MAPS = st.lists(st.tuples(st.integers(0, 120), st.booleans()), min_size=1, max_size=25)
"""Points as (address, two registers long)."""


def points(chosen: list[tuple[int, bool]]) -> dict[str, dict[str, Any]]:
    free = 0
    found = {}
    for address, wide in sorted(chosen):
        if address >= free:
            found[f"p{address}"] = {"register": address, "type": "uint32" if wide else "uint16"}
            free = address + 1 + wide
    return found


def truth(point: dict[str, Any], holes: set[int]) -> int | None:
    address, wide = point["register"], point["type"] == "uint32"
    places = range(address, address + 1 + wide)
    if holes & set(places):
        return None
    value = 0
    for place in places:
        value = value << 16 | place * 7 + 1
    return value


@settings(max_examples=100, deadline=None)
@given(
    MAPS, st.sets(st.integers(0, 123), max_size=20), st.integers(2, 125), st.sampled_from([2, 3])
)
def test_every_point_is_read_once_a_round_whatever_the_holes_and_limits(
    chosen: list[tuple[int, bool]], holes: set[int], limit: int, code: int
) -> None:
    wanted = points(chosen)
    device = Device(
        registers=lambda address: None if address in holes else address * 7 + 1,
        max_registers=limit,
        limit_code=code,
    )
    one = unit(wanted)
    for number in range(12):
        readings, asked, _ = play(one, device, number)
        assert sorted(reading.point for reading in readings) == sorted(wanted)
        assert len(asked) <= 4 * len(wanted)
        for reading in readings:
            expected = truth(wanted[reading.point], holes)
            assert reading.value == expected
            reason = "" if expected is not None else "illegal-address"
            assert (reading.quality is Quality.GOOD, reading.reason) == (not reason, reason)


@settings(max_examples=100, deadline=None)
@given(MAPS, st.sets(st.integers(0, 123), max_size=20))
def test_a_map_with_holes_ends_at_the_fewest_requests_and_no_refusal(
    chosen: list[tuple[int, bool]], holes: set[int]
) -> None:
    wanted = points(chosen)
    device = Device(registers=lambda address: None if address in holes else address)
    one = unit(wanted)
    for number in range(30):
        play(one, device, number)
    readings, asked, _ = play(one, device, 30)
    good = [
        Span("holding", wanted[r.point]["register"], 1 + (wanted[r.point]["type"] == "uint32"))
        for r in readings
        if r.quality is Quality.GOOD
    ]
    limits = {"holding": 125, "input": 125, "coil": 2000, "discrete": 2000}
    cuts = {("holding", hole) for hole in holes}
    assert len(asked) == len(requests(good, limits, cuts))  # type: ignore[arg-type]
    assert not any(set(range(span.start, span.end)) & holes for span in asked)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 124), st.sampled_from([2, 3]))
@example(limit=100, code=2)
def test_a_devices_length_limit_is_found_and_used_in_full(limit: int, code: int) -> None:
    device = Device(registers=lambda address: address, max_registers=limit, limit_code=code)
    one = unit({f"p{at}": {"register": at} for at in range(130)})
    for number in range(12):
        readings, _, _ = play(one, device, number)
        assert all(reading.quality is Quality.GOOD for reading in readings)
    _, asked, _ = play(one, device, 12)
    assert len(asked) == -(-130 // limit)


def test_a_refused_value_is_named_left_out_and_found_again() -> None:
    device = Device(registers={0: 1, 1: 2})
    one = unit({"there": {"register": 0}, "later": {"register": 7}})
    play(one, device, 0)
    assert one.notes() == ("register 7: illegal data address",)
    _, asked, _ = play(one, device, 1)
    assert asked == [Span("holding", 0, 1)]
    device.registers = {0: 1, 7: 9}
    readings, _, _ = play(one, device, HOUR)
    assert {reading.point: reading.value for reading in readings} == {"there": 1, "later": 9}
    assert one.notes() == ()


def test_a_refused_value_is_retried_ever_rarer() -> None:
    one = unit({"p": {"register": 7}})
    tried = [second for second in range(4 * 3600) if play(one, Device(), second * NANOSECONDS)[1]]
    assert len(tried) < 12
    assert tried[-1] - tried[-2] == 3600


def test_silence_ends_a_round_and_makes_the_rest_bad() -> None:
    one = unit({"a": {"register": 0}, "b": {"register": 5000}})
    polling = one.round(0)
    first = next(polling)
    assert isinstance(first, Span)
    block = polling.send(Answer(5, b"\0\x4d"))
    assert isinstance(block, Block)
    assert isinstance(polling.send(None), Span)
    rest = polling.send(SILENT)
    assert isinstance(rest, Block)
    assert [tuple(reading) for reading in rest.readings()] == [
        ("meter", "b", 7, None, Quality.BAD, "timeout")
    ]
    assert one.failure is SILENT


def test_an_exception_of_one_request_spares_the_others() -> None:
    one = unit({"a": {"register": 0}, "b": {"register": 0, "table": "input"}})
    polling = one.round(0)
    next(polling)
    assert isinstance(polling.send(exception(3, 6)), Span)
    blocks = [polling.send(Answer(5, b"\0\2")), polling.send(None)]
    readings = [r for block in blocks if isinstance(block, Block) for r in block.readings()]
    assert {(r.point, r.value, r.reason) for r in readings} == {
        ("a", None, "device-busy"),
        ("b", 2, ""),
    }


def test_decimals_read_in_another_request_apply_in_the_same_round() -> None:
    device = Device(registers={0: 1234, 1: 3, 5000: 2, 5001: 777})
    one = unit(
        {
            "a": {"register": 0, "decimals_register": 5000},
            "b": {"register": 5001, "decimals_register": 1},
        }
    )
    readings, asked, _ = play(one, device)
    assert {reading.point: reading.value for reading in readings} == {"a": 12.34, "b": 0.777}
    assert len(asked) == 2


def test_a_value_whose_decimals_cannot_be_read_is_bad() -> None:
    one = unit({"a": {"register": 0, "decimals_register": 5000}})
    [reading] = play(one, Device(registers={0: 1234}))[0]
    assert (reading.value, reading.reason) == (None, "no-decimals")
    assert one.notes() == ("register 5000: illegal data address",)


def test_a_repeated_request_gives_the_same_points_object() -> None:
    one = unit({f"p{at}": {"register": at} for at in range(5)} | {"gone": {"register": 900}})
    device = Device(registers={at: at for at in range(5)})
    play(one, device, 0)
    second, third = play(one, device, 1)[2], play(one, device, 2)[2]
    assert len(second) == 2
    assert all(a.points is b.points for a, b in zip(second, third, strict=True))


def test_bits_and_registers_are_never_mixed() -> None:
    one = unit(
        {
            "coil": {"register": 3, "table": "coil"},
            "discrete": {"register": 3, "table": "discrete"},
            "holding": {"register": 3},
            "input": {"register": 3, "table": "input"},
        }
    )
    readings, asked, _ = play(one, Device({3: 1}, {3: 2}, coils={3: 1}, discretes={3: 0}))
    assert len(asked) == 4
    assert {r.point: r.value for r in readings} == {
        "coil": True,
        "discrete": False,
        "holding": 1,
        "input": 2,
    }
