"""Faults of devices and lines on real servers: marked at once, never a wrong value, healed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.adapter import Health, Link
from adapters.errors import PermanentError
from adapters.modbus import RTU, TCP, TLS
from adapters.modbus.answer import Answer, Failure
from adapters.modbus.line import Line, Network, Serial
from adapters.modbus.points import Span
from adapters.reading import Quality
from simulation.modbus import Device, ModbusPlant
from tests.modbuskit import Basket, running, source, until

pytestmark = pytest.mark.integration

POINTS: dict[str, dict[str, Any]] = {
    "a": {"register": 40012},
    "b": {"register": 40013},
    "far": {"register": 49001},
}
REGISTERS = {address: address for address in (11, 12, 9000)}
TRUTH = {"a": 11, "b": 12, "far": 9000}


def only_truth(basket: Basket, name: str = "") -> None:
    """Check that what is good is right, and what is bad is nothing."""
    for reading in basket.readings(name):
        if reading.quality is Quality.GOOD:
            assert reading.value == TRUTH[reading.point]
        else:
            assert reading.value is None
            assert reading.reason


def good(basket: Basket, name: str = "meter") -> bool:
    reading = basket.last(name, "far")
    return reading is not None and reading.quality is Quality.GOOD


def reasons(basket: Basket) -> set[str]:
    return {reading.reason for reading in basket.readings()} - {""}


async def test_a_hole_in_the_map_costs_nobody_else_a_reading() -> None:
    points = {f"p{at}": {"register": 40001 + at} for at in (0, 1, 5, 6, 9)}
    held = {0: 0, 1: 1, 6: 6, 9: 9, 2: 0, 3: 0, 4: 0}
    async with (
        ModbusPlant({1: Device(registers=held)}) as plant,
        running(source(plant, points)) as basket,
    ):
        await until(lambda: len(basket.readings()) >= 15)
        for reading in basket.readings():
            bad = reading.point == "p5"
            assert reading.value == (None if bad else int(reading.point[1:]))
            assert reading.reason == ("illegal-address" if bad else "")
        await until(lambda: basket.health["meter"][-1].notes)
        assert basket.health["meter"][-1].notes == ("register 40006: illegal data address",)
        assert basket.health["meter"][-1].link is Link.UP
        before = plant.counts.requests
        rounds = sum(reading.point == "p0" for reading in basket.readings())
        await until(lambda: sum(r.point == "p0" for r in basket.readings()) >= rounds + 2)
        assert plant.counts.requests - before <= 3 * 3


async def test_a_device_that_refused_all_it_has_while_it_started_is_read_again_soon() -> None:
    async with (
        ModbusPlant({1: Device(registers=REGISTERS)}) as plant,
        running(source(plant, POINTS)) as basket,
    ):
        await until(lambda: good(basket))
        plant.devices[1].exception = 2
        await until(lambda: "illegal-address" in reasons(basket))
        plant.devices[1].exception = 0
        await until(lambda: good(basket) and basket.last("meter", "a")[3] == 11, 3)  # type: ignore[index]
        only_truth(basket)


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
async def test_polling_resumes_within_two_intervals_of_a_black_hole_healing(framing: Any) -> None:
    protocol = "modbus-tcp" if framing == "tcp" else "modbus-rtu-tcp"
    async with ModbusPlant({1: Device(registers=REGISTERS)}, framing=framing) as plant:
        meter = source(plant, POINTS, protocol=protocol, every="400 ms", timeout="100 ms")
        async with running(meter) as basket:
            await until(lambda: good(basket))
            plant.faults.paused = True
            await until(lambda: basket.health["meter"][-1].link is Link.DOWN)
            await until(lambda: sum(r.reason == "timeout" for r in basket.readings()) >= 9)
            assert basket.last("meter", "a")[3:] == (None, Quality.BAD, "timeout")  # type: ignore[index]
            plant.faults.paused = False
            await until(lambda: good(basket), 0.85)
            only_truth(basket)
            await until(lambda: basket.health["meter"][-1].link is Link.UP)


async def test_a_connection_a_firewall_forgot_is_made_anew() -> None:
    async with ModbusPlant({1: Device(registers=REGISTERS)}) as plant:
        async with running(source(plant, POINTS, timeout="100 ms")) as basket:
            await until(lambda: good(basket))
            plant.forget()
            await until(lambda: not good(basket))
            await until(lambda: good(basket), 2)
            only_truth(basket)
        assert plant.counts.connections == 2


@pytest.mark.parametrize("framing", ["tcp", "rtu"])
async def test_only_framing_without_transaction_ids_reconnects_after_one_timeout(
    framing: Any,
) -> None:
    protocol = "modbus-tcp" if framing == "tcp" else "modbus-rtu-tcp"
    async with ModbusPlant({1: Device(registers=REGISTERS)}, framing=framing) as plant:
        meter = source(plant, POINTS, protocol=protocol, timeout="100 ms")
        async with running(meter) as basket:
            await until(lambda: good(basket))
            plant.faults.delays.append(0.15)
            await until(lambda: "timeout" in reasons(basket))
            basket.blocks.clear()
            await until(lambda: good(basket))
        assert plant.counts.connections == (1 if framing == "tcp" else 2)


async def test_a_refused_connection_is_marked_and_a_restarted_server_is_found() -> None:
    async with (
        ModbusPlant({1: Device(registers=REGISTERS)}) as plant,
        running(source(plant, POINTS)) as basket,
    ):
        await until(lambda: good(basket))
        await plant.stop()
        await until(lambda: "refused" in reasons(basket))
        assert "refused" in basket.health["meter"][-1].error or not good(basket)
        await plant.start()
        await until(lambda: good(basket))
        only_truth(basket)


async def test_a_cut_connection_is_noticed_without_waiting_for_the_timeout() -> None:
    async with ModbusPlant({1: Device(registers=REGISTERS)}) as plant:
        meter = source(plant, POINTS, timeout="60 s")
        async with running(meter) as basket:
            await until(lambda: good(basket))
            plant.faults.drop = True
            await until(lambda: "disconnected" in reasons(basket))
            plant.faults.drop = False
            basket.blocks.clear()
            await until(lambda: good(basket))
            only_truth(basket)


async def test_a_server_that_hangs_up_on_each_request_is_not_stormed() -> None:
    async with ModbusPlant({1: Device(registers=REGISTERS)}) as plant:
        plant.faults.drop = True
        meter = source(plant, POINTS, backoff_max="300 ms")
        async with running(meter) as basket:
            await until(lambda: len(basket.readings()) >= 36)
        # 12 polls in 1.2 s: pauses of 25-50, 50-100, 100-200 ms, then 150-300 ms each.
        assert 3 <= plant.counts.connections <= 11


@pytest.mark.parametrize(
    ("fault", "value", "reason"),
    [
        ("short", 1, "short-answer"),
        ("garbage", True, "timeout"),
        ("transaction", 1, "timeout"),
        ("other_device", 1, "timeout"),
    ],
)
async def test_an_answer_that_cannot_be_trusted_is_a_bad_reading(
    fault: str, value: Any, reason: str
) -> None:
    async with (
        ModbusPlant({1: Device(registers=REGISTERS)}) as plant,
        running(source(plant, POINTS)) as basket,
    ):
        await until(lambda: good(basket))
        setattr(plant.faults, fault, value)
        await until(lambda: not good(basket))
        assert basket.last("meter", "far")[3:] == (None, Quality.BAD, reason)  # type: ignore[index]
        setattr(plant.faults, fault, type(value)())
        await until(lambda: good(basket))
        only_truth(basket)


@pytest.mark.parametrize("kind", ["tcp", "rtu-over-tcp", "serial"])
async def test_an_answer_after_the_timeout_never_becomes_a_wrong_value(kind: str) -> None:
    options: dict[str, dict[str, Any]] = {
        "tcp": {},
        "rtu-over-tcp": {"framing": "rtu"},
        "serial": {"serial": True},
    }
    protocol = {"tcp": "modbus-tcp", "rtu-over-tcp": "modbus-rtu-tcp", "serial": "modbus-rtu"}
    points = {name: {"register": 40001 + at} for name, at in TRUTH.items()}
    points["a"] = {"register": 42001}  # three requests, each of one register
    held = {2000: 11, 12: 12, 9000: 9000}
    async with ModbusPlant({1: Device(registers=held)}, **options[kind]) as plant:
        plant.devices[1].registers = lambda at: held.get(at, 0xDEAD)
        meter = source(plant, points, protocol=protocol[kind], timeout="100 ms")
        async with running(meter) as basket:
            await until(lambda: good(basket))
            for late in (0.13, 0.25, 0.45):
                plant.faults.delays.extend([0, late])
                await until(lambda: not plant.faults.delays)
                await until(lambda: not good(basket) or "timeout" in reasons(basket))
                basket.blocks.clear()
                await until(lambda: good(basket))
                only_truth(basket)


async def test_on_a_serial_line_an_old_answer_is_told_by_its_length() -> None:
    held = {at: at for at in range(40)}
    async with ModbusPlant({1: Device(registers=held)}, serial=True) as plant:
        line = Line(Serial(plant.path, 19200, "none", 1, 8), lambda: 0, 0.0)
        try:
            assert await line.open(1.0) is None
            plant.faults.delays.append(0.5)
            lost = await line.read(Span("holding", 10, 1), 1, 0.1)
            assert isinstance(lost, Failure)
            outcomes: list[Answer | Failure] = []
            while not outcomes or not isinstance(outcomes[-1], Answer):
                assert len(outcomes) < 20
                if not line.up:
                    assert await line.open(0.2) is None
                outcomes.append(await line.read(Span("holding", 20, 1), 1, 0.15))
            answer = outcomes[-1]
            assert isinstance(answer, Answer)
            assert list(answer.words) == [20]
        finally:
            line.close()


async def test_one_silent_device_of_ten_does_not_delay_the_others() -> None:
    devices = {number: Device(registers=REGISTERS) for number in range(1, 11)}
    devices[4].silent = True
    async with ModbusPlant(devices) as plant:
        meters = [
            source(
                plant,
                POINTS,
                name=f"m{number}",
                device_id=number,
                every="200 ms",
                backoff_min="200 ms",
            )
            for number in devices
        ]
        async with running(*meters) as basket:
            await until(
                lambda: len([r for r in basket.readings("m1") if r.point == "far"]) >= 15, 8
            )
            counts = {
                name: sum(r.point == "far" and not r.reason for r in basket.readings(name))
                for name in (f"m{number}" for number in devices)
            }
            assert counts.pop("m4") == 0
            assert min(counts.values()) >= 14
            assert plant.counts.devices[4] <= 6
            assert sum(r.reason == "timeout" for r in basket.readings("m4")) >= 3 * 12
            assert plant.counts.connections == 1
            only_truth(basket)


async def test_devices_of_one_line_are_asked_in_turn_whatever_the_number_of_their_requests() -> (
    None
):
    registers = dict.fromkeys((0, 1000, 2000), 7)
    far = {f"p{at}": {"register": 40001 + at} for at in registers}
    devices = {number: Device(registers=registers) for number in (1, 2)}
    async with ModbusPlant(devices) as plant:
        sources = [source(plant, far, f"m{number}", device_id=number) for number in devices]
        async with running(*sources):
            await until(lambda: plant.counts.requests >= 6)
    assert [span[0] for span in list(plant.counts.spans)[:6]] == [1, 2, 1, 2, 1, 2]


async def test_a_dead_first_device_does_not_keep_a_dead_line_from_healing() -> None:
    devices = {number: Device(registers=REGISTERS) for number in (1, 2, 3)}
    devices[1].silent = True
    async with ModbusPlant(devices) as plant:
        meters = [source(plant, POINTS, name=f"m{n}", device_id=n) for n in devices]
        async with running(*meters) as basket:
            await until(lambda: good(basket, "m2") and good(basket, "m3"))
            plant.faults.paused = True
            await until(lambda: not good(basket, "m2") and not good(basket, "m3"))
            plant.faults.paused = False
            await until(lambda: good(basket, "m2") and good(basket, "m3"), 3)
            only_truth(basket)


async def test_a_busy_device_and_other_exceptions_are_named() -> None:
    async with (
        ModbusPlant({1: Device(registers=REGISTERS, exception=6)}) as plant,
        running(source(plant, POINTS)) as basket,
    ):
        await until(lambda: reasons(basket) == {"device-busy"})
        plant.devices[1].exception = 4
        await until(lambda: "exception-4" in reasons(basket))
        plant.devices[1].exception = 11
        await until(lambda: "exception-11" in reasons(basket))
        await until(lambda: basket.health["meter"][-1].link is Link.DOWN)
        plant.devices[1].exception = 0
        await until(lambda: good(basket))


async def test_a_thousand_points_of_ten_devices_take_the_planned_requests_each_round() -> None:
    registers = dict.fromkeys(range(100), 5)
    devices = {number: Device(registers=registers) for number in range(1, 11)}
    points = {f"p{at}": {"register": 40001 + at} for at in range(100)}
    async with ModbusPlant(devices) as plant:
        meters = [source(plant, points, name=f"m{n}", device_id=n) for n in devices]
        async with running(*meters) as basket:
            await until(lambda: len(basket.blocks) >= 50)
        assert all(len(block.points) == 100 and not block.faults for block in basket.blocks)
        assert plant.counts.requests - len(basket.blocks) in (0, 1)
        assert plant.counts.connections == 1


async def test_the_gap_rests_the_line_between_requests() -> None:
    async with (
        ModbusPlant({1: Device(registers=REGISTERS)}) as plant,
        running(source(plant, POINTS, gap="60 ms", every="20 ms")) as basket,
    ):
        await until(lambda: len(basket.blocks) >= 5)
        loop = asyncio.get_running_loop()
        start, before = loop.time(), plant.counts.requests
        await until(lambda: plant.counts.requests >= before + 5)
        assert loop.time() - start >= 4 * 0.06


async def test_health_counts_requests_and_failures() -> None:
    async with (
        ModbusPlant({1: Device(registers=REGISTERS)}) as plant,
        running(source(plant, POINTS)) as basket,
    ):
        await until(lambda: good(basket))
        plant.faults.paused = True
        await until(lambda: basket.health["meter"][-1].link is Link.DOWN)
        told: list[Health] = basket.health["meter"]
        assert [health.link for health in told][:2] == [Link.CONNECTING, Link.UP]
        assert told[-1].failures >= 1
        assert told[-1].requests > told[-1].failures
        assert "did not answer" in told[-1].error


async def test_a_missing_serial_port_is_named_and_waited_for(tmp_path: Any) -> None:
    async with ModbusPlant({1: Device(registers=REGISTERS)}, serial=True) as plant:
        path = tmp_path / "port"
        real, plant.path = plant.path, str(path)
        meter = source(plant, POINTS, protocol="modbus-rtu")
        async with running(meter) as basket:
            await until(lambda: "no-such-device" in reasons(basket))
            path.symlink_to(real)
            await until(lambda: good(basket))
            only_truth(basket)


async def test_sources_that_describe_one_line_otherwise_are_refused() -> None:
    one = source(1502, POINTS, name="one")
    other = source(1502, POINTS, name="other", protocol="modbus-tls")
    tls = source(1502, POINTS, name="tls", protocol="modbus-tls", ca="/nowhere/ca.pem")
    assert TCP.lane(one) == TLS.lane(other) == "127.0.0.1:1502"
    with pytest.raises(PermanentError, match="No such file"):
        await TLS.run([tls], Basket(), {})
    slow = {"protocol": "modbus-rtu", "device": "/dev/ttyX", "points": {}}
    sources = [
        type(one)(str(rate), RTU.settings.model_validate({**slow, "baudrate": rate}))
        for rate in (9600, 19200)
    ]
    with pytest.raises(PermanentError, match="shares the line /dev/ttyX"):
        await RTU.run(sources, Basket(), {})


@contextlib.asynccontextmanager
async def hostile(answer: bytes) -> AsyncIterator[int]:
    """Serve the same bytes to every request; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(64):
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize("rtu", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x01\x00\x00\x00\x02\x01\x03",
        b"\x00\x01\x00\x00\x00\x03\x01\x83",
        b"\x00\x01\x00\x00\xff\xff\x01\x03\x02\x00\x0b",
        b"\x00\x01\x00\x00\x00\x05\x01\x03\xff\x00\x0b",
        b"\x00\x01\x00\x00\x00\x05\x01\x2b\x0e\x00\x0b",
        b"\x00\x01\x00\x00\x00\x05\x01\x08\x63\x00\x0b",
        b"\x00\x01\x00\x00\x00\x05\x01\x63\x63\x00\x0b",
        b"\x01\x2b\x0e\x01\x01\x00\x00\x01\x01\x01\x01",
        b"\x00" * 300,
        b"\xff" * 3000,
    ],
    ids=lambda value: value.hex()[:24] if isinstance(value, bytes) else str(value),
)
async def test_hostile_answers_are_failures_and_nothing_else(answer: bytes, rtu: bool) -> None:
    async with hostile(answer) as port:
        line = Line(Network("127.0.0.1", port, rtu), lambda: 0, 0.0)
        try:
            for _ in range(2):
                if not line.up:
                    await line.open(1.0)
                outcome = await line.read(Span("holding", 11, 1), 1, 0.05)
                assert isinstance(outcome, Failure)
        finally:
            line.close()
            await asyncio.sleep(0)
