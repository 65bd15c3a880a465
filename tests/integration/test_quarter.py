"""A running agent crosses into the next quarter: new names, nothing lost, nothing left behind."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.disclosing.record import Sealer
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.running.publisher import Publisher
from agent.running.trust import Trust
from config.hub_plan import HubPlan
from config.plan import BrokerPlan, UplinkPlan
from gateway.hub import membership, registry
from gateway.hub.admitting import rotate
from gateway.hub.service import run_hub
from gateway.hub.status import hub_status, read_live
from gateway.wire import nanoseconds, quarter
from tests.hubkit import CLUSTER, HOUR, HUB, Clock, Notes, hub_plan
from tests.integration.test_broker_access import ONE, Site, SiteMaker, account, client, site, topic
from tests.integration.test_hub import until, write_key

__all__ = ["site"]
pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
TURN = nanoseconds("2026-04-01T00:00:00Z")
OLD, NEW = (ONE.key.pseudonym(HUB.public, CLUSTER, period) for period in ("2026Q1", "2026Q2"))


class Plant:
    """A plant's outbox and publisher, with a clock of its own."""

    def __init__(
        self,
        folder: Path,
        broker: BrokerPlan,
        clock: Clock,
        rate: float = 200.0,
        leisure: float = 0.0,
    ) -> None:
        self.uplink = UplinkPlan(CLUSTER, broker, str(HUB.public), backlog_rate=rate)
        folder.mkdir(parents=True, exist_ok=True)
        self.trust = Trust(ONE.key, HUB.public, CLUSTER, folder)
        self.sealer = Sealer(ONE.key, HUB.public, self.uplink, self.trust)
        self.outbox = Outbox.open(folder, clock())
        self.clock = clock
        self.count = 0
        self.publisher = Publisher(
            self.uplink, ONE.key, self.trust, self.outbox, clock, 2 * HOUR, leisure=leisure
        )

    def record(self, start: int) -> str:
        """Put a record of the hour from `start` into the outbox."""
        self.count += 1
        sealed = self.sealer.seal(start, start + HOUR, self.count, ())
        self.outbox.commit(Commit(records=((sealed, start),)), start)
        self.publisher.wake()
        return sealed.pseudonym


@contextlib.asynccontextmanager
async def at_work(folder: Path, made: Site, plan: HubPlan, clock: Clock) -> AsyncIterator[Plant]:
    plant = Plant(folder / "plant", made.plan(account(ONE), client_id=None), clock)
    stop = asyncio.Event()
    hub = asyncio.create_task(run_hub(plan, clock, stop, Notes()))
    agent = asyncio.create_task(plant.publisher.run())
    try:
        await until(lambda: (live := read_live(plan)) and live.online.get("plant 1"))
        yield plant
    finally:
        plant.publisher.stop()
        await asyncio.wait_for(agent, 20)
        stop.set()
        await asyncio.wait_for(hub, 20)
        plant.outbox.close()


async def test_a_running_agent_takes_its_new_name_and_loses_nothing(
    site: SiteMaker, tmp_path: Path
) -> None:
    made, clock = site(), Clock(TURN - HOUR)
    write_key(tmp_path)
    plan = replace(hub_plan(tmp_path, ONE), broker=made.plan("hub"))
    async with at_work(tmp_path, made, plan, clock) as plant:
        assert plant.record(TURN - 2 * HOUR) == OLD
        await until(lambda: plant.publisher.state.receipted == 1)
        clock.now = TURN + 1
        assert plant.record(TURN - HOUR) == OLD
        await until(lambda: plant.publisher.state.receipted == 2)
        clock.now = TURN + HOUR
        assert plant.record(TURN) == NEW
        await until(lambda: plant.publisher.state.receipted == 3)
        assert await plant.publisher.drained(20)
        await until(lambda: (live := read_live(plan)) and live.online == {"plant 1": True})
    found = hub_status(plan)
    assert (found.records, found.members[0].gaps, found.quarantine) == (3, 0, {})
    async with client(made.plan("hub"), "hub", [topic("presence", "+")]) as hub:
        await until(lambda: hub.heard)
        left = {to for to, _ in hub.heard}
    assert left == {topic("presence", NEW)}, "nothing is retained under the old name"


