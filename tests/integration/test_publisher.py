"""What the publisher remembers of records that have left."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.running import publisher as module
from agent.running.dispatch import Dispatch
from agent.running.publisher import Publisher
from agent.running.trust import Trust
from tests.agentkit import eventually
from tests.plants import HOUR, START, hub_key, plant_key, sealer, uplink
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]


async def test_a_record_that_needs_no_receipt_is_forgotten_when_the_broker_has_it(
    tmp_path: Path, mosquitto: MosquittoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Dispatch] = []

    def making(rate: float, live_for: int) -> Dispatch:
        made.append(Dispatch(rate, live_for))
        return made[-1]

    monkeypatch.setattr(module, "Dispatch", making)
    way = replace(uplink(mosquitto().port), receipts=False, backlog_rate=1000.0)
    outbox = await asyncio.to_thread(Outbox.open, tmp_path / "state", time.time_ns())
    records = [
        (sealer().seal(START + at * HOUR, START + (at + 1) * HOUR, at + 1, ()), 0)
        for at in range(20)
    ]
    await asyncio.to_thread(outbox.commit, Commit(records=records), START)
    trust = Trust(plant_key(), hub_key().public, way.cluster, tmp_path)
    publisher = Publisher(way, plant_key(), trust, outbox, time.time_ns, HOUR)
    running = asyncio.ensure_future(publisher.run())
    try:
        await eventually(lambda: publisher.state.receipted == len(records))
        await eventually(lambda: not any(one._sent for one in made))
    finally:
        running.cancel()
        await asyncio.wait([running])
        outbox.close()
