"""Three hubs and their pool as programs: what none of them may tell alone, and who learns what."""

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.plan import BrokerPlan, TlsPlan
from gateway.hub.status import FILE, LEDGER
from gateway.mqtt import Connection, keep_connected
from gateway.wire import cells_topic
from tests.federationkit import CODE, FEDERATION, SECRET, Federation, Hub, organisation
from tests.hubkit import HOUR, MONDAY
from tests.pki import Authority
from tests.servers import Mosquitto, MosquittoMaker, free_port

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
OWNERS = {
    "ora": ("Northern Slag", "Common Metals"),
    "mo": ("Rana Furnaces", "Mo Dust"),
    "lista": ("Lista Pots", "Common Metals"),
}
LONG = 60.0


@dataclass
class Plants:
    """All plants on one link, and everything that passes the broker."""

    heard: list[tuple[str, bytes]] = field(default_factory=list)
    link: Connection | None = None

    async def session(self, link: Connection) -> None:
        await link.subscribe("#")
        self.link = link
        while True:
            message = await link.next()
            self.heard.append((message.topic, message.payload))

    async def send(self, hub: Hub, start: int, *quantities: float) -> None:
        assert self.link is not None
        for one, quantity in zip(hub.members, quantities, strict=True):
            await self.link.publish(*hub.record(one, start, quantity))

    def receipts(self, cluster: str) -> int:
        topic = f"sidestream/v1/{cluster}/receipts/"
        return sum(heard.startswith(topic) for heard, _ in self.heard)

    def cells(self, cluster: str) -> list[dict[str, Any]]:
        topic = cells_topic(cluster, "")
        return [json.loads(payload) for heard, payload in self.heard if heard.startswith(topic)]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(LONG):
        while not condition():  # noqa: ASYNC110 other programs set no events
            await asyncio.sleep(0.05)


@pytest.fixture
def made(tmp_path: Path, mosquitto: MosquittoMaker) -> Iterator[tuple[Federation, Mosquitto]]:
    authority, port = Authority(tmp_path / "pki"), free_port()
    federation = Federation(tmp_path, port, authority, OWNERS)
    broker = mosquitto(
        port=port, tls=authority.server(), client_ca=authority.path, acl=federation.access()
    )
    with federation.running():
        yield federation, broker
    for hub in federation.everyone:
        assert "Traceback" not in hub.log, hub.log


@contextlib.asynccontextmanager
async def plants_on(federation: Federation) -> AsyncIterator[Plants]:
    found, pair = Plants(), federation.pair("plants")
    tls = TlsPlan(str(federation.authority.path), str(pair.certificate), str(pair.key))
    broker = BrokerPlan("localhost", federation.port, tls, client_id="plants")
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


def rows(hub: Hub, query: str) -> list[tuple[Any, ...]]:
    path = Path(hub.plan.state_dir) / LEDGER
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return ledger.execute(query).fetchall()


def counted(hub: Hub, query: str) -> int:
    found = rows(hub, query)
    return int(found[0][0]) if found else 0


POOLED = "SELECT count(*) FROM records"
KNOWN = "SELECT count(*) FROM cells WHERE name LIKE 'federation-%'"


def linked(hub: Hub) -> bool:
    """Tell whether a hub says that it is connected, to the pool too where it is a peer."""
    path = hub.folder / "run" / FILE
    told = json.loads(path.read_text()) if path.exists() else {}
    return bool(told.get("broker_up") and told.get("pool_up") is not False)


async def all_connected(federation: Federation) -> None:
    for hub in federation.everyone:
        await until(partial(linked, hub))


async def test_what_no_hub_may_tell_alone_is_told_by_the_pool_once(
    made: tuple[Federation, Mosquitto],
) -> None:
    federation, _ = made
    async with plants_on(federation) as plants:
        await all_connected(federation)
        for number, hub in enumerate(federation.hubs.values()):
            await plants.send(hub, MONDAY, 10.0 + number, 20.0 + number)
        for cluster in OWNERS:
            await until(lambda: plants.receipts(cluster) >= 2)  # noqa: B023 awaited here
        federation.set_clock(MONDAY + 2 * HOUR)
        # A message a kind from each hub, with something in it or not.
        await until(lambda: counted(federation.pool, POOLED) == 12)
        federation.set_clock(MONDAY + 4 * HOUR)
        for cluster in (*OWNERS, FEDERATION):
            await until(
                lambda: any(c["status"] == "released" for c in plants.cells(cluster))  # noqa: B023
            )
        (own,) = plants.cells(FEDERATION)
        assert (own["place"], own["code"], own["quantity"]) == ("all", CODE, 96.0)
        assert own["contributors"] == "3-5"
        for hub in federation.hubs.values():
            (told,) = plants.cells(hub.cluster)
            assert told["place"] == f"federation/{FEDERATION}"
            same = {name: told[name] for name in ("quantity", "window", "contributors", "code")}
            assert same == {name: own[name] for name in same}
            withheld = rows(hub, "SELECT status, reason, quantity FROM cells WHERE parts != '[]'")
            assert [row[:2] for row in withheld] == [("withheld", "left to the federation")] * 2
        await nothing_named(federation, plants)


