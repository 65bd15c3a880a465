"""The demo as a person runs it, the embedded broker, and a simulated plant read by the agent."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from config.plan import BrokerPlan
from gateway.mqtt import Connection, keep_connected
from simulation.broker import EmbeddedBroker
from tests.servers import free_port

pytestmark = pytest.mark.integration


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "agent.cli", *arguments]


def started_by(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


async def eventually(reached: asyncio.Event) -> None:
    await asyncio.wait_for(reached.wait(), 10)


@pytest.mark.timeout(240)
def test_a_short_demo_passes_every_check(tmp_path: Path) -> None:
    arguments = command(
        "demo", "--quick", "--windows", "6", "--dir", str(tmp_path / "run"), "--json"
    )
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=200, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)
    assert [check for check in told["checks"] if not check["passed"]] == []
    assert done.returncode == 0
    assert {cell["status"] for cell in told["cells"]} == {"released", "withheld"}
    assert any("rollover" in row["marks"] for row in told["measured"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_behind(how: signal.Signals, tmp_path: Path) -> None:
    arguments = command("demo", "--dir", str(tmp_path / "run"))
    running = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while len(started_by(running.pid)) < 7:  # hub, devices and five agents
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.1)
        children = started_by(running.pid)
        running.send_signal(how)
        assert running.wait(30) == 128 + how
        assert psutil.wait_procs(children, 5)[1] == []
    finally:
        for child in started_by(running.pid):
            child.kill()
        if running.poll() is None:
            running.kill()
            running.wait(10)


@pytest.mark.timeout(90)
def test_a_simulated_plant_can_be_probed_by_its_own_file(tmp_path: Path) -> None:
    ports = ("--modbus-port", str(free_port()), "--opcua-port", "0")
    arguments = command("simulate", "--dir", str(tmp_path), *ports, "--points", "2", "--json")
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert running.stdout is not None
        told = ""
        while not told.endswith("}\n}\n"):
            line = running.stdout.readline()
            assert line
            told += line
        file = json.loads(told)["plant_file"]
        probed = subprocess.run(
            command("probe", file, "--json"), capture_output=True, text=True, check=True, timeout=60
        )
        assert '"good"' in probed.stdout
        assert '"bad"' not in probed.stdout
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert running.stdout is not None
        running.stdout.close()


def plan(port: int, name: str) -> BrokerPlan:
    return BrokerPlan("127.0.0.1", port, None, "3.1.1", client_id=name)


async def test_the_embedded_broker_delivers_each_message_of_a_burst_once() -> None:
    got: list[bytes] = []
    ready, complete = asyncio.Event(), asyncio.Event()

    async def hear(connection: Connection) -> None:
        await connection.subscribe("a/#")
        ready.set()
        while len(got) < 200:
            got.append((await connection.next()).payload)
        complete.set()

    async def speak(connection: Connection) -> None:
        sends = (connection.publish("a/b", b"%d" % number) for number in range(200))
        await asyncio.gather(*sends)

    async with EmbeddedBroker() as broker:
        hearing = asyncio.create_task(
            keep_connected(plan(broker.port, "hub"), hear, clean=False, session_expiry=60)
        )
        await eventually(ready)
        await keep_connected(plan(broker.port, "agent"), speak, clean=False, session_expiry=60)
        await eventually(complete)
        await hearing
    assert sorted(map(int, got)) == list(range(200))


async def test_the_embedded_broker_keeps_presence_and_sends_the_will_of_a_client_that_died() -> (
    None
):
    told: list[tuple[str, bytes]] = []
    gone, here = asyncio.Event(), asyncio.Event()

    async def watch(connection: Connection) -> None:
        await connection.subscribe("presence/+")
        while not gone.is_set():
            message = await connection.next()
            told.append((message.topic, message.payload))
            (gone if message.payload == b"off" else here).set()

    async with EmbeddedBroker() as broker:
        watching = asyncio.create_task(
            keep_connected(plan(broker.port, "hub"), watch, clean=True, session_expiry=0)
        )
        script = (
            "import asyncio\n"
            "from config.plan import BrokerPlan\n"
            "from gateway.mqtt import Will, keep_connected\n"
            "async def live(link):\n"
            "    await link.publish('presence/1', b'on', retain=True)\n"
            "    await asyncio.sleep(60)\n"
            f"plan = BrokerPlan('127.0.0.1', {broker.port}, None, '3.1.1', client_id='agent')\n"
            "will = Will('presence/1', b'off', retain=True)\n"
            "asyncio.run(keep_connected(plan, live, clean=False, session_expiry=60, will=will))\n"
        )
        agent = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        )
        try:
            await asyncio.wait_for(here.wait(), 20)
        finally:
            agent.kill()
            await agent.wait()
        await eventually(gone)
        await watching
    assert [payload for _, payload in told][-1] == b"off"
