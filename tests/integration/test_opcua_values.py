"""Values of a real OPC UA server as readings: subscribed and polled, present and absent."""

import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from asyncua import Client, ua

from adapters.adapter import Link
from adapters.errors import TransientError
from adapters.opcua import OPCUA, OpcUa
from adapters.reading import NANOSECONDS, Quality
from simulation.opcua import NAMESPACE, OpcUaPlant
from tests.opcuakit import READING, Recorder, Wire, running, services, source

if TYPE_CHECKING:
    from simulation.models import Source

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_every_form_of_address_leads_to_its_value(mode: str) -> None:
    points = {
        "index": "ns=2;s=Rate",
        "uri": f"nsu={NAMESPACE};s=Total",
        "path": "/Objects/2:Plant/2:On",
        "long": "/Root/Objects/2:Plant/2:Name",
    }
    nodes: dict[str, Source] = {"Rate": 1.5, "Total": 7, "On": True, "Name": "belt"}
    recorder = Recorder()
    async with OpcUaPlant(nodes) as plant:
        line = source(plant.url, points, mode=mode)
        async with running([line], recorder):
            for point, value in zip(points, nodes.values(), strict=True):
                await recorder.value(point, value)
            await recorder.up()
    assert recorder.latest.notes == ()


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_source_time_stamps_are_the_times_of_readings(mode: str) -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 0.0}) as plant,
        running([source(plant.url, {"rate": "ns=2;s=Rate"}, mode=mode)], recorder),
    ):
        await recorder.value("rate", 0.0)
        at = time.time_ns() // 1000 * 1000 + NANOSECONDS
        await plant.set("Rate", 1.0, at=at)
        await recorder.value("rate", 1.0)
    assert next(reading.time for reading in recorder.good("rate") if reading.value == 1.0) == at


async def test_every_change_between_two_publishings_is_told_with_its_own_time() -> None:
    recorder = Recorder()
    async with OpcUaPlant({"Rate": 0.0}) as plant:
        line = source(plant.url, {"rate": "ns=2;s=Rate"}, publishing="200 ms")
        async with running([line], recorder):
            await recorder.value("rate", 0.0)
            start = time.time_ns() // 1000 * 1000 + NANOSECONDS
            for step in range(1, 6):
                await plant.set("Rate", float(step), at=start + step * 1000)
            await recorder.value("rate", 5.0)
    changes = [reading for reading in recorder.good("rate") if reading.value]
    assert [reading.value for reading in changes][:5] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [reading.time for reading in changes][:5] == [
        start + step * 1000 for step in range(1, 6)
    ]
    block = next(block for block in recorder.blocks if 1.0 in block.values)
    assert block.values == (1.0, 2.0, 3.0, 4.0, 5.0)