async def nothing_named(federation: Federation, plants: Plants) -> None:
    """See that what leaves a hub, and what its pool keeps, names nobody and tells no key."""
    names: set[str] = {SECRET}
    for hub in federation.hubs.values():
        names |= {hub.key.sign.private_bytes_raw().hex()}
        for one in hub.members:
            names |= {one.member.name, one.member.owner, one.member.place, one.member.key_text}
            names |= {one.key.public.fingerprint, hub.pseudonym(one), "secret-quay"}
            number = organisation(one.member.owner)
            names |= {number, number.replace(" ", "")}
    kept = (Path(federation.pool.plan.state_dir) / LEDGER).read_bytes()
    kept += (Path(federation.pool.plan.state_dir) / f"{LEDGER}-wal").read_bytes()
    assert CODE.encode() in kept
    ours = [(t, p) for t, p in plants.heard if "/records/" not in t and "/receipts/" not in t]
    assert {"remainders", "pooled", "cells"} <= {topic.split("/")[3] for topic, _ in ours}
    told = b"\n".join(topic.encode() + b" " + payload for topic, payload in ours) + kept
    assert [name for name in names if name.encode() in told] == []
    sizes = {len(payload) for topic, payload in ours if "/remainders/" in topic}
    assert len(sizes) == 1


async def test_a_hub_that_is_killed_and_late_loses_nothing_and_doubles_nothing(
    made: tuple[Federation, Mosquitto],
) -> None:
    federation, broker = made
    late = federation.hubs["lista"]
    figures = "SELECT count(*) FROM figures"
    async with plants_on(federation) as plants:
        await all_connected(federation)
        for hub in federation.hubs.values():
            await plants.send(hub, MONDAY, 10.0, 10.0)
            await until(partial(has, hub, figures, 2))
        late.kill()
        federation.set_clock(MONDAY + 2 * HOUR)
        for cluster in ("ora", "mo"):
            hub = federation.hubs[cluster]
            await plants.send(hub, MONDAY + HOUR, 5.0, 5.0)
            await until(partial(has, hub, figures, 4))
        await until(partial(has, federation.pool, figures, 4))
        federation.pool.kill()
        federation.pool.start()
        await until(partial(linked, federation.pool))
        federation.set_clock(MONDAY + 4 * HOUR)
        await until(partial(has, federation.pool, figures, 8))
        await until(partial(has, federation.pool, "SELECT count(*) FROM cells", 1))
        late.start()
        await until(partial(linked, late))
        await plants.send(late, MONDAY + HOUR, 5.0, 5.0)
        await until(partial(has, late, figures, 4))
        late.kill()
        broker.kill()
        late.start()
        broker.start()
        await all_connected(federation)
        # What was queued for the hub is gone with the broker. It decides two hours, both late.
        federation.set_clock(MONDAY + 4 * HOUR + HOUR // 3)
        await until(partial(has, federation.pool, figures, 12))
        federation.set_clock(MONDAY + 6 * HOUR)
        for hub in federation.hubs.values():
            await until(partial(has, hub, KNOWN, 2))
            await until(partial(has, hub, "SELECT count(*) FROM remainders WHERE settled IS NULL"))
    # The pool did not wait for the third hub; what it had left over counts in the next hour.
    cells = "SELECT start, status, quantity, marks FROM cells WHERE listed ORDER BY start"
    assert rows(federation.pool, cells) == [
        (MONDAY, "released", 40.0, "[]"),
        (MONDAY + HOUR, "released", 50.0, '["late"]'),
    ]
    for hub in federation.hubs.values():
        told = rows(hub, "SELECT quantity FROM cells WHERE place LIKE 'federation/%'")
        assert sorted(told) == [(40.0,), (50.0,)]


def has(hub: Hub, query: str, count: int = 0) -> bool:
    """Tell whether a hub's ledger counts to a number by now."""
    return counted(hub, query) == count