async def test_the_hubs_next_key_is_taken_when_its_quarter_begins(
    site: SiteMaker, tmp_path: Path
) -> None:
    made, clock = site(), Clock(TURN - HOUR)
    write_key(tmp_path)
    plan = replace(hub_plan(tmp_path, ONE), broker=made.plan("hub"))
    since, key = rotate(plan, clock.now)
    again = rotate(plan, clock.now)
    assert (again[0], str(again[1].public)) == (since, str(key.public))
    assert since == quarter(TURN)
    made.keys = membership.ring(plan, registry.read(registry.path_of(plan)))
    made.write()
    made.server.signal(signal.SIGHUP)
    async with at_work(tmp_path, made, plan, clock) as plant:
        await until(lambda: (told := plant.trust.told()) and told["next_from"] == since)
        assert plant.record(TURN - 2 * HOUR) == OLD
        await until(lambda: plant.publisher.state.receipted == 1)
        clock.now = TURN + 1
        assert plant.record(TURN - HOUR) == OLD
        await until(lambda: plant.publisher.state.receipted == 2)
        clock.now = TURN + HOUR
        assert plant.record(TURN) == ONE.key.pseudonym(key.public, CLUSTER, since) != NEW
        await until(lambda: plant.publisher.state.receipted == 3)
        await until(lambda: (told := plant.trust.told()) and told["period"] == since)
        told = plant.trust.told()
        assert told is not None
        assert (told["hub"], told["since"]) == (key.public.fingerprint, since)
        assert plant.publisher.state.bad_receipts == 0
    found = hub_status(plan)
    assert (found.records, found.quarantine) == (3, {})


