"""The embedded broker: what it takes is delivered, and no error of it scrolls past."""

import asyncio
import logging
from pathlib import Path

import pytest

from adapters.errors import TransientError
from config.plan import BrokerPlan
from gateway.mqtt import Connection, keep_connected
from simulation.broker import EmbeddedBroker
from simulation.files import Timing
from simulation.stage import Script, Stage

pytestmark = pytest.mark.integration

BIG = 8 << 20
"""More than the sockets' buffers take, so that sending it waits for whoever receives it."""

CONNECT = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02me"
ACCEPTED = b"\x20\x02\x00\x00"
RETAINED = b"\x31" + b"four" + b"\x00\x04kept"
SUBSCRIBE = b"\x82\x09\x00\x01\x00\x04mine\x00"
SUBACK = b"\x90\x03\x00\x01\x00"
PUBLISHED = b"\x30\x0c\x00\x04minefor me"


def plan(port: int, name: str) -> BrokerPlan:
    return BrokerPlan("127.0.0.1", port, None, "3.1.1", client_id=name)


async def as_client(
    port: int,
    name: str,
    *topics: str,
    retained: bytes = b"",
    published: dict[str, bytes] | None = None,
) -> None:
    """Connect, subscribe, publish, and leave."""

    async def work(connection: Connection) -> None:
        for topic in topics:
            await connection.subscribe(topic)
            if retained:
                await connection.publish(topic, retained, retain=True)
        for topic, payload in (published or {}).items():
            await connection.publish(topic, payload)

    linked = keep_connected(plan(port, name), work, clean=False, session_expiry=60)
    await asyncio.wait_for(linked, 10)


async def test_a_client_is_served_although_others_subscribe_while_it_hears_what_was_kept() -> None:
    async with EmbeddedBroker() as broker:
        await as_client(broker.port, "keeper", "kept", retained=bytes(BIG))
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(CONNECT)
        await reader.readexactly(len(ACCEPTED) + len(RETAINED))
        await as_client(broker.port, "other", "elsewhere")
        writer.write(SUBSCRIBE)
        await reader.readexactly(BIG)
        assert await asyncio.wait_for(reader.readexactly(len(SUBACK)), 10) == SUBACK
        await as_client(broker.port, "third", published={"mine": b"for me"})
        heard = await asyncio.wait_for(reader.readexactly(len(PUBLISHED)), 10)
        assert heard == PUBLISHED
        writer.close()
        await writer.wait_closed()


async def unheard(error: Exception) -> None:
    """Let a task fail that nobody waits for, as the library does."""

    async def fail() -> None:
        raise error

    failed = asyncio.create_task(fail())
    await asyncio.wait([failed])
    del failed
    await asyncio.sleep(0)


async def test_an_error_nobody_handled_is_told_in_a_sentence_and_written_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "broker.log"
    with pytest.raises(TransientError, match="the embedded broker failed: KeyError: 'who'") as told:
        async with EmbeddedBroker(log=log):
            await unheard(KeyError("who"))
    assert told.value.where == str(log)
    assert "report" in told.value.mend
    assert "KeyError: 'who'" in log.read_text()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [TimeoutError("no PUBACK"), ConnectionResetError("gone")])
async def test_a_link_that_ended_is_written_to_the_log_and_is_no_failure(
    error: Exception, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with EmbeddedBroker(log=tmp_path / "broker.log") as broker:
        await unheard(error)
        broker.check()
    assert str(error) in (tmp_path / "broker.log").read_text()
    assert capfd.readouterr() == ("", "")


async def test_what_the_library_warns_of_is_written_to_the_log_and_nowhere_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "broker.log"
    async with EmbeddedBroker(log=log) as broker:
        reader, writer = await asyncio.open_connection("127.0.0.1", broker.port)
        writer.write(CONNECT.replace(b"MQTT", b"QTTM"))
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
    assert "Incorrect protocol name" in log.read_text()
    logging.getLogger("amqtt.broker").error("told after the end")
    assert "told after the end" in log.read_text()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


async def test_a_demo_whose_broker_failed_ends_with_what_failed(tmp_path: Path) -> None:
    def tell(_: str) -> None:
        no_sessions: dict[str, int] = {}
        asyncio.get_running_loop().call_soon(no_sessions.pop, "session")

    stage = Stage(tmp_path, Script.over(6, 4), Timing(), tell, lambda *_: None)
    with pytest.raises(TransientError, match="the embedded broker failed: KeyError: 'session'"):
        await asyncio.wait_for(stage.run(), 20)
    assert "KeyError: 'session'" in (tmp_path / "broker.log").read_text()
