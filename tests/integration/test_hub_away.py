"""A hub away for longer than its broker remembers, and a broker that is wiped: nothing is lost."""

import asyncio
from pathlib import Path

import pytest

from agent.keeping.tables import Commit
from gateway.hub.service import run_hub
from gateway.hub.status import hub_status, read_live
from tests.hubkit import HOUR, MONDAY, Clock, Notes, hub_plan
from tests.integration.test_broker_access import ONE
from tests.integration.test_hub import until, write_key
from tests.integration.test_quarter import Plant
from tests.links import broker as broker_plan
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
COUNT = 1100
"""mosquitto keeps 1 000 messages for a client that is away, unless told otherwise."""


async def test_a_hub_that_was_away_and_a_broker_that_was_wiped_lose_nothing(
    mosquitto: MosquittoMaker, tmp_path: Path
) -> None:
    server, clock = mosquitto(), Clock(MONDAY)
    write_key(tmp_path)
    plan = hub_plan(tmp_path, ONE, port=server.port)
    stop = asyncio.Event()
    hub = asyncio.create_task(run_hub(plan, clock, stop, Notes()))
    await until(lambda: (live := read_live(plan)) and live.broker_up)
    stop.set()
    await hub  # From now on the broker keeps a queue for it.
    plant = Plant(tmp_path / "plant", broker_plan(server.port), clock, rate=2000.0)
    starts = range(MONDAY - COUNT * HOUR, MONDAY, HOUR)
    sealed = [plant.sealer.seal(at, at + HOUR, n + 1, ()) for n, at in enumerate(starts)]
    plant.outbox.commit(Commit(records=[(one, MONDAY) for one in sealed]), MONDAY)
    agent = asyncio.create_task(plant.publisher.run())
    clock.now += HOUR
    async with asyncio.timeout(60):
        while plant.publisher.state.sent < COUNT:
            clock.now += HOUR // 60
            await asyncio.sleep(0.05)
    server.kill()
    (server.folder / "mosquitto.db").unlink(missing_ok=True)
    server.start()
    stop = asyncio.Event()
    hub = asyncio.create_task(run_hub(plan, clock, stop, Notes()))
    async with asyncio.timeout(60):
        assert plant.publisher.state.unanswered is not None
        while plant.publisher.state.receipted < COUNT:
            clock.now += HOUR // 60
            await asyncio.sleep(0.05)
    assert await plant.publisher.drained(10)
    assert plant.publisher.state.unanswered is None
    plant.publisher.stop()
    await agent
    stop.set()
    await hub
    plant.outbox.close()
    found = hub_status(plan)
    assert (found.records, found.members[0].gaps) == (COUNT, 0)
