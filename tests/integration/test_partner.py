"""A contract from key to rows, over a broker with TLS and the access list a hub writes for it."""

import asyncio
import contextlib
import csv
import io
import json
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.disclosing.sealed_detail import DetailSealer
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.running.publisher import Publisher
from agent.running.trust import Trust
from config.hub_plan import BrokerFiles
from config.plan import BrokerPlan, TlsPlan
from gateway.hub.access import Roll, accounts, periods
from gateway.hub.mosquitto import files
from gateway.keys import PlantKey, load
from gateway.mqtt import Connection
from gateway.partner_keys import load as load_partner
from gateway.seal import open_record
from gateway.wire import nanoseconds, partner_topic
from tests import links
from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.clikit import program
from tests.cluster import COMMAND
from tests.hubkit import CLUSTER, HUB, MONDAY, Clock
from tests.integration.test_hub import hub_on, planned
from tests.partnerkit import contract as partner_contract
from tests.pki import Authority, Pair
from tests.plants import HOUR, START, hub_key, plant_key, sealer, uplink
from tests.servers import MosquittoMaker, Server, free_port
from tests.servers import program as server_program

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
HUB_TABLE = """
[hub]
cluster = "{cluster}"
broker = "mqtts://127.0.0.1:{port}"
key = "{key}"
receipts = false
backlog_rate = 500.0
tls = {{ ca = "{ca}", certificate = "{certificate}", key = "{private}" }}
"""


