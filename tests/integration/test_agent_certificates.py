"""Certificates of a running agent: warned of in time, and replaced without a restart or a loss."""

import signal
from pathlib import Path

import pytest

from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.integration.test_agent_uplink import uplink
from tests.pki import DAY, Authority
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]


async def test_a_client_certificate_that_was_replaced_is_used_at_once_and_nothing_is_lost(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    own, agent, scale = Authority(tmp_path / "own"), Agent(tmp_path / "plant"), Scale()
    client = own.client(ahead=6 * DAY)
    broker = mosquitto(tls=own.server(), client_ca=own.path)
    async with scale.plant() as plant:
        agent.write(uplink(broker.port, own.path, client), modbus("belt", plant.port))
        with running(agent):
            await eventually(
                lambda: agent.problem("certificate hub.tls.certificate: it expires on")
            )
            assert agent.told["level"] == "warning"
            await eventually(lambda: agent.records("receipted"))
            own.client(ahead=60 * DAY)
            await eventually(lambda: not agent.told["problems"])
            await eventually(lambda: agent.log.count(" connected") - agent.log.count(" not c") >= 2)
            assert agent.log.count("files for the broker's connection have changed") >= 1
            assert agent.process is not None
            before = agent.log.count("asked to connect anew")
            agent.process.send_signal(signal.SIGHUP)
            await eventually(lambda: agent.log.count("asked to connect anew") > before)
            sent = agent.records("receipted")
            await eventually(lambda: agent.records("receipted") > sent)
            assert await agent.end() == 0
    kind = "SELECT detail FROM events WHERE kind = 'certificate-expiring'"
    assert [detail.count("less than 7 days") for (detail,) in agent.rows(kind)] == [1]
