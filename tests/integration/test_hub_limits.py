"""One member floods the hub: the others get their receipts, and neither disk nor memory fills."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from config.hub_plan import HubLimits
from gateway.hub.quota import UNKNOWN_SHARE
from gateway.hub.service import run_hub
from gateway.hub.status import LEDGER, hub_status, read_live
from gateway.mqtt import Connection, keep_connected
from gateway.signing import MAX_PAYLOAD
from gateway.wire import presence_topic
from tests.hubkit import CLUSTER, HOUR, MONDAY, Notes, heat, sealed
from tests.integration.test_hub import PLANTS, planned, plants_on, until
from tests.links import broker as broker_plan
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
FLOOD = 3000
PATIENCE = 15.0
"""Seconds within which a record of another member has its receipt while one floods."""
CONFIG = "max_inflight_messages 100\nmax_queued_messages 20000\n"


def running_clock() -> Callable[[], int]:
    began = time.monotonic_ns()
    return lambda: MONDAY + 24 * HOUR + time.monotonic_ns() - began


@contextlib.asynccontextmanager
async def flooding(port: int, clean: bool = True) -> AsyncIterator[Connection]:
    ready: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def session(link: Connection) -> None:
        ready.set_result(link)
        await asyncio.Event().wait()

    plan = broker_plan(port, client_id="flood")
    running = asyncio.create_task(keep_connected(plan, session, clean=clean, session_expiry=0))
    try:
        yield await ready
    finally:
        running.cancel()
        await asyncio.wait({running})


async def flood(link: Connection) -> None:
    """Send what is valid, what is not, what is large and what nobody knows, as fast as can be."""
    one = PLANTS[0]
    good = [
        one.record(MONDAY, figures=[heat(1.0)], revision=revision, sequence=revision + 1)
        for revision in range(50)
    ]
    kinds = (
        lambda n: (one.topic, good[n % len(good)]),
        lambda n: (one.topic, b"junk %d" % n),
        lambda n: (one.topic, sealed(b'{"v":1,"n":%d}' % n, one)),
        lambda n: (one.topic.replace("records", "presence"), b'{"v":1,"n":%d}' % n),
        lambda n: (f"sidestream/v1/{CLUSTER}/records/{n:032x}", b"junk"),
        lambda n: (presence_topic(CLUSTER, f"{n:032x}"), b"x" * 1000),
    )
    messages = [kinds[n % len(kinds)](n) for n in range(FLOOD)]
    messages += [(one.topic, b"x" * (MAX_PAYLOAD + 1))] * 20
    await asyncio.gather(*(link.publish(topic, payload) for topic, payload in messages))


def beyond(limited: Mapping[str, int], limits: HubLimits, seconds: float) -> bool:
    """Tell whether all of the flood is counted but for what the rates let through meanwhile."""
    # Four of six kinds are plant 1's, two are nobody's.
    taken = limits.burst + limits.rate * seconds
    return (
        limited.get("plant 1", 0) >= FLOOD * 4 / 6 - taken
        and limited.get("", 0) >= FLOOD * 2 / 6 - taken / UNKNOWN_SHARE
    )


async def test_others_get_their_receipts_while_one_member_floods(
    mosquitto: MosquittoMaker, tmp_path: Path
) -> None:
    server = mosquitto(CONFIG)
    limits = HubLimits(rate=20, burst=100, daily_records=40, quarantine_rows=60, quarantine_each=20)
    plan = planned(tmp_path, server.port, limits=limits)
    stop = asyncio.Event()
    running = asyncio.create_task(run_hub(plan, running_clock(), stop, Notes()))
    await until(lambda: (live := read_live(plan)) and live.broker_up)
    async with plants_on(server.port) as plants, flooding(server.port) as link:
        begun = time.monotonic()
        going = asyncio.create_task(flood(link))
        await until(lambda: hub_status(plan).limited.get("plant 1"))
        for hour in range(5):
            sent = {
                await plants.send(
                    one, one.content(MONDAY + hour * HOUR, figures=[heat(1.0)], sequence=hour + 1)
                )
                for one in PLANTS[1:]
            }
            async with asyncio.timeout(PATIENCE):
                while not sent <= plants.stored.keys():  # noqa: ASYNC110 the hub sets no events
                    await asyncio.sleep(0.02)
        await going
        await until(lambda: beyond(hub_status(plan).limited, limits, time.monotonic() - begun))
        await until(lambda: (live := read_live(plan)) and set(live.limited) == {"", "plant 1"})
        found = hub_status(plan)
    stop.set()
    await running
    assert {one.name: one.records for one in found.members[1:]} == {
        one.member.name: 5 for one in PLANTS[1:]
    }
    assert found.members[0].records <= limits.daily_records
    with contextlib.closing(sqlite3.connect(Path(plan.state_dir) / LEDGER)) as ledger:
        kept = dict(ledger.execute("SELECT member, count(*) FROM quarantine GROUP BY member"))
        size = ledger.execute("SELECT sum(length(payload)) FROM quarantine").fetchone()[0]
    assert set(kept) == {None, "plant 1"}
    assert all(count <= limits.quarantine_each for count in kept.values())
    assert size <= limits.quarantine_rows * limits.quarantine_bytes


async def test_a_flood_without_acknowledgement_is_bounded_in_memory(
    mosquitto: MosquittoMaker, tmp_path: Path
) -> None:
    server = mosquitto(CONFIG)
    heard: asyncio.Queue[int] = asyncio.Queue()
    ready: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()

    async def listen(link: Connection) -> None:
        await link.subscribe("records/+")
        ready.set_result(link)
        await asyncio.Event().wait()

    slow = asyncio.create_task(
        keep_connected(
            broker_plan(server.port, client_id="slow"),
            listen,
            clean=True,
            session_expiry=0,
            manual_ack=True,
        )
    )
    link = await ready
    async with flooding(server.port) as sender:
        for _ in range(4):
            large = (sender.publish("records/x", b"x" * 200_000, qos=0) for _ in range(50))
            await asyncio.gather(*large)
        await sender.publish("records/x", b"the last one")
    last = b""
    while last != b"the last one":
        message = await link.next()
        last = message.payload
        heard.put_nowait(len(last))
    assert heard.qsize() * 200_000 <= 17 * 1024 * 1024
    slow.cancel()
    await asyncio.wait({slow})
