"""The hub on a real broker: records in, receipts out, cells retained, nothing lost."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives import serialization

from adapters.errors import PermanentError
from config.hub_plan import HubPlan, Member, StorePlan
from config.plan import BrokerPlan
from gateway.contract import Cell
from gateway.hub import filling
from gateway.hub.service import run_hub
from gateway.hub.status import LEDGER, hub_cells, hub_status, read_live
from gateway.mqtt import Connection, keep_connected
from gateway.receipt import read_receipt
from gateway.stores.contract import open_store
from gateway.stores.influx import InfluxStore
from gateway.wire import cells_topic, presence_topic, receipts_topic
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, Clock, Notes, Plant, heat, hub_plan, plant
from tests.servers import Mosquitto, MosquittoMaker, VictoriaMetrics, free_port, program

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
PLANTS = tuple(plant(number) for number in range(1, 5))
LONG = 20.0
KEEPING = ("-retentionPeriod=100y", "-search.latencyOffset=0s", "-dedup.minScrapeInterval=1ms")


def write_key(folder: Path) -> None:
    pem = HUB.sign.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "hub.pem").write_bytes(pem)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 other programs set no events
            await asyncio.sleep(0.02)


@dataclass
class Field:
    """All plants on one link: sends records, collects receipts by record id."""

    port: int
    stored: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    link: Connection | None = None

    async def session(self, link: Connection) -> None:
        await link.subscribe(*(receipts_topic(CLUSTER, one.pseudonym) for one in PLANTS))
        self.link = link
        names = {receipts_topic(CLUSTER, one.pseudonym): one.pseudonym for one in PLANTS}
        while True:
            message = await link.next()
            name = names[message.topic]
            receipt = read_receipt(message.payload, CLUSTER, name, HUB.public)
            for known in receipt.stored:
                self.stored[known] = self.stored.get(known, 0) + 1
            self.refused |= {refused.id: refused.reason for refused in receipt.refused}

    async def send(self, one: Plant, content: dict[str, Any]) -> str:
        assert self.link is not None
        await self.link.publish(one.topic, one.seal(content))
        return str(content["id"])


@contextlib.asynccontextmanager
async def plants_on(port: int) -> AsyncIterator[Field]:
    found = Field(port)
    broker = BrokerPlan("127.0.0.1", port, None, client_id="plants")
    running = asyncio.create_task(
        keep_connected(broker, found.session, clean=True, session_expiry=0, backoff=(0.05, 0.2))
    )
    try:
        await until(lambda: found.link)
        yield found
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


@contextlib.asynccontextmanager
async def hub_on(plan: HubPlan, clock: Clock) -> AsyncIterator[Notes]:
    stop, notes = asyncio.Event(), Notes()
    running = asyncio.create_task(run_hub(plan, clock, stop, notes))
    try:
        await until(lambda: running.done() or ((live := read_live(plan)) and live.broker_up))
        yield notes
    finally:
        stop.set()
        await asyncio.wait_for(running, LONG)


@pytest.fixture
def broker(mosquitto: MosquittoMaker) -> Mosquitto:
    return mosquitto()


def planned(folder: Path, port: int, **changes: Any) -> HubPlan:
    write_key(folder)
    return hub_plan(folder, *PLANTS, port=port, **{"wait": 0, **changes})


def retained(port: int, count: int) -> list[dict[str, Any]]:
    command = [
        program("mosquitto_sub"),
        "-p",
        str(port),
        "-V",
        "5",
        "-t",
        cells_topic(CLUSTER, "#"),
    ]
    done = subprocess.run([*command, "-C", str(count), "-W", "10"], capture_output=True, check=True)
    return [json.loads(text) for text in done.stdout.splitlines()]


async def test_records_become_receipts_then_cells_in_the_feed_and_the_store(
    broker: Mosquitto, tmp_path: Path
) -> None:
    plan, clock = planned(tmp_path, broker.port), Clock(MONDAY + HOUR // 2)
    async with hub_on(plan, clock) as notes, plants_on(broker.port) as plants:
        sent = [
            await plants.send(one, one.content(figures=[heat(10.0 + n, marks=["spread"])]))
            for n, one in enumerate(PLANTS)
        ]
        await until(lambda: hub_status(plan).quarantine.get("future") == 4)
        assert plants.refused == {}
        clock.now = MONDAY + HOUR - 1
        for n, one in enumerate(PLANTS):
            await plants.send(one, one.content(figures=[heat(10.0 + n, marks=["spread"])]))
        await until(lambda: len(plants.stored) == 4)
        assert sorted(plants.stored) == sorted(sent)
        assert hub_status(plan).decided_cells == 0
        clock.now = MONDAY + 2 * HOUR
        await until(lambda: (s := hub_status(plan)).decided_cells and not s.unpublished_cells)
        (cell,) = await asyncio.to_thread(retained, broker.port, 1)
        await until(lambda: hub_status(plan).unwritten_cells == 0)
    jsonschema.validate(cell, Cell.model_json_schema())
    assert (cell["status"], cell["quantity"], cell["contributors"]) == ("released", 46, "3-5")
    assert cell["marks"] == ["spread"]
    store = open_store(plan.store, plan.state_dir)
    assert store.read(MONDAY, MONDAY + HOUR) == [Cell.model_validate(cell)]
    store.close()
    assert {"READY=1", "WATCHDOG=1", "STOPPING=1"} <= set(notes.lines)


async def test_refusals_are_told_to_members_and_duplicates_get_their_receipt_again(
    broker: Mosquitto, tmp_path: Path
) -> None:
    plan, one = planned(tmp_path, broker.port), PLANTS[0]
    async with hub_on(plan, Clock()), plants_on(broker.port) as plants:
        content = one.content(figures=[heat(1.0)])
        known = await plants.send(one, content)
        await plants.send(one, content)
        await until(lambda: plants.stored.get(known) == 2)
        await plants.send(one, {**content, "figures": [heat(2.0)]})
        await until(lambda: plants.refused == {known: "conflict"})
        assert plants.link is not None
        for junk in (b"", b"\x00" * 100, b"{}", b"[" * 5000, b'{"v": 2}'):
            await plants.link.publish(one.topic, junk)
            await plants.link.publish(presence_topic(CLUSTER, one.pseudonym), junk)
        await plants.link.publish(
            presence_topic(CLUSTER, one.pseudonym), b'{"v":1,"online":true}', retain=True
        )
        await until(lambda: sum(hub_status(plan).quarantine.values()) == 6)
        await until(lambda: hub_status(plan).members[0].online)
    status = hub_status(plan)
    assert status.quarantine == {"conflict": 1, "malformed": 3, "version": 2}
    assert (status.records, status.duplicates, status.members[0].gaps) == (1, 1, 0)


def same(sent: set[str], stored: dict[str, int]) -> bool:
    return sent == set(stored)


async def send_hours(plants: Field, hours: range) -> set[str]:
    contents = [
        (one, one.content(MONDAY + hour * HOUR, figures=[heat(10.0)], sequence=hour + 1))
        for hour in hours
        for one in PLANTS
    ]
    return set(await asyncio.gather(*(plants.send(*content) for content in contents)))


@contextlib.contextmanager
def ledger_held(plan: HubPlan) -> Iterator[None]:
    """Hold the ledger's lock, as a disk would that has stopped answering."""
    with contextlib.closing(sqlite3.connect(Path(plan.state_dir) / LEDGER)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_a_hub_killed_while_it_commits_loses_nothing_the_broker_had(
    broker: Mosquitto, tmp_path: Path
) -> None:
    plan = planned(tmp_path, broker.port)
    sent: set[str] = set()
    async with hub_on(plan, Clock()), plants_on(broker.port):
        pass  # From here on the broker keeps what comes for the hub, and nothing is sent twice.
    async with plants_on(broker.port) as plants:
        for round_ in range(2):
            with hub_process(tmp_path, broker.port) as process:
                sent |= await send_hours(plants, range(round_ * 15, round_ * 15 + 5))
                await until(partial(same, sent, plants.stored))
                with ledger_held(plan):
                    sent |= await send_hours(plants, range(round_ * 15 + 5, round_ * 15 + 15))
                    await asyncio.sleep(0.3)  # The hub has some of them, and waits for the disk.
                    assert plants.stored.keys() < sent
                    process.kill()
                    process.wait()
        async with hub_on(plan, Clock(MONDAY + 100 * HOUR)):
            await until(lambda: set(plants.stored) == sent)
            await until(lambda: hub_status(plan).decided_cells == 30)
            await until(lambda: hub_status(plan).unwritten_cells == 0)
    store = open_store(plan.store, plan.state_dir)
    cells = store.read(MONDAY, MONDAY + 100 * HOUR)
    store.close()
    assert [cell.quantity for cell in cells] == [40.0] * 30
    assert hub_status(plan).members[0].gaps == 0


_HUB = """
import asyncio, sys
from pathlib import Path
from gateway.hub.service import run_hub
from tests.hubkit import HOUR, MONDAY, Clock
from tests.integration.test_hub import planned
plan = planned(Path(sys.argv[1]), int(sys.argv[2]), wait=10**18)
asyncio.run(run_hub(plan, Clock(MONDAY + 100 * HOUR), asyncio.Event(), print))
"""


@contextlib.contextmanager
def hub_process(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", _HUB, str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def test_a_store_that_is_away_holds_up_neither_receipts_nor_the_feed(
    broker: Mosquitto, tmp_path: Path
) -> None:
    away = StorePlan(kind="influxdb", url=f"http://127.0.0.1:{free_port()}")
    plan = planned(tmp_path, broker.port, store=away)
    async with hub_on(plan, Clock()), plants_on(broker.port) as plants:
        for one in PLANTS:
            await plants.send(one, one.content(figures=[heat(10.0)]))
        await until(lambda: len(plants.stored) == 4)
        await until(lambda: (s := hub_status(plan)).decided_cells == 1 and not s.unpublished_cells)
        await until(lambda: (live := read_live(plan)) and live.store_up is False)
    status = hub_status(plan)
    assert (status.unwritten_cells, status.unpublished_cells) == (1, 0)
    assert status.live is not None
    assert "away" in status.live.store


@pytest.mark.victoria
async def test_what_a_killed_store_has_lost_is_written_again(
    tmp_path: Path, mosquitto: MosquittoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, victoria = mosquitto(), VictoriaMetrics(tmp_path / "store", *KEEPING)
    monkeypatch.setattr(InfluxStore, "settling", 1_000_000_000)
    monkeypatch.setattr(filling, "READ_BACK", 0.2)
    store = StorePlan(kind="influxdb", url=victoria.url)
    plan, clock = planned(tmp_path, broker.port, store=store), Clock(now=MONDAY + 4 * HOUR)
    victoria.start()
    try:
        async with hub_on(plan, clock), plants_on(broker.port) as plants:
            sent = await send_hours(plants, range(1))
            await until(lambda: same(sent, plants.stored))
            await until(lambda: written(plan))
            await asyncio.to_thread(victoria.kill)
            await asyncio.to_thread(victoria.start)
            opened = open_store(store, "")
            # What was confirmed is gone; the clock goes on, and it is read back.
            assert opened.read(MONDAY, MONDAY + HOUR) == []
            clock.now += 2_000_000_000
            await until(lambda: opened.read(MONDAY, MONDAY + HOUR))
            opened.close()
    finally:
        victoria.kill()


def written(plan: HubPlan) -> int:
    """Count the cells that the store has confirmed."""
    path = Path(plan.state_dir) / LEDGER
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(written) FROM cells").fetchone()[0])


async def test_a_broker_that_is_away_is_waited_for_and_nothing_is_decided_meanwhile(
    broker: Mosquitto, tmp_path: Path
) -> None:
    plan = planned(tmp_path, broker.port)
    async with hub_on(plan, Clock()) as notes:
        broker.kill()
        await until(lambda: (live := read_live(plan)) and not live.broker_up)
        before = notes.lines.count("WATCHDOG=1")
        await until(lambda: notes.lines.count("WATCHDOG=1") > before)
        broker.start()
        await until(lambda: (live := read_live(plan)) and live.broker_up)
        async with plants_on(broker.port) as plants:
            await plants.send(PLANTS[0], PLANTS[0].content())
            await until(lambda: plants.stored)


async def test_the_operator_sees_why_a_cell_is_withheld_and_the_feed_does_not(
    broker: Mosquitto, tmp_path: Path
) -> None:
    plan, clock = planned(tmp_path, broker.port), Clock()
    async with hub_on(plan, clock), plants_on(broker.port) as plants:
        for hour, some in enumerate((PLANTS, PLANTS[:2])):
            for one in some:
                start = MONDAY + hour * HOUR
                await plants.send(one, one.content(start, figures=[heat(10.0)], sequence=hour + 1))
        await until(lambda: len(plants.stored) == 6)
        await until(lambda: (s := hub_status(plan)).decided_cells == 2 and not s.unpublished_cells)
        (cell,) = await asyncio.to_thread(retained, broker.port, 1)
    newest, oldest = hub_cells(plan)
    assert (newest.cell.status, newest.reason, newest.quantity) == (
        "withheld",
        "2 owners, 3 needed",
        20.0,
    )
    assert oldest.cell.status == "released"
    assert cell["status"] == "withheld"
    assert not {"quantity", "contributors", "coverage", "reason"} & set(cell)


async def test_a_hub_that_cannot_start_says_what_to_mend(tmp_path: Path) -> None:
    stop, notes = asyncio.Event(), Notes()
    plan = hub_plan(tmp_path, *PLANTS)
    with pytest.raises(PermanentError, match="no key file"):
        await run_hub(plan, Clock(), stop, notes)
    write_key(tmp_path)
    unread = replace(plan, members=(Member("x", "ssplant1_x", "x", "x"),))
    with pytest.raises(PermanentError, match="member's key"):
        await run_hub(unread, Clock(), stop, notes)
    with pytest.raises(PermanentError, match="no ledger"):
        hub_status(plan)
    assert notes.lines == []
