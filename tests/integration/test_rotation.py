"""Passwords and tokens that are replaced while the programs run: taken up, nothing restarted."""

import http.server
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from adapters.errors import PermanentError
from config.hub_plan import StorePlan
from gateway.stores.influx import InfluxStore
from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.hubprogram import HubProgram, hub_running
from tests.integration.test_stores import cell
from tests.plants import hub_key
from tests.servers import Mosquitto, MosquittoMaker, program

pytestmark = pytest.mark.integration
LOGIN = 'username = "{name}"\npassword_file = "password"'
UPLINK = """
[hub]
cluster = "ora"
broker = "mqtt://127.0.0.1:{port}"
key = "{key}"
receipts = false
{login}
"""


def new_password(broker: Mosquitto, name: str, password: str) -> None:
    """Give an account another password and make the broker, which was away, come back."""
    broker.stop()
    command = [program("mosquitto_passwd"), "-b", str(broker.folder / "passwords"), name, password]
    subprocess.run(command, check=True, capture_output=True)
    broker.start()


@pytest.mark.mosquitto
async def test_an_agent_takes_up_a_new_password_at_its_next_connection(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker = mosquitto(users={"plant": "sesame-old"})
    agent, scale = Agent(tmp_path / "plant"), Scale()
    async with scale.plant() as plant:
        login = LOGIN.format(name="plant")
        up = UPLINK.format(port=broker.port, key=hub_key().public, login=login)
        agent.write(up, modbus("belt", plant.port))
        (agent.folder / "password").write_text("sesame-old\n")
        with running(agent):
            await eventually(lambda: agent.records("receipted"))
            new_password(broker, "plant", "sesame-new")
            await eventually(lambda: agent.problem("the broker does not admit this user"))
            # Replaced in one step: the file is read whenever a connection is made.
            (agent.folder / "fresh").write_text("sesame-new\n")
            (agent.folder / "fresh").rename(agent.folder / "password")
            before = agent.records("receipted")
            assert agent.process is not None
            agent.process.send_signal(signal.SIGHUP)
            await eventually(lambda: agent.records("receipted") > before)
            assert await agent.end() == 0
    assert "sesame" not in agent.log


@pytest.mark.mosquitto
async def test_a_hub_takes_up_a_new_password_and_connects_anew_on_sighup(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    broker, hub = mosquitto(users={"hub": "old"}), HubProgram(tmp_path / "hub")
    hub.write(broker.port, LOGIN.format(name="hub"))
    (hub.folder / "password").write_text("old\n")
    with hub_running(hub):
        await eventually(lambda: "broker: connected" in hub.log)
        new_password(broker, "hub", "new")
        await eventually(lambda: "the broker does not admit this user" in hub.log)
        (hub.folder / "password").write_text("new\n")
        hub.signal(signal.SIGHUP)
        await eventually(lambda: "broker: well again" in hub.log)
        # The hub may also have seen by itself that the file is another, and connect once more.
        before = hub.log.count("broker: well again")
        hub.signal(signal.SIGHUP)
        await eventually(lambda: "asked to connect anew" in hub.log)
        await eventually(lambda: hub.log.count("broker: well again") > before)


class Doorman(http.server.BaseHTTPRequestHandler):
    """A store's write API that knows one token."""

    token = "first"
    status = 204
    asked: list[str] = []  # noqa: RUF012 - one store a test

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.asked.append(str(self.headers["Authorization"]))
        given = self.headers["Authorization"]
        good = given is None or given in ("Token ", f"Token {type(self).token}")
        self.send_response(self.status if good else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def doorman() -> Iterator[tuple[type[Doorman], str]]:
    kind = type("OneDoorman", (Doorman,), {"asked": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield kind, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_stores_new_token_is_taken_up_with_the_next_batch(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    with doorman() as (door, url):
        store = InfluxStore(StorePlan(kind="influxdb", url=url, token_file=str(file)))
        store.write([cell()])
        door.token = "second"
        with pytest.raises(PermanentError, match="401") as refused:
            store.write([cell()])
        file.write_text("second\n")
        store.write([cell()])
        file.unlink()
        with pytest.raises(PermanentError, match="secret cannot be read"):
            store.write([cell()])
        store.close()
    assert door.asked == ["Token first", "Token first", "Token second"]
    assert "first" not in str(refused.value)