async def test_a_name_is_left_and_the_next_taken_at_instants_of_their_own(
    site: SiteMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, clock = site(), Clock(TURN - HOUR)
    draws = iter([0.3, 0.2])
    monkeypatch.setattr("agent.running.publisher._DRAW.uniform", lambda *_: next(draws))
    plant = Plant(tmp_path / "plant", made.plan(account(ONE), client_id=None), clock, leisure=0.5)
    agent = asyncio.create_task(plant.publisher.run())
    async with client(made.plan("hub"), "hub", [topic("presence", "+")]) as hub:
        await until(lambda: (topic("presence", OLD), True) in _shown(hub.heard))
        began = asyncio.get_running_loop().time()
        clock.now = TURN + 1
        plant.publisher.wake()
        await until(lambda: (topic("presence", OLD), False) in _shown(hub.heard))
        left = asyncio.get_running_loop().time() - began
        await until(lambda: (topic("presence", NEW), True) in _shown(hub.heard))
        came = asyncio.get_running_loop().time() - began
    plant.publisher.stop()
    await asyncio.wait_for(agent, 20)
    plant.outbox.close()
    assert left >= 0.3
    assert came >= 0.5 + 0.2


async def test_who_stops_between_two_names_leaves_nothing_retained(
    site: SiteMaker, tmp_path: Path
) -> None:
    made, clock = site(), Clock(TURN - HOUR)
    plant = Plant(tmp_path / "plant", made.plan(account(ONE), client_id=None), clock, leisure=60.0)
    agent = asyncio.create_task(plant.publisher.run())
    async with client(made.plan("hub"), "hub", [topic("presence", "+")]) as hub:
        await until(lambda: (topic("presence", OLD), True) in _shown(hub.heard))
        clock.now = TURN + 1
        plant.publisher.stop()
        await asyncio.wait_for(agent, 20)
        await until(lambda: (topic("presence", OLD), False) in _shown(hub.heard))
    plant.outbox.close()
    async with client(made.plan("hub"), "hub", [topic("presence", "+")]) as hub:
        assert await hub.says(topic("cells", "any"), "{}", retain=False)
        assert hub.heard == set()


def _shown(heard: set[tuple[str, str]]) -> set[tuple[str, bool]]:
    """Say of each message whether it holds anything."""
    return {(to, bool(payload)) for to, payload in heard}


async def test_after_two_quarters_away_an_agent_still_gets_in_and_delivers(
    site: SiteMaker, tmp_path: Path
) -> None:
    made, clock = site(), Clock(nanoseconds("2025-09-30T22:00:00Z"))
    made.server.stop()
    write_key(tmp_path)
    plan = replace(hub_plan(tmp_path, ONE), broker=made.plan("hub"))
    plant = Plant(tmp_path / "plant", made.plan(account(ONE), client_id=None), clock)
    agent = asyncio.create_task(plant.publisher.run())
    await until(lambda: plant.publisher.state.link.detail != "not connected yet")
    plant.record(clock.now)
    clock.now = TURN - HOUR
    made.server.start()
    stop = asyncio.Event()
    hub = asyncio.create_task(run_hub(plan, clock, stop, Notes()))
    await until(lambda: plant.publisher.state.receipted == 1)
    plant.publisher.stop()
    await agent
    stop.set()
    await hub
    plant.outbox.close()
    assert hub_status(plan).records == 1


async def test_what_is_retained_of_an_old_quarter_does_not_say_who_is_online_now(
    site: SiteMaker, tmp_path: Path
) -> None:
    made, clock = site(), Clock(TURN - HOUR)
    write_key(tmp_path)
    plan = replace(hub_plan(tmp_path, ONE), broker=made.plan("hub"))
    async with client(made.plan(account(ONE)), account(ONE)) as one:
        before = ONE.key.pseudonym(HUB.public, CLUSTER, "2025Q4")
        assert await one.says(topic("presence", OLD), '{"online":true,"v":1}', retain=True)
        assert await one.says(topic("presence", before), '{"online":false,"v":1}', retain=True)
    stop = asyncio.Event()
    hub = asyncio.create_task(run_hub(plan, clock, stop, Notes()))
    await until(lambda: (live := read_live(plan)) and live.online == {"plant 1": True})
    stop.set()
    await hub


async def test_new_certificates_of_the_hub_are_taken_up_while_it_runs(
    site: SiteMaker, tmp_path: Path
) -> None:
    made, clock = site(), Clock(TURN - HOUR)
    write_key(tmp_path)
    plan = replace(hub_plan(tmp_path, ONE), broker=made.plan("hub"))
    async with at_work(tmp_path, made, plan, clock) as plant:
        plant.record(TURN - 3 * HOUR)
        await until(lambda: plant.publisher.state.receipted == 1)
        connected = made.server.log.read_text().count("New client connected")
        made.authority.client("hub")
        await until(lambda: made.server.log.read_text().count("New client connected") > connected)
        plant.record(TURN - 2 * HOUR)
        await until(lambda: plant.publisher.state.receipted == 2)
    assert hub_status(plan).records == 2


def test_the_client_id_an_agent_offers_is_of_the_quarter_and_says_nothing_else(
    tmp_path: Path,
) -> None:
    clock = Clock(TURN - HOUR)
    plant = Plant(tmp_path / "plant", BrokerPlan("127.0.0.1", 1, None), clock)
    before = plant.publisher._identity()[0].client_id
    clock.now = TURN + HOUR
    after = plant.publisher._identity()[0].client_id
    plant.outbox.close()
    assert before is not None
    assert after is not None
    assert (before, after) == (f"ss-{OLD[:20]}", f"ss-{NEW[:20]}")
    assert not {before[3:], after[3:]} & {account(ONE)[:20], str(ONE.key.public)[:20]}
