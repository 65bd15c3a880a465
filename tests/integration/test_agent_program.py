"""The agent as a program on simulated devices: what it counts, what it says, and how it ends."""

import asyncio
import re
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from simulation.modbus import Device, ModbusPlant
from simulation.opcua import OpcUaPlant
from tests import opcuakit
from tests.agentkit import Agent, Scale, eventually, modbus, running, weighing
from tests.plants import hub_key
from tests.servers import MosquittoMaker, free_port, program

pytestmark = pytest.mark.integration
ESTABLISHED = psutil.CONN_ESTABLISHED
OPCUA = """
[sources.filter]
protocol = "opcua"
url = "{url}"
every = "200 ms"
{security}
[sources.filter.points]
total = {{ node = "ns=2;s=Total", unit = "kg" }}
[streams.filter]
material = "10 09 10"
meter = {{ total = "filter.total", max_rate = "100000 t/h" }}
share = "cluster"
"""
HUB = """
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:{port}"
key = "{key}"
receipts = false
"""


def uplink(port: int) -> str:
    return HUB.format(port=port, key=hub_key().public)


@pytest.mark.mosquitto
async def test_totals_are_what_the_devices_counted_and_no_port_is_open(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    scale, dust, agent, broker = Scale(), Scale(value=1_000), Agent(tmp_path), mosquitto()

    def count() -> int:
        dust.value += dust.step
        return dust.value

    nodes = {"Total": count}
    async with scale.plant() as plant, OpcUaPlant(nodes, interval=0.1) as server:
        security = OPCUA.format(url=server.url, security='security = "None"')
        agent.write(uplink(broker.port), modbus("belt", plant.port), security)
        with running(agent):
            await eventually(lambda: agent.value("filter"))
            dust.first = first = int(agent.value("filter"))
            await eventually(lambda: agent.records("receipted") >= 2)
            await eventually(lambda: {plant.port, server.port, broker.port} <= ends(agent))
            server.frozen = True
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            await eventually(lambda: agent.value("filter") == dust.value)
            code, said = await agent.status()
            assert await agent.end() == 0
    assert (code, "no problems" in said) == (0, True), said
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    # The first value of a subscription may be older than the first the status shows.
    assert agent.measured("filter") >= (dust.value - first) / 1000 - 1e-9
    assert agent.measured("filter") <= (dust.value - 1_000) / 1000 + 1e-9
    assert any('"online":false' in line for line in presence(broker.port))


def ends(agent: Agent) -> set[int]:
    """Give the port at the other end of each connection; no socket may wait for anybody."""
    assert agent.process is not None
    sockets = psutil.Process(agent.process.pid).net_connections("inet")
    # A socket of UDP has no state.
    assert not {psutil.CONN_LISTEN, psutil.CONN_NONE} & {one.status for one in sockets}
    return {one.raddr.port for one in sockets if one.status == ESTABLISHED}


def presence(port: int) -> list[str]:
    """Give the retained messages on the presence topics."""
    topic = "sidestream/v1/ora/presence/#"
    command = [program("mosquitto_sub"), "-p", str(port), "-t", topic, "-C", "1", "-W", "5", "-v"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.splitlines()


async def test_after_a_kill_the_count_goes_on_where_it_stood(tmp_path: Path) -> None:
    async with weighing(tmp_path) as (agent, scale, plant):
        assert await agent.end(signal.SIGKILL) == -signal.SIGKILL
        scale.value += 5_000
        before = plant.counts.requests
        agent.start()
        await eventually(lambda: plant.counts.requests > before + 5)
        scale.stand_still()
        await eventually(lambda: agent.value("belt") == scale.value)
        assert await agent.end() == 0
    assert scale.truth > 5
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    starts = [row[0] for row in agent.rows("SELECT start FROM totals ORDER BY start")]
    assert len(set(starts)) == len(starts)


async def test_a_stopped_agent_says_so_and_has_kept_everything(tmp_path: Path) -> None:
    async with weighing(tmp_path) as (agent, scale, _):
        scale.stand_still()
        await eventually(lambda: agent.value("belt") == scale.value)
        assert await agent.end(signal.SIGINT) == 0
        code, said = await agent.status()
    assert code == 2
    assert "the agent was stopped" in said
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    assert agent.log.rstrip().endswith("agent stopped; everything measured so far is kept")


async def test_a_stop_commits_what_no_checkpoint_has(tmp_path: Path) -> None:
    agent, scale = Agent(tmp_path), Scale()
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port))
        path = tmp_path / "plant.toml"
        path.write_text(re.sub(r'"(1 s|2 s|200 ms)"', '"1 h"', path.read_text()))
        with running(agent):
            await eventually(lambda: (agent.value("belt") or 0) > scale.first)
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert agent.rows("SELECT name FROM state") == []
            assert await agent.end() == 0
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)


