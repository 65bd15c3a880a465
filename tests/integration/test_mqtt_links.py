"""Links to a real broker that break: they are noticed, told and made again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Literal

import pytest
from paho.mqtt.client import DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from gateway.mqtt import Connection, LinkLostError, LinkState, PublishRefusedError
from tests.links import SOON, broker, connected, eventually, kept
from tests.proxy import proxy
from tests.servers import MosquittoMaker, free_port

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
Version = Literal["5", "3.1.1"]


async def test_a_session_runs_again_on_each_new_link_until_it_returns(
    mosquitto: MosquittoMaker,
) -> None:
    server = mosquitto()
    done: list[bytes] = []

    def ran(times: int) -> Callable[[], bool]:
        return lambda: len(done) == times

    async def session(connection: Connection) -> None:
        await connection.subscribe("go")
        await connection.publish("go", b"on")
        done.append((await connection.next()).payload)
        if len(done) < 3:
            await asyncio.Event().wait()

    async with kept(broker(server.port), session) as link:
        for links in (1, 2):
            await eventually(ran(links))
            await asyncio.to_thread(server.restart)
        assert link.task is not None
        await asyncio.wait_for(link.task, SOON)
    assert done == [b"on"] * 3
    assert [state.connected for state in link.states] in _alternations()
    assert link.states[-1] == LinkState(False, "ended", link.states[-1].since)


def _alternations() -> list[list[bool]]:
    # Between two links there may be more than one failed attempt to tell of.
    made = []
    for first in range(1, 6):
        for second in range(1, 6):
            made.append([True, *[False] * first, True, *[False] * second, True, False])  # noqa: PERF401
    return made


async def test_a_state_is_told_once_with_the_time_it_began() -> None:
    ticks = count(1)
    async with kept(broker(free_port()), clock=lambda: next(ticks)) as link:
        await eventually(lambda: link.states)
        assert link.states[0].detail.endswith("connection refused")
        # Several attempts later nothing new has been told.
        await asyncio.sleep(0.3)
        assert link.states == [LinkState(False, link.states[0].detail, 1)]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_a_half_open_link_is_noticed_within_one_and_a_half_times_keepalive(
    mosquitto: MosquittoMaker, version: Version
) -> None:
    keepalive = 2
    async with proxy(mosquitto().port) as between:
        plan = broker(between.port, version=version, keepalive=keepalive)
        async with connected(plan) as link:
            between.swallow = True
            began = time.monotonic()
            await eventually(lambda: not link.up)
            assert time.monotonic() - began < 1.5 * keepalive + 0.5
            assert link.told("no longer answers")
            between.swallow = False
            await eventually(lambda: link.up)


async def test_a_half_open_link_is_noticed_although_messages_are_sent_all_the_time(
    mosquitto: MosquittoMaker,
) -> None:
    keepalive = 2

    async def talk(connection: Connection) -> None:
        await connection.subscribe("t")
        while True:
            await connection.publish("t", b"x", qos=0)
            await asyncio.sleep(0.05)

    async with (
        proxy(mosquitto().port) as between,
        kept(broker(between.port, keepalive=keepalive), talk) as link,
    ):
        await eventually(lambda: link.up)
        between.swallow = True
        began = time.monotonic()
        await eventually(lambda: not link.up)
        assert time.monotonic() - began < 1.5 * keepalive + 0.5


async def test_an_idle_link_is_kept_by_pings(mosquitto: MosquittoMaker) -> None:
    async with connected(broker(mosquitto().port, keepalive=1)) as link:
        # Longer than the broker waits for a silent client: one and a half times keepalive.
        await asyncio.sleep(2.5)
        await link.now.publish("t", b"x")
        assert len(link.connections) == 1


async def test_messages_in_flight_fail_when_the_link_is_reset_and_the_next_link_works(
    mosquitto: MosquittoMaker,
) -> None:
    failed = 0

    async def session(connection: Connection) -> None:
        nonlocal failed
        first = not failed
        between.swallow = first
        waiting = [asyncio.create_task(connection.publish("t", b"x")) for _ in range(50)]
        if first:
            await asyncio.sleep(0.05)
            between.swallow = False
            between.cut()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        failed += sum(isinstance(each, LinkLostError) for each in results)
        if first:
            await asyncio.Event().wait()

    async with proxy(mosquitto().port) as between, kept(broker(between.port), session) as link:
        assert link.task is not None
        await asyncio.wait_for(link.task, SOON)
    assert failed == 50
    assert len(link.connections) == 2


async def test_a_broker_that_never_answers_does_not_stop_the_loop_or_a_cancellation(
    mosquitto: MosquittoMaker,
) -> None:
    async with proxy(mosquitto().port) as between:
        between.swallow = True
        began = time.monotonic()
        async with kept(broker(between.port)) as link:
            await eventually(lambda: between.sent)
            await asyncio.sleep(0.1)
        assert time.monotonic() - began < 2
        assert not link.connections


async def test_a_task_group_in_a_session_ends_by_the_loss_of_its_link(
    mosquitto: MosquittoMaker,
) -> None:
    server = mosquitto()

    async def listen(connection: Connection) -> None:
        while True:
            await connection.next()

    async def session(connection: Connection) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(connection))
            group.create_task(listen(connection))

    async with kept(broker(server.port), session) as link:
        await eventually(lambda: link.up)
        await asyncio.to_thread(server.restart)
        await eventually(lambda: len(link.connections) == 2)


async def test_whoever_waits_for_a_message_learns_of_the_loss_without_being_cancelled(
    mosquitto: MosquittoMaker,
) -> None:
    server = mosquitto()
    ends: list[BaseException] = []

    async def listen(connection: Connection) -> None:
        try:
            await connection.next()
        except BaseException as error:
            ends.append(error)
            raise

    async def session(connection: Connection) -> None:
        await asyncio.gather(listen(connection), listen(connection), return_exceptions=True)
        await asyncio.Event().wait()

    async with kept(broker(server.port), session) as link:
        await eventually(lambda: link.up)
        await asyncio.to_thread(server.kill)
        await eventually(lambda: len(ends) == 2)
        assert [type(each) for each in ends] == [LinkLostError] * 2


async def test_what_a_session_raises_comes_out_after_a_clean_end(
    mosquitto: MosquittoMaker,
) -> None:
    async def session(_connection: Connection) -> None:
        raise LookupError("a fault of the session")

    async with kept(broker(mosquitto().port), session) as link:
        assert link.task is not None
        with pytest.raises(LookupError):
            await asyncio.wait_for(link.task, SOON)


async def test_a_refusal_a_session_lets_out_is_told_and_tried_again(
    mosquitto: MosquittoMaker,
) -> None:
    server = mosquitto(acl="topic readwrite none\n")

    async def session(connection: Connection) -> None:
        await connection.publish("presence", b"online")

    async with kept(broker(server.port), session) as link:
        await eventually(lambda: link.told("presence: the broker refused the message"))
        assert link.told("access control list")
        (server.folder / "acl").write_text("topic readwrite presence\n")
        await asyncio.to_thread(server.restart)
        assert link.task is not None
        await asyncio.wait_for(link.task, SOON)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_wrong_credentials_are_told_and_mended_without_a_restart(
    mosquitto: MosquittoMaker, version: Version
) -> None:
    server = mosquitto(users={"plant": "secret"})
    wrong = broker(server.port, version=version, username="plant", password="guess")
    async with kept(wrong) as link:
        await eventually(lambda: link.told("not authorized"))
        assert link.told("the broker does not admit this user")
        assert link.told("check `username` and the password")
        assert "guess" not in str(link.states)
    async with kept(broker(server.port, version=version)) as link:
        await eventually(lambda: link.told("the broker admits nobody without a login"))
    right = broker(server.port, version=version, username="plant", password="secret")
    async with kept(right) as link:
        await eventually(lambda: link.up)


async def test_the_brokers_reason_for_ending_a_link_is_told_and_the_message_blamed(
    mosquitto: MosquittoMaker,
) -> None:
    async with connected(broker(mosquitto("max_packet_size 1000").port)) as link:
        link.now._packet_limit = None  # as with a broker that does not announce its limit
        with pytest.raises(PublishRefusedError) as refused:
            await asyncio.wait_for(link.now.publish("t", b"x" * 5000), SOON)
        assert refused.value.reason == "packet too large"
        await eventually(lambda: link.told("the broker ended the link: packet too large"))
        await eventually(lambda: link.up)


async def test_of_several_messages_in_flight_none_is_blamed(mosquitto: MosquittoMaker) -> None:
    """A real broker acknowledges in order, so the reason is handed in here."""
    async with proxy(mosquitto().port) as between, connected(broker(between.port)) as link:
        between.swallow = True
        sent = [asyncio.create_task(link.now.publish("t", b"x")) for _ in range(2)]
        await eventually(lambda: between.sent.count(b"\x00\x01t") == 2)
        reason = ReasonCode(PacketTypes.DISCONNECT, "Packet too large")
        link.now._on_disconnect(link.now._client, None, DisconnectFlags(True), reason, None)
        results = await asyncio.gather(*sent, return_exceptions=True)
        assert [type(each) for each in results] == [LinkLostError] * 2
        assert link.now.blamed


async def test_an_unknown_host_is_told_by_name() -> None:
    async with kept(replace(broker(1883), host="hub.invalid")) as link:
        await eventually(lambda: link.told("host name is not known"))
        assert link.told("hub.invalid:1883")


async def test_a_port_that_speaks_something_else_is_told(mosquitto: MosquittoMaker) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with kept(broker(server.sockets[0].getsockname()[1])) as link:
        await eventually(lambda: link.told("check that this port speaks MQTT without TLS"))
    server.close()


async def test_a_session_has_time_to_note_a_refusal_that_cost_the_link(
    mosquitto: MosquittoMaker,
) -> None:
    noted: list[str] = []

    async def session(connection: Connection) -> None:
        if noted:
            return
        try:
            await connection.publish("t", b"x" * 5000)
        except PublishRefusedError as error:
            await asyncio.sleep(0.1)
            noted.append(error.where)
            await asyncio.Event().wait()

    async with kept(broker(mosquitto("message_size_limit 1000").port), session) as link:
        assert link.task is not None
        await asyncio.wait_for(link.task, SOON)
    assert noted == ["t"]