class Site:
    """A broker as a hub's operator sets it up for one plant and one partner, and their keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.agent = Agent(folder / "plant")
        self.agent.folder.mkdir()
        self.key = PlantKey(load(self.agent.folder / "state" / "plant.key", create=True))
        self.partner_file = folder / "partner.key"
        self.partner = load_partner(self.partner_file, create=True)
        self.authority = Authority(folder / "pki")
        self.port = free_port()
        pair = self.authority.server()
        asked = BrokerFiles(
            ca=str(self.authority.path), certificate=str(pair.certificate), key=str(pair.key),
            persistence=str(folder), address="127.0.0.1", port=self.port,
            partners=(self.partner.public.fingerprint,),
        )  # fmt: skip
        roll = Roll(CLUSTER, "hub", (self.key.public,), (), asked.partners)
        named = accounts(roll, HUB, _quarters())
        for name, text in files(asked, named, str(folder)).items():
            # As root the broker would drop its rights, and the folder is ours alone.
            more = "user root\n" if name == "mosquitto.conf" else ""
            (folder / name).write_text(text + more)
        command = [server_program("mosquitto"), "-c", str(folder / "mosquitto.conf")]
        self.server = Server(command, self.port, folder / "log")

    def client(self, name: str) -> Pair:
        return self.authority.client(name)

    def plan(self, name: str) -> BrokerPlan:
        pair = self.client(name)
        tls = TlsPlan(str(self.authority.path), str(pair.certificate), str(pair.key))
        return BrokerPlan("127.0.0.1", self.port, tls, client_id=name)

    def write(self, plant: int, contract: str, shared: bool = True) -> None:
        """Write the plant file."""
        pair = self.client(self.key.public.fingerprint)
        hub = HUB_TABLE.format(
            cluster=CLUSTER, port=self.port, key=HUB.public, ca=self.authority.path,
            certificate=pair.certificate, private=pair.key,
        )  # fmt: skip
        stream = modbus("secret_belt", plant)
        if shared:
            stream = stream.replace('share = "cluster"', 'share = "partner"')
        self.agent.write(hub, stream, contract)

    def sent(self) -> int:
        return len(self.agent.rows("SELECT id FROM details WHERE status = 'sent'"))

    def listen(self, *more: str) -> "subprocess.Popen[str]":
        """Start `sidestream partner listen`."""
        me = self.partner.public.fingerprint
        pair = self.client(me)
        words = (
            "partner", "listen", "--broker", f"mqtts://127.0.0.1:{self.port}", "--cluster", CLUSTER,
            "--ca", str(self.authority.path), "--certificate", str(pair.certificate),
            "--certificate-key", str(pair.key), "--key", str(self.partner_file),
            "--from", str(self.key.public), *more,
        )  # fmt: skip
        return subprocess.Popen(
            [*COMMAND, *words], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ},
        )  # fmt: skip


def _quarters() -> list[str]:
    return periods(time.time_ns(), 86_400 * 10**9)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.server.start()
    try:
        yield made
    finally:
        made.server.kill()


def contract(site: Site, **changes: Any) -> str:
    told = {"streams": '{ secret_belt = "stream-1" }', "until": '"2100-01-01"', **changes}
    lines = "\n".join(f"{name} = {value}" for name, value in told.items())
    return (
        f'[[partners]]\nname = "secret_partner"\nkey = "{site.partner.public}"\n'
        f'contract = "secret-2026"\n{lines}\n'
    )


@contextlib.asynccontextmanager
async def overheard(site: Site, name: str, topic: str) -> AsyncIterator[list[tuple[str, bytes]]]:
    """Keep what an account hears."""
    heard: list[tuple[str, bytes]] = []

    async def hear(connection: Connection) -> None:
        await connection.subscribe(topic)
        while True:
            message = await connection.next()
            heard.append((message.topic, message.payload))

    async with links.connected(site.plan(name)) as link:
        hearing = asyncio.ensure_future(hear(link.now))
        try:
            yield heard
        finally:
            hearing.cancel()
            await asyncio.wait({hearing})


async def test_a_partner_hears_opens_and_counts_what_the_plant_measured(site: Site) -> None:
    scale = Scale()
    async with scale.plant() as plant, overheard(site, "hub", "#") as hub:
        site.write(plant.port, contract(site))
        listening = site.listen("--contract", "secret-2026", "--count", "4")
        try:
            with running(site.agent):
                out, err = await asyncio.to_thread(listening.communicate, timeout=60)
                await eventually(lambda: site.sent() >= 4)
                assert await site.agent.end() == 0
        finally:
            listening.kill()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert listening.returncode == 0, err
    assert {row["stream"] for row in rows} == {"stream-1"}
    # Each window is that of the plant's own totals, and none comes twice.
    seconds = [row["start"] for row in rows]
    assert len(set(seconds)) == len(seconds) == 8
    query = "SELECT start / 1000000000, quantity, coverage FROM totals"
    totals = {start: (quantity, coverage) for start, quantity, coverage in site.agent.rows(query)}
    for row in rows:
        # Before the agent's first reading there is no total. A window without a reading, as when
        # the scale's answers come late on a busy computer, has one of nothing observed.
        quantity, coverage = totals.get(int(_seconds(row["start"])), (0.0, 0.0))
        assert float(row["coverage"]) == pytest.approx(coverage, abs=5.1e-4)
        assert bool(row["quantity"]) == (coverage > 0 or quantity > 0)
        told = float(row["quantity"] or 0)
        assert told == pytest.approx(quantity, rel=5e-3, abs=1e-12)
    # Of what passed the broker the hub hears its own topics alone, and never a partner's.
    assert hub
    assert not [topic for topic, _ in hub if "/partner/" in topic]
    codes = [
        open_record(payload, CLUSTER, topic.rpartition("/")[2], HUB)["figures"]
        for topic, payload in hub
        if "/records/" in topic
    ]
    assert codes


def _seconds(instant: str) -> int:
    return nanoseconds(instant) // 10**9


async def test_what_waits_for_a_partner_that_is_not_there_is_kept_and_records_go_on(
    site: Site,
) -> None:
    scale, me = Scale(), site.partner.public.fingerprint
    records = f"sidestream/v1/{CLUSTER}/records/+"
    async with scale.plant() as plant, overheard(site, "hub", records) as hub:
        site.write(plant.port, contract(site))
        with running(site.agent):
            await eventually(lambda: len(site.agent.rows("SELECT id FROM details")) >= 4)
            await eventually(lambda: site.agent.problem("nobody is subscribed"))
            await eventually(lambda: len(hub) >= 4)
            assert site.sent() == 0
            await eventually(lambda: site.agent.records("queued") <= 1)
            assert await site.agent.end() == 0
        kept = len(site.agent.rows("SELECT id FROM details WHERE status = 'queued'"))
        assert kept >= 4
        async with overheard(site, me, partner_topic(CLUSTER, me)) as heard:
            with running(site.agent):
                await eventually(lambda: site.sent() >= kept)
                assert await site.agent.end() == 0
            # One size, one topic, and not a name of the plant's own in any of it.
            assert len({len(payload) for _, payload in heard}) == 1
            assert {topic for topic, _ in heard} == {partner_topic(CLUSTER, me)}
            passed = b"".join(topic.encode() + payload for topic, payload in [*hub, *heard])
    names = (b"secret", b"belt", b"Kvina", b"Example Metals", site.key.public.fingerprint.encode())
    assert not [name for name in names if name in passed]
    lines = site.folder / "came"
    lines.write_bytes(b"\n".join(topic.encode() + b" " + payload for topic, payload in heard))
    words = ("--key", str(site.partner_file), "--from", str(site.key.public), "--json")
    told = json.loads(program("partner", "open", lines, *words).out)
    assert (len(told["details"]), told["refused"]) == (len(heard), [])


async def test_a_contract_that_is_ended_while_the_agent_runs_has_no_message_more(
    site: Site,
) -> None:
    scale, me = Scale(), site.partner.public.fingerprint
    async with (
        scale.plant() as plant,
        overheard(site, me, partner_topic(CLUSTER, me)) as heard,
        overheard(site, "hub", f"sidestream/v1/{CLUSTER}/records/+") as records,
    ):
        site.write(plant.port, contract(site))
        with running(site.agent):
            await eventually(lambda: len(heard) >= 2)
            said = await asyncio.to_thread(
                program, "partner", "end", "secret_partner", "plant.toml", cwd=site.agent.folder
            )
            assert said.code == 0, said.err
            await asyncio.sleep(0.2)  # what the broker had by then is on its way to us
            before, passed = len(heard), len(records)
            await eventually(lambda: len(records) >= passed + 3)
            assert len(heard) == before
            assert await site.agent.end() == 0


async def test_a_listener_that_comes_again_prints_nothing_twice(site: Site) -> None:
    scale = Scale()
    async with scale.plant() as plant:
        site.write(plant.port, contract(site))
        first = site.listen("--json", "--count", "2")
        try:
            with running(site.agent):
                out, _ = await asyncio.to_thread(first.communicate, timeout=60)
                sent = site.sent()
                await eventually(lambda: site.sent() >= sent + 2)
                assert await site.agent.end() == 0
            second = site.listen("--json", "--count", str(site.sent() - 2))
            try:
                again, err = await asyncio.to_thread(second.communicate, timeout=60)
            finally:
                second.kill()
        finally:
            first.kill()
    ids = [json.loads(line)["id"] for text in (out, again) for line in text.splitlines()]
    assert second.returncode == 0, err
    assert len(ids) == len(set(ids)) == site.sent()


async def test_records_go_at_once_however_much_waits_for_partners(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, now = mosquitto(), time.time_ns()
    way = replace(uplink(broker.port), backlog_rate=20.0, receipts=False)
    outbox = await asyncio.to_thread(Outbox.open, tmp_path / "state", now)
    sealing = DetailSealer(plant_key(), way)
    backlog = [
        (sealing.seal(partner_contract(), START + at * HOUR, START + (at + 1) * HOUR, (), {}), 0)
        for at in range(300)
    ]
    await asyncio.to_thread(outbox.commit, Commit(details=backlog), now)
    trust = Trust(plant_key(), hub_key().public, way.cluster, tmp_path)
    publisher = Publisher(way, plant_key(), trust, outbox, time.time_ns, HOUR)
    topics: list[str] = []

    async def hear(connection: Connection) -> None:
        await connection.subscribe("sidestream/#")
        while True:
            topics.append((await connection.next()).topic.split("/")[3])

    async with links.connected(links.broker(broker.port)) as link:
        tasks = [asyncio.ensure_future(hear(link.now)), asyncio.ensure_future(publisher.run())]
        try:
            await eventually(lambda: topics.count("partner") >= 5)
            began = time.monotonic()
            await eventually(lambda: topics.count("partner") >= 25)
            assert time.monotonic() - began > 0.8  # twenty of them, at twenty a second
            start = now - now % HOUR - HOUR
            live = [
                (sealer().seal(start, start + HOUR, number, (), run=number), now)
                for number in range(1, 2)
            ]
            await asyncio.to_thread(outbox.commit, Commit(records=live), now)
            publisher.wake()
            before = topics.count("partner")
            await eventually(lambda: "records" in topics)
            # At most what a second's pace lets through came before it, of 300 that wait.
            assert topics[: topics.index("records")].count("partner") - before <= 20
            assert outbox.details.depth().waiting > 100
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            outbox.close()


async def test_a_hub_asks_the_broker_for_no_partners_topic(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker = mosquitto("log_type all")
    plan = planned(tmp_path, broker.port)
    async with hub_on(plan, Clock(MONDAY + HOUR)):
        asked = re.findall(r"(?m)(sidestream/\S+|#) \(QoS \d\)$", broker.log.read_text())
    whats = {topic.split("/")[3] for topic in asked if topic.count("/") > 3}
    assert {"records", "presence"} <= whats
    assert not [topic for topic in asked if "#" in topic or topic.count("/") < 4]
    assert not whats & {"partner", "+"}