async def test_an_absurd_source_clock_is_marked_and_not_believed() -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 0.0}) as plant,
        running([source(plant.url, {"rate": "ns=2;s=Rate"})], recorder),
    ):
        await recorder.value("rate", 0.0)
        await plant.set("Rate", 1.0, at=0)
        await recorder.until(lambda: recorder.of("rate")[-1].value == 1.0)
    reading = next(reading for reading in recorder.of("rate") if reading.value == 1.0)
    assert (reading.quality, reading.reason) == (Quality.UNCERTAIN, "clock")
    assert abs(reading.time - time.time_ns()) < 60 * NANOSECONDS


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_a_value_that_comes_with_a_bad_status_is_not_read(mode: str) -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 3.0}) as plant,
        running([source(plant.url, {"rate": "ns=2;s=Rate"}, mode=mode)], recorder),
    ):
        await recorder.value("rate", 3.0)
        await plant.set("Rate", 5.0, status=ua.StatusCodes.BadSensorFailure)
        async with Client(plant.url) as other:  # that the server does send the value
            node = other.get_node("ns=2;s=Rate")
            told = await node.read_data_value(raise_on_bad_status=False)
        await recorder.until(lambda: recorder.of("rate")[-1].quality is Quality.BAD)
        failed = len(recorder.readings) - 1
        await recorder.until(lambda: len(recorder.readings) > failed + 3)
        during = recorder.of("rate")[failed:]
        await plant.set("Rate", 4.0)
        await recorder.value("rate", 4.0)
    assert told.Value is not None
    assert told.Value.Value == 5.0
    assert {(reading.value, reading.reason) for reading in during} == {(None, "bad-sensor-failure")}
    assert 5.0 not in {reading.value for reading in recorder.of("rate")}


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_status_codes_become_qualities_and_bad_values_are_none(mode: str) -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 3.0}) as plant,
        running([source(plant.url, {"rate": "ns=2;s=Rate"}, mode=mode)], recorder),
    ):
        await recorder.value("rate", 3.0)
        await plant.fail("Rate", ua.StatusCodes.UncertainLastUsableValue)
        await recorder.until(lambda: recorder.of("rate")[-1].quality is Quality.UNCERTAIN)
        doubtful = recorder.of("rate")[-1]
        await plant.fail("Rate", ua.StatusCodes.BadSensorFailure)
        await recorder.until(lambda: recorder.of("rate")[-1].quality is Quality.BAD)
        failed = len(recorder.readings)
        await recorder.until(lambda: len(recorder.readings) > failed + 2)
        during = recorder.of("rate")[failed:]
        await plant.set("Rate", 4.0)
        await recorder.value("rate", 4.0)
    assert (doubtful.value, doubtful.reason) == (3.0, "uncertain-last-usable-value")
    assert {(reading.value, reading.reason) for reading in during} == {(None, "bad-sensor-failure")}


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_a_constant_value_keeps_being_confirmed(mode: str) -> None:
    recorder = Recorder()
    async with OpcUaPlant({"Rate": 3.0}) as plant:
        line = source(plant.url, {"rate": "ns=2;s=Rate"}, mode=mode, every="400 ms")
        async with running([line], recorder):
            await recorder.until(lambda: len(recorder.good("rate")) >= 6)
    times = [reading.time for reading in recorder.of("rate")]
    assert all(0 < later - earlier < 3 * 400_000_000 for earlier, later in pairwise(times))
    assert recorder.readings[-1].time <= time.time_ns()


async def test_a_missing_node_costs_the_others_nothing_and_is_found_when_it_comes() -> None:
    recorder = Recorder()
    points = {
        "rate": "ns=2;s=Rate",
        "later": "ns=2;s=Later",
        "path": "/Objects/2:Plant/2:Later",
        "space": "nsu=urn:unknown;s=Rate",
    }
    async with (
        OpcUaPlant({"Rate": 3.0}) as plant,
        running([source(plant.url, points)], recorder, OpcUa(retry=0.3)),
    ):
        await recorder.value("rate", 3.0)
        await recorder.until(lambda: len(recorder.latest.notes) == 3)
        notes = recorder.latest.notes
        reasons = {point: recorder.of(point)[0].reason for point in ("later", "path", "space")}
        await plant.add("Later", 5.0)
        await recorder.value("later", 5.0)
        await recorder.value("path", 5.0)
        await recorder.until(lambda: len(recorder.latest.notes) == 1)
    assert reasons == {
        "later": "bad-node-id-unknown",
        "path": "bad-no-match",
        "space": "unknown-namespace",
    }
    assert "later: ns=2;s=Later: bad-node-id-unknown" in notes


async def test_a_missing_node_is_found_by_polling_too() -> None:
    recorder = Recorder()
    points = {"rate": "ns=2;s=Rate", "path": "/Objects/2:Plant/2:Later"}
    async with (
        OpcUaPlant({"Rate": 3.0}) as plant,
        running([source(plant.url, points, mode="poll")], recorder, OpcUa(retry=0.3)),
    ):
        await recorder.until(lambda: recorder.latest.notes)
        await plant.add("Later", 5.0)
        await recorder.value("path", 5.0)


async def test_a_queue_the_server_made_shorter_is_reported() -> None:
    recorder = Recorder()
    async with (
        OpcUaPlant({"Rate": 3.0}, queue=1) as plant,
        running([source(plant.url, {"rate": "ns=2;s=Rate"})], recorder),
    ):
        await recorder.up()
    assert "fewer than 10 changes of 1 points" in " ".join(recorder.latest.notes)


