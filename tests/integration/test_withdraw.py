"""Withdrawal with a real agent and a real broker: nothing of the stream leaves any more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt import Connection
from gateway.seal import open_record
from tests import links
from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.clikit import program
from tests.plants import hub_key
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
HUB = """
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:{port}"
key = "{key}"
receipts = {receipts}
backlog_rate = 200.0
"""
TAKEN, OTHER = "10 09 03", "10 09 10"


def files(port: int, plant: int, *, receipts: bool = False) -> list[str]:
    hub = HUB.format(port=port, key=hub_key().public, receipts=str(receipts).lower())
    other = modbus("dust", plant).replace(TAKEN, OTHER)
    return [hub, modbus("slag", plant), other]


@contextlib.asynccontextmanager
async def overheard(port: int) -> AsyncIterator[list[dict[str, Any]]]:
    """Open all that agents publish, as the hub can."""
    heard: list[dict[str, Any]] = []

    async def hear(connection: Connection) -> None:
        await connection.subscribe("sidestream/v1/ora/records/+")
        while True:
            message = await connection.next()
            pseudonym = message.topic.rpartition("/")[2]
            heard.append(open_record(message.payload, "ora", pseudonym, hub_key()))

    async with links.connected(links.broker(port)) as link:
        hearing = asyncio.ensure_future(hear(link.now))
        try:
            yield heard
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})


def codes(record: dict[str, Any]) -> set[str]:
    return {figure["code"] for figure in record["figures"]}


async def withdraw(agent: Agent, *more: str) -> str:
    said = await asyncio.to_thread(
        program, "withdraw", "slag", "plant.toml", *more, cwd=agent.folder
    )
    assert said.code == 0, said.err
    return said.out


async def test_nothing_of_a_stream_leaves_after_its_withdrawal_has_returned(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, scale, agent = mosquitto(), Scale(), Agent(tmp_path / "plant")
    async with scale.plant() as plant, overheard(broker.port) as heard:
        agent.write(*files(broker.port, plant.port))
        with running(agent):
            await eventually(lambda: any(TAKEN in codes(record) for record in heard))
            said = await withdraw(agent)
            await asyncio.sleep(0.2)  # what the broker had by then is on its way to us
            before = len(heard)
            await eventually(lambda: len(heard) >= before + 3)
            after = heard[before:]
            assert all(TAKEN not in codes(record) for record in after)
            assert any(OTHER in codes(record) for record in after)
            await withdraw(agent, "--undo")
            undone = len(heard)
            await eventually(lambda: any(TAKEN in codes(record) for record in heard[undone:]))
            assert await agent.end() == 0
    assert "cannot be taken back" in said


async def test_records_that_waited_leave_without_the_stream_and_with_all_the_others(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, scale, agent = mosquitto(), Scale(), Agent(tmp_path / "plant")
    broker.stop()
    async with scale.plant() as plant:
        agent.write(*files(broker.port, plant.port))
        with running(agent):
            await eventually(lambda: agent.records("queued") >= 2)
            waited = agent.rows("SELECT id, plain FROM records ORDER BY sequence")
            said = await withdraw(agent)
            broker.start()
            async with overheard(broker.port) as heard:
                known = {record for record, _ in waited}
                await eventually(lambda: known <= {record["id"] for record in heard})
            assert await agent.end() == 0
    assert any(TAKEN in plain for _, plain in waited)
    assert "made again without it" in said
    assert all(TAKEN not in codes(record) for record in heard)
    for record, plain in waited:
        [left] = [one for one in heard if one["id"] == record][:1]
        assert (OTHER in codes(left)) == (OTHER in plain)
    assert len({record["sequence"] for record in heard}) == len(heard)


async def test_a_record_that_was_sent_and_not_confirmed_is_not_sent_again(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, scale, agent = mosquitto(), Scale(), Agent(tmp_path / "plant")
    async with scale.plant() as plant, overheard(broker.port) as heard:
        agent.write(*files(broker.port, plant.port, receipts=True))
        with running(agent):
            await eventually(lambda: any(TAKEN in codes(record) for record in heard))
            sent = {record["id"] for record in heard if TAKEN in codes(record)}
            await withdraw(agent)
            assert await agent.end() == 0
        # A new start sends everything that is not confirmed again.
        count = len(heard)
        with running(agent):
            await eventually(lambda: len(heard) >= count + 2)
            assert await agent.end() == 0
    assert all(TAKEN not in codes(record) for record in heard[count:])
    ended = agent.rows("SELECT id FROM records WHERE status = 'withdrawn'")
    assert sent <= {record for (record,) in ended}