async def test_a_device_that_dies_is_named_and_does_not_disturb_another(tmp_path: Path) -> None:
    good, bad, agent = Scale(), Scale(), Agent(tmp_path)
    async with good.plant() as one, bad.plant() as other:
        agent.write(modbus("good", one.port), modbus("bad", other.port))
        with running(agent):
            await eventually(lambda: len(agent.closed("bad")) >= 2)
            other.faults.paused = True
            await eventually(lambda: agent.problem("source bad is down since"))
            closed = len(agent.closed("good"))
            await eventually(lambda: len(agent.closed("good")) >= closed + 4)
            code, said = await agent.status()
            other.faults.paused = False
            await eventually(lambda: agent.told["problems"] == [])
            assert (await agent.status())[0] == 0
            for scale, name in ((good, "good"), (bad, "bad")):
                scale.stand_still()
                await eventually(lambda: agent.value(name) == scale.value)  # noqa: B023 (waited for at once)
            assert await agent.end() == 0
    assert code == 1
    flat = " ".join(said.split())
    assert re.search(r"source bad is down since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: ", flat)
    assert f"127.0.0.1:{other.port}: device 1 did not answer within 0.3 s" in flat
    assert re.search(r"bad +total +bad +timeout", said)
    covered = {
        name: sum(coverage for _, coverage in agent.closed(name)) for name in ("good", "bad")
    }
    assert min(coverage for _, coverage in agent.closed("bad")[1:]) < 0.1
    assert covered["good"] > covered["bad"] + 2
    assert agent.measured("good") == pytest.approx(good.truth, rel=1e-9)
    assert agent.measured("bad") == pytest.approx(bad.truth, rel=1e-9)


async def test_a_device_that_refuses_is_named_until_it_is_there(tmp_path: Path) -> None:
    agent, scale, port = Agent(tmp_path), Scale(), free_port()
    agent.write(modbus("belt", port))
    with running(agent):
        await eventually(lambda: agent.problem(f"127.0.0.1:{port}: connection refused"))
        code, said = await agent.status()
        async with ModbusPlant({1: Device(registers=scale.register)}, port=port):
            await eventually(lambda: agent.told["problems"] == [])
    assert code == 2
    assert "Kvina works: critical" in said
    assert f"source belt down: 127.0.0.1:{port}: connection refused" in agent.log


async def test_a_wrong_device_id_is_named(tmp_path: Path) -> None:
    agent, scale = Agent(tmp_path), Scale()
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port, device_id=9))
        with running(agent):
            await eventually(lambda: agent.problem("device 9 did not answer within 0.3 s"))


async def test_a_server_with_another_certificate_is_named_with_its_fingerprint(
    tmp_path: Path,
) -> None:
    agent, server_key = Agent(tmp_path), opcuakit.key_der("server")
    shown = opcuakit.der(opcuakit.certificate("server"))
    files = opcuakit.client_files(tmp_path)
    files["server_certificate"], _ = opcuakit.write(
        tmp_path, "pinned", opcuakit.certificate("pinned")
    )
    settings = "\n".join(f'{name} = "{path}"' for name, path in files.items())
    policy = ("Basic256Sha256_SignAndEncrypt",)
    async with OpcUaPlant(
        {"Total": 5}, security=policy, certificate=shown, key=server_key
    ) as server:
        security = f'security = "Basic256Sha256"\n{settings}'
        agent.write(OPCUA.format(url=server.url, security=security))
        with running(agent):
            await eventually(lambda: agent.problem("source filter is down since"))
            problem = agent.told["problems"][0]
            assert server.sessions == 0
    assert "certificate" in problem
    assert re.search(r"[0-9A-Fa-f:]{32,}", problem)
    assert "→" in problem
    assert "source filter down: opc.tcp://127.0.0.1" in agent.log


async def test_the_agent_ends_quickly_while_nothing_answers(tmp_path: Path) -> None:
    agent, scale = Agent(tmp_path), Scale()
    async with scale.plant() as plant:
        plant.faults.paused = True
        agent.write(uplink(free_port()), modbus("belt", plant.port))
        with running(agent):
            await eventually(lambda: agent.problem("hub's broker not connected"))
            begun = asyncio.get_running_loop().time()
            assert await agent.end() == 0
            assert asyncio.get_running_loop().time() - begun < 8
