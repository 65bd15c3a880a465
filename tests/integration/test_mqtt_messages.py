"""Messages to and from a real broker: what arrives, what is refused and what comes again."""

import asyncio
from typing import Literal

import pytest

from adapters.errors import PermanentError
from gateway.broker import packet_size
from gateway.mqtt import (
    Connection,
    LinkLostError,
    PublishRefusedError,
    SubscribeRefusedError,
    Will,
    keep_connected,
)
from tests.links import SOON, broker, connected, eventually, kept
from tests.proxy import proxy
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
Version = Literal["5", "3.1.1"]
VERSIONS: list[Version] = ["5", "3.1.1"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_published_arrives_once_with_topic_and_payload(
    mosquitto: MosquittoMaker, version: Version
) -> None:
    plan = broker(mosquitto().port, version=version)
    async with connected(plan) as reader, connected(plan) as writer, asyncio.timeout(SOON):
        await reader.now.subscribe("a/+", "b/#")
        await writer.now.publish("a/1", b"first")
        await writer.now.publish("b/2/3", b"second")
        await writer.now.publish("c", b"for nobody")
        await writer.now.publish("b", b"", qos=0)
        got = [await reader.now.next() for _ in range(3)]
        assert [(each.topic, each.payload) for each in got] == [
            ("a/1", b"first"),
            ("b/2/3", b"second"),
            ("b", b""),
        ]
        assert reader.now.pending() == 0


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_retained_message_is_marked_when_it_comes_from_the_past(
    mosquitto: MosquittoMaker, version: Version
) -> None:
    plan = broker(mosquitto().port, version=version)
    async with connected(plan) as link, asyncio.timeout(SOON):
        await link.now.publish("roster", b"old", retain=True)
        await link.now.subscribe("roster")
        past = await link.now.next()
        await link.now.publish("roster", b"new", retain=True)
        live = await link.now.next()
        assert (past.payload, past.retained) == (b"old", True)
        assert (live.payload, live.retained) == (b"new", False)


@pytest.mark.parametrize("version", VERSIONS)
async def test_hundreds_of_concurrent_publishes_all_arrive_within_the_in_flight_limit(
    mosquitto: MosquittoMaker, version: Version
) -> None:
    plan = broker(mosquitto("max_inflight_messages 5").port, version=version)
    async with connected(plan) as reader, connected(plan) as writer, asyncio.timeout(SOON):
        await reader.now.subscribe("n/#")
        numbers = [str(n).encode() for n in range(500)]
        await asyncio.gather(*(writer.now.publish("n/x", each) for each in numbers))
        got = [(await reader.now.next()).payload for _ in numbers]
        assert sorted(got) == sorted(numbers)


async def test_a_cancelled_publish_does_not_take_a_place_in_flight_for_good(
    mosquitto: MosquittoMaker,
) -> None:
    async with connected(broker(mosquitto().port)) as link, asyncio.timeout(SOON):
        for _ in range(100):
            task = asyncio.create_task(link.now.publish("x", b"y"))
            await asyncio.sleep(0)
            task.cancel()
        await link.now.publish("x", b"still possible")


async def test_mqtt_5_tells_that_a_topic_is_not_authorized(mosquitto: MosquittoMaker) -> None:
    plan = broker(mosquitto(acl="topic readwrite mine/#\n").port)
    async with connected(plan) as link, asyncio.timeout(SOON):
        await link.now.publish("mine/a", b"")
        with pytest.raises(PublishRefusedError, match="not authorized") as refused:
            await link.now.publish("theirs/a", b"")
        assert refused.value.reason == "not authorized"
        assert refused.value.where == "theirs/a"
        await link.now.publish("mine/a", b"the link goes on")


async def test_a_packet_above_the_announced_limit_is_refused_before_it_is_sent(
    mosquitto: MosquittoMaker,
) -> None:
    async with proxy(mosquitto("max_packet_size 2000").port) as between:
        async with connected(broker(between.port)) as link, asyncio.timeout(SOON):
            assert link.now.max_payload is not None
            await link.now.publish("t" * 200, b"x" * link.now.max_payload)
            fits = 2000 - packet_size("t", b"")
            await link.now.publish("t", b"x" * (fits - 1))
            with pytest.raises(PublishRefusedError) as refused:
                await link.now.publish("t", b"POISON" * 1000)
            assert refused.value.reason == "packet too large"
            await link.now.publish("t", b"the link goes on")
            assert len(link.connections) == 1
        assert b"POISON" not in between.sent


async def test_without_an_announced_limit_there_is_none_to_know(mosquitto: MosquittoMaker) -> None:
    async with connected(broker(mosquitto().port)) as link:
        assert link.now.max_payload is None


async def test_an_oversized_message_among_others_is_found_and_blocks_none_of_them(
    mosquitto: MosquittoMaker,
) -> None:
    """The broker answers with a code paho cannot read, which costs the link."""
    waiting = [str(n).encode() for n in range(30)]
    waiting.insert(10, b"x" * 5000)
    stored: list[bytes] = []
    poison: list[bytes] = []

    async def send(connection: Connection, payload: bytes) -> None:
        try:
            await connection.publish("t", payload)
        except PublishRefusedError:
            poison.append(payload)
            waiting.remove(payload)
        else:
            stored.append(payload)
            waiting.remove(payload)

    async def drain(connection: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            for payload in list(waiting):
                group.create_task(send(connection, payload))

    async with kept(broker(mosquitto("message_size_limit 1000").port), drain) as link:
        assert link.task is not None
        await asyncio.wait_for(link.task, SOON)
    assert poison == [b"x" * 5000]
    assert {str(n).encode() for n in range(30)} == set(stored)
    assert not waiting


async def test_topics_mqtt_cannot_carry_are_refused_at_once(
    mosquitto: MosquittoMaker,
) -> None:
    async with connected(broker(mosquitto().port)) as link, asyncio.timeout(SOON):
        with pytest.raises(PublishRefusedError, match="wildcards"):
            await link.now.publish("a/#", b"")
        with pytest.raises(PublishRefusedError):
            await link.now.publish("a/\ud800", b"")
        with pytest.raises(SubscribeRefusedError, match="a/#/b"):
            await link.now.subscribe("a/#/b")
        await link.now.publish("a", b"")


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_was_not_acknowledged_comes_again_after_kill_9_of_the_broker(
    mosquitto: MosquittoMaker, version: Version
) -> None:
    server = mosquitto()
    plan = broker(server.port, version=version, client_id="hub")
    keep = {"clean": False, "session_expiry": 3600, "manual_ack": True}
    async with connected(plan, **keep) as hub, asyncio.timeout(SOON):
        await hub.now.subscribe("records/#")
        async with connected(broker(server.port)) as plant:
            for n in range(4):
                await plant.now.publish(f"records/{n}", b"sealed")
        got = [await hub.now.next() for _ in range(4)]
        hub.now.ack(got[0])
        hub.now.ack(got[1])
        hub.now.ack(got[1])
        await hub.now.publish("t", b"behind the acknowledgements")
        await asyncio.to_thread(server.save)
        await asyncio.to_thread(server.kill)
        await eventually(lambda: not hub.up)
        await asyncio.to_thread(server.start)
        await eventually(lambda: len(hub.connections) == 2)
        again = {(await hub.now.next()).topic for _ in range(2)}
        assert again == {"records/2", "records/3"}
        hub.now.ack(got[2])  # of the old link, so nothing is acknowledged by it
        hub.now.ack(got[3])
        await hub.now.publish("t", b"behind the acknowledgements")
        hub.now.abandon()
        await eventually(lambda: len(hub.connections) == 3)
        assert {(await hub.now.next()).topic for _ in range(2)} == again


async def test_a_message_is_acknowledged_only_when_it_is_taken(mosquitto: MosquittoMaker) -> None:
    server = mosquitto()
    plan = broker(server.port, client_id="reader")
    keep = {"clean": False, "session_expiry": 3600}
    async with connected(plan, **keep) as reader, asyncio.timeout(SOON):
        await reader.now.subscribe("t")
        for n in range(3):
            await reader.now.publish("t", str(n).encode())
        await eventually(lambda: reader.now.pending() == 3)
        assert (await reader.now.next()).payload == b"0"
    async with connected(plan, **keep) as reader, asyncio.timeout(SOON):
        assert {(await reader.now.next()).payload for _ in range(2)} == {b"1", b"2"}
        await reader.now.publish("t", b"end")
        assert (await reader.now.next()).payload == b"end"


async def test_a_clean_start_forgets_what_the_broker_kept(mosquitto: MosquittoMaker) -> None:
    plan = broker(mosquitto().port, client_id="reader")
    async with connected(plan, clean=False, session_expiry=3600) as reader:
        await reader.now.subscribe("t")
    async with connected(plan) as reader, asyncio.timeout(SOON):
        await reader.now.publish("t", b"nobody is subscribed")
        await reader.now.subscribe("u")
        await reader.now.publish("u", b"end")
        assert (await reader.now.next()).payload == b"end"


async def test_a_kept_session_without_a_client_id_is_an_error_at_once() -> None:
    async def never(_connection: Connection) -> None:
        raise AssertionError

    with pytest.raises(PermanentError, match="client id"):
        await keep_connected(broker(1), never, clean=False, session_expiry=1)


async def test_the_last_will_is_sent_when_the_link_breaks_and_not_when_it_ends(
    mosquitto: MosquittoMaker,
) -> None:
    server = mosquitto()
    will = Will("presence/x", b"offline")
    async with connected(broker(server.port)) as watcher, asyncio.timeout(SOON):
        await watcher.now.subscribe("presence/#")
        async with connected(broker(server.port), will=will):
            pass  # cancelled: a clean end
        async with connected(broker(server.port), will=Will("presence/y", b"offline")) as ended:
            ended.now.abandon()  # as when the process is killed
            got = await watcher.now.next()
            assert (got.topic, got.payload) == ("presence/y", b"offline")
    async with connected(broker(server.port)) as late, asyncio.timeout(SOON):
        await late.now.subscribe("presence/#")
        assert (await late.now.next()).topic == "presence/y"
        assert late.now.pending() == 0


async def test_calls_on_a_lost_link_raise_and_never_wait(mosquitto: MosquittoMaker) -> None:
    server = mosquitto()
    lost: list[type[Exception]] = []

    async def session(connection: Connection) -> None:
        await connection.lost.wait()
        for call in (
            lambda: connection.publish("t", b""),
            lambda: connection.subscribe("t"),
            connection.next,
        ):
            with pytest.raises(LinkLostError):
                await call()
            lost.append(LinkLostError)

    async with kept(broker(server.port), session) as link:
        await eventually(lambda: link.connections)
        await asyncio.to_thread(server.kill)
        await eventually(lambda: len(lost) == 3)
