"""Faults between an OPC UA server and the agent: gaps are marked, and values flow again."""

import asyncio
import random
import time

import pytest

from adapters.adapter import Link
from adapters.opcua import OpcUa
from adapters.reading import NANOSECONDS, Quality, Reading
from simulation.opcua import OpcUaPlant
from tests.opcuakit import Recorder, Wire, running, source
from tests.servers import free_port

pytestmark = pytest.mark.integration

RATE = {"rate": "ns=2;s=Rate"}


def _cuts(readings: list[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.reason == "disconnected"]


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_after_a_restart_of_the_server_values_flow_again_and_the_gap_is_marked(
    mode: str,
) -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 1.0}) as plant,
        running([source(plant.url, RATE, mode=mode)], recorder),
    ):
        await recorder.value("rate", 1.0)
        await plant.stop()
        await recorder.down()
        await recorder.until(lambda: recorder.of("rate")[-1].reason == "disconnected")
        await recorder.until(lambda: recorder.latest.failures >= 2 or recorder.latest.error)
        await plant.start()
        await plant.set("Rate", 2.0)
        await recorder.value("rate", 2.0)
        await recorder.up()
    assert len(_cuts(recorder.readings)) == 1
    assert _in_order(recorder.of("rate"))


def _in_order(readings: list[Reading]) -> bool:
    times = [reading.time for reading in readings]
    return times == sorted(set(times))


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_a_black_hole_is_noticed_nothing_is_confirmed_in_it_and_it_heals(mode: str) -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 1.0}) as plant,
        Wire(plant.port) as wire,
        running([source(wire.url(plant.url), RATE, mode=mode)], recorder),
    ):
        await recorder.value("rate", 1.0)
        wire.hole = True
        await asyncio.sleep(0)
        begun = time.time_ns()
        await recorder.down()
        noticed = (time.time_ns() - begun) / NANOSECONDS
        during = [reading for reading in recorder.good("rate") if reading.time > begun]
        wire.hole = False
        await recorder.value("rate", 1.0)
        await recorder.up()
    assert during == []
    assert noticed < 6
    assert len(_cuts(recorder.readings)) == 1


async def test_cut_connections_are_rebuilt_each_time() -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 1.0}) as plant,
        Wire(plant.port) as wire,
        running([source(wire.url(plant.url), RATE)], recorder),
    ):
        for count in range(1, 4):
            await recorder.value("rate", 1.0)
            await wire.cut()
            await recorder.until(lambda count=count: len(_cuts(recorder.readings)) == count)  # type: ignore[misc]
        await recorder.value("rate", 1.0)
    assert _in_order(recorder.of("rate"))


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_an_expired_session_is_replaced(mode: str) -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 1.0}) as plant,
        running([source(plant.url, RATE, mode=mode)], recorder),
    ):
        await recorder.value("rate", 1.0)
        await plant.forget_sessions()
        await recorder.until(lambda: _cuts(recorder.readings))
        await plant.set("Rate", 2.0)
        await recorder.value("rate", 2.0)
    assert len(_cuts(recorder.readings)) == 1


async def test_a_subscription_the_server_forgot_is_noticed_by_its_silence() -> None:
    recorder = Recorder()
    async with OpcUaPlant({"Rate": 1.0}) as plant, running([source(plant.url, RATE)], recorder):
        await recorder.value("rate", 1.0)
        await plant.forget_subscriptions()
        await recorder.until(lambda: _cuts(recorder.readings))
        await plant.set("Rate", 2.0)
        await recorder.value("rate", 2.0)
    assert any("no keep-alive" in health.error for _, health in recorder.health)


async def test_a_server_that_is_away_from_the_start_is_waited_for() -> None:
    recorder = Recorder()
    async with OpcUaPlant({"Rate": 1.0}) as plant:
        await plant.stop()
        async with running([source(plant.url, RATE)], recorder):
            await recorder.down("no connection")
            assert recorder.of("rate")[-1].quality is Quality.BAD
            await plant.start()
            await recorder.value("rate", 1.0)
    assert recorder.health[0][1].link is Link.CONNECTING


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"ACKF\x1c\x00\x00\x00" + b"\xff" * 20,
        b"ERRF\x10\x00\x00\x00\x00\x00\x7d\x80\xff\xff\xff\xff",
        b"MSGF\xff\xff\xff\x7f" + bytes(64),
        b"",
    ],
)
async def test_a_server_that_talks_nonsense_is_reported_and_survived(answer: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    port = free_port()
    recorder = Recorder()
    server = await asyncio.start_server(nonsense, "127.0.0.1", port)
    async with server, running([source(f"opc.tcp://127.0.0.1:{port}", RATE)], recorder) as task:
        await recorder.down()
        failures = recorder.latest.failures
        await recorder.until(lambda: recorder.latest.failures > failures or not task.done(), 2)
        assert not task.done()
    assert recorder.latest.error


@pytest.mark.parametrize("seed", range(4))
async def test_garbled_answers_end_no_task_and_values_flow_again_after_them(seed: int) -> None:
    recorder = Recorder()
    points = {**RATE, "path": "/Objects/2:Plant/2:Rate"}
    async with OpcUaPlant({"Rate": 1.0}) as plant, Wire(plant.port) as wire:
        line = source(wire.url(plant.url), points, every="20 ms", timeout="200 ms")
        async with running([line], recorder, OpcUa(slow=0.01)) as task:
            await recorder.value("rate", 1.0)
            wire.garble = random.Random(seed)
            failures = _errors(recorder)
            await recorder.until(lambda: len(_errors(recorder) - failures) >= 3 or task.done())
            wire.garble = None
            await plant.set("Rate", 2.0)
            await recorder.value("rate", 2.0)
            assert not task.done()


def _errors(recorder: Recorder) -> set[str]:
    return {health.error for _, health in recorder.health}


async def test_a_slow_pipeline_makes_the_server_wait_and_loses_nothing() -> None:
    class Slow(Recorder):
        async def deliver(self, block: object) -> None:
            await asyncio.sleep(0.02)
            await super().deliver(block)  # type: ignore[arg-type]

    recorder = Slow()
    async with OpcUaPlant({"Rate": 0.0}) as plant:
        line = source(plant.url, RATE, queue_size=1000, every="50 ms", timeout="2 s")
        async with running([line], recorder):
            await recorder.value("rate", 0.0)
            for step in range(1, 200):
                await plant.set("Rate", float(step))
                await asyncio.sleep(0.001)
            await recorder.value("rate", 199.0)
    values = [value for value in recorder.values("rate") if value]
    assert sorted(set(values)) == [float(step) for step in range(1, 200)]
