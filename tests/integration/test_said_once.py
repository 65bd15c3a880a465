"""Long outages: each change of state is one line of the log, and no retry is any."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simulation.modbus import Device, ModbusPlant
from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.hubkit import HOUR, heat
from tests.hubprogram import HubProgram, hub_running
from tests.integration.test_agent_disk import fill, small_disk
from tests.integration.test_hub import PLANTS, plants_on
from tests.integration.test_rotation import UPLINK, doorman
from tests.plants import hub_key
from tests.servers import MosquittoMaker, free_port

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
RETRIES = 3
MEMBERS = "\n".join(
    f'[[members]]\nname = "{one.member.name}"\nowner = "{one.member.owner}"\n'
    f'place = "{one.member.place}"\nkey = "{one.member.key_text}"'
    for one in PLANTS
)
AT_ONCE = '[release]\nwait = "1 s"\ncalendars = { heat = "hour" }'
_HEAD = re.compile(r"^[-0-9]+ [0-9:,]+ [A-Z]+ \S+ ")


def said(log: str, about: str) -> Counter[str]:
    """Count the lines about something, without their time."""
    lines = (_HEAD.sub("", line) for line in log.splitlines())
    return Counter(line for line in lines if about in line)


@contextlib.asynccontextmanager
async def nobody(port: int) -> AsyncIterator[list[int]]:
    """Take a broker's place: hang up on everybody, and count them."""
    callers: list[int] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", port)
    try:
        yield callers
    finally:
        server.close()
        await server.wait_closed()


async def test_an_agent_says_once_that_broker_or_meter_are_away_and_once_that_they_are_back(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, agent, scale, port = mosquitto(), Agent(tmp_path / "plant"), Scale(), free_port()
    meters = {1: Device(registers=scale.register)}
    up = UPLINK.format(port=broker.port, key=hub_key().public, login="")
    agent.write(up, modbus("belt", port))
    with running(agent):
        async with ModbusPlant(meters, port=port):
            await eventually(lambda: agent.records("receipted"))
        broker.kill()
        async with nobody(broker.port) as callers, nobody(port) as readers:
            await eventually(lambda: len(callers) >= RETRIES)
            await eventually(lambda: len(readers) >= RETRIES)
        during = agent.log
        broker.start()
        async with ModbusPlant(meters, port=port):
            await eventually(lambda: agent.told["level"] == "ok")
            assert await agent.end() == 0
    away = said(during, "not connected:")
    assert set(away.values()) == {1}, away
    assert len(away) <= 3  # the link that broke, refused for a moment, hung up on
    down = said(during, "source belt") - Counter(said(during, "source belt up"))
    assert set(down.values()) == {1}, down
    assert len(down) <= 3
    silent = said(during, "meter-silent")
    assert set(silent.values()) <= {1}, silent
    after = agent.log[len(during) :]
    assert sum(said(after, "broker 127.0.0.1").values()) == 2  # connected; ended at the stop
    assert sum(said(after, "source belt").values()) <= 2


async def send(port: int, hours: range) -> int:
    """Send four plants' records of some hours that are over; gives how many."""
    start = time.time_ns() // HOUR * HOUR - 48 * HOUR
    async with plants_on(port) as plants:
        for hour in hours:
            for one in PLANTS:
                window = start + hour * HOUR
                await plants.send(one, one.content(window, figures=[heat(10.0)], sequence=hour + 1))
    return len(hours) * len(PLANTS)


async def test_a_hub_says_once_that_broker_or_store_are_away_and_once_that_they_are_back(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, hub = mosquitto(), HubProgram(tmp_path / "hub")
    with doorman() as (door, url):
        door.status = 503
        store = f'[store]\nkind = "influxdb"\nurl = "{url}"'
        hub.write(broker.port, "", AT_ONCE, MEMBERS, store)
        with hub_running(hub):
            await eventually(lambda: "broker: connected" in hub.log)
            await send(broker.port, range(2))
            await eventually(lambda: len(door.asked) >= 3)
            broker.kill()
            async with nobody(broker.port) as callers:
                await eventually(lambda: len(callers) >= RETRIES)
                await eventually(lambda: len(door.asked) >= RETRIES)
            during = hub.log
            broker.start()
            door.status = 204
            await eventually(lambda: "store: well again" in hub.log)
            await eventually(lambda: "broker: well again" in hub.log)
    for part in ("store: ", "broker: "):
        lines = said(during, part)
        assert set(lines.values()) == {1}, lines
        assert len(lines) <= 4
        assert sum(said(hub.log, f"{part}well again").values()) == 1


@pytest.mark.namespaces
async def test_a_hub_says_once_that_its_disk_is_full_and_once_that_it_is_well(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, hub = mosquitto(), HubProgram(tmp_path / "hub")
    hub.write(broker.port, "", AT_ONCE, MEMBERS)
    with small_disk(hub.folder / "state", 4), hub_running(hub):
        await eventually(lambda: "broker: connected" in hub.log)
        other = fill(hub.folder / "state")
        sending = asyncio.create_task(send(broker.port, range(12)))
        await eventually(lambda: said(hub.log, "hub: "))
        seen = time.monotonic()
        # Several retries of each part: the first come within a second or two of each other.
        await eventually(lambda: time.monotonic() - seen > 6)
        await sending
        during = hub.log
        other.unlink()
        await eventually(lambda: "hub: well again" in hub.log)
    lines = said(during, "hub: ")
    assert set(lines.values()) == {1}, lines
    assert len(lines) <= 3
    assert sum(said(hub.log, "hub: well again").values()) == 1