async def test_silent_points_are_read_where_the_settings_ask_for_it() -> None:
    recorder = Recorder()
    async with OpcUaPlant({"Rate": 3.0}) as plant, Wire(plant.port) as wire:
        line = source(wire.url(plant.url), {"rate": "ns=2;s=Rate"}, stale_after="200 ms")
        async with running([line], recorder):
            await recorder.until(lambda: len(recorder.good("rate")) >= 10)
    asked = services(bytes(wire.sent))
    assert asked.count(ua.ObjectIds.ReadRequest_Encoding_DefaultBinary) >= 3


async def test_sources_of_one_server_share_its_session() -> None:
    recorder = Recorder()
    async with OpcUaPlant({"Rate": 3.0, "Total": 7}) as plant:
        first = source(plant.url, {"rate": "ns=2;s=Rate"}, "first")
        second = source(plant.url, {"total": "ns=2;s=Total"}, "second", mode="poll", every="50 ms")
        assert OPCUA.lane(first) == OPCUA.lane(second)
        async with running([first, second], recorder):
            await recorder.value("rate", 3.0)
            await recorder.value("total", 7)
            assert plant.sessions == 1
    assert {name for name, health in recorder.health if health.link is Link.UP} == {
        "first",
        "second",
    }


async def test_no_request_holds_more_items_than_the_server_takes() -> None:
    nodes = {f"P{number}": float(number) for number in range(20)}
    recorder = Recorder()
    async with OpcUaPlant(nodes, portion=7) as plant, Wire(plant.port) as wire:
        line = source(wire.url(plant.url), {name: f"ns=2;s={name}" for name in nodes})
        async with running([line], recorder):
            await recorder.until(lambda: {each.point for each in recorder.readings} == set(nodes))
    asked = services(bytes(wire.sent))
    assert asked.count(ua.ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary) == 3
    assert all(reading.value == nodes[reading.point] for reading in recorder.readings)


@pytest.mark.parametrize("mode", ["subscribe", "poll"])
async def test_only_reading_services_go_over_the_wire(mode: str) -> None:
    recorder = Recorder()
    points = {"rate": "ns=2;s=Rate", "path": "/Objects/2:Plant/2:Rate", "gone": "ns=2;s=Gone"}
    async with OpcUaPlant({"Rate": 3.0}) as plant, Wire(plant.port) as wire:
        await plant.add("Valve", 1.0, writable=True)
        url = wire.url(plant.url)
        await OPCUA.probe(source(url, {**points, "valve": "ns=2;s=Valve"}))
        async with running([source(url, points, mode=mode)], recorder, OpcUa(retry=0.2)):
            await recorder.until(lambda: len(recorder.good("rate")) >= 4)
    asked = set(services(bytes(wire.sent)))
    assert ua.ObjectIds.ReadRequest_Encoding_DefaultBinary in asked
    assert asked <= READING


async def test_probe_shows_each_point_as_it_came_and_as_it_is_read() -> None:
    async with OpcUaPlant({"Rate": 15}) as plant:
        line = source(
            plant.url, {"rate": "ns=2;s=Rate", "gone": "ns=2;s=Gone", "no": "/Objects/No"}
        )
        rate = line.settings.points["rate"].model_copy(update={"scale": 0.1, "unit": "t/h"})
        points = {**line.settings.points, "rate": rate}
        line = replace(line, settings=line.settings.model_copy(update={"points": points}))
        found, gone, no = await OPCUA.probe(line)
    assert (found.raw, found.value, found.unit, found.quality) == ("15", 1.5, "t/h", Quality.GOOD)
    assert (gone.quality, gone.reason) == (Quality.BAD, "bad-node-id-unknown")
    assert (no.quality, no.reason) == (Quality.BAD, "bad-no-match")


async def test_probe_says_that_nothing_answers() -> None:
    async with OpcUaPlant({}) as plant:
        line = source(plant.url, {"rate": "ns=2;s=Rate"})
        await plant.stop()
        with pytest.raises(TransientError, match="no connection"):
            await OPCUA.probe(line)
