"""The agent and a broker it cannot trust, or that does not trust it: told, and nothing is lost."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.pki import Authority, Pair, self_signed
from tests.plants import hub_key
from tests.servers import MosquittoMaker

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
HUB = """
[hub]
cluster = "ora"
broker = "mqtts://127.0.0.1:{port}"
key = "{key}"
receipts = false
backlog_rate = 200.0
[hub.tls]
ca = "{ca}"
"""


def uplink(port: int, ca: Path, client: Pair | None = None) -> str:
    text = HUB.format(port=port, key=hub_key().public, ca=ca)
    if client is not None:
        text += f'certificate = "{client.certificate}"\nkey = "{client.key}"\n'
    return text


@pytest.mark.parametrize(
    ("server", "trusted", "known", "said"),
    [
        ("good", "other", True, "authority"),
        ("self-signed", "own", True, "self-signed"),
        ("wrong name", "own", True, "name"),
        ("expired", "own", True, "expired"),
        ("good", "own", False, "client certificate"),
    ],
    ids=["wrong authority", "self-signed", "wrong name", "expired", "no client certificate"],
)
async def test_a_broken_trust_is_told_in_words_and_what_waited_is_delivered_once_it_is_mended(
    tmp_path: Path,
    mosquitto: MosquittoMaker,
    server: str,
    trusted: str,
    known: bool,
    said: str,
) -> None:
    own, other = Authority(tmp_path / "own"), Authority(tmp_path / "other", "Another authority")
    client, agent, scale = own.client(), Agent(tmp_path / "plant"), Scale()
    kinds: dict[str, Callable[[], Pair]] = {
        "good": own.server,
        "wrong name": own.wrong_name,
        "expired": own.expired,
        "self-signed": lambda: self_signed(tmp_path / "self"),
    }
    options: dict[str, Any] = {"client_ca": own.path}
    broken = mosquitto(tls=kinds[server](), **options)
    sound = mosquitto(tls=own.server("sound"), **options)
    ca = {"own": own, "other": other}[trusted].path
    async with scale.plant() as plant:
        source = modbus("belt", plant.port)
        agent.write(uplink(broken.port, ca, client if known else None), source)
        with running(agent):
            await eventually(lambda: agent.problem("hub's broker not connected"))
            await eventually(lambda: agent.problem(said))
            await eventually(lambda: agent.records("queued") >= 1)
            code, shown_status = await agent.status()
            assert await agent.end() == 0
            kept = agent.records("queued")
            assert agent.records("receipted") == 0
            agent.write(uplink(sound.port, own.path, client), source)
            agent.start()
            await eventually(lambda: agent.records("receipted") > kept)
            await eventually(lambda: agent.told.get("problems") == [])
            assert await agent.end() == 0
    assert code == 1
    assert "hub's broker not connected since" in " ".join(shown_status.split())
    assert any(said in line for line in agent.log.splitlines() if "not connected:" in line)
    sequences = [row[0] for row in agent.rows("SELECT sequence FROM records ORDER BY sequence")]
    assert sequences == list(range(1, len(sequences) + 1))
    assert agent.records("refused") == agent.records("dropped") == 0


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_records_that_nobody_confirms_are_kept_and_told(
    tmp_path: Path, mosquitto: MosquittoMaker, version: str
) -> None:
    """A broker of MQTT 3.1.1 takes what its access list forbids, and throws it away."""
    agent, scale = Agent(tmp_path), Scale()
    # Receipts may be read, records not written.
    server = mosquitto(acl="topic read sidestream/v1/ora/receipts/#\n")
    table = f'[hub]\ncluster = "ora"\nbroker = "mqtt://127.0.0.1:{server.port}"\n'
    table += f'insecure = true\nkey = "{hub_key().public}"\nversion = "{version}"\n'
    async with scale.plant() as plant:
        agent.write(table, modbus("belt", plant.port))
        with running(agent):
            if version == "3.1.1":
                await eventually(lambda: agent.told.get("uplink", {}).get("unanswered"))
            else:
                await eventually(lambda: "not authorized" in str(agent.told.get("uplink")))
            await eventually(lambda: agent.records("queued") >= 2)
            assert agent.records("receipted") == 0
            assert await agent.end() == 0
