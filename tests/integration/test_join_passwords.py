"""Passwords of invitations and plants: hashed here, taken by a real broker."""

from pathlib import Path

import pytest

from adapters.errors import SidestreamError
from config.plan import BrokerPlan
from gateway import passwords
from gateway.broker import Terms
from gateway.dial import open_connection
from tests.joinkit import Cluster, Joiner
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]


async def test_a_broker_takes_the_password_whose_hash_it_was_given_and_no_other(
    mosquitto: MosquittoMaker,
) -> None:
    password, broker = passwords.made(), mosquitto(users={"other": "x"})
    with (broker.folder / "passwords").open("a") as file:
        file.write(f"plant:{passwords.hashed(password)}\n")
    broker.restart()
    plan = BrokerPlan("127.0.0.1", broker.port, None, username="plant", password=password)
    link = await open_connection(plan, Terms(True, 0, False, None))
    await link.close()
    wrong = BrokerPlan("127.0.0.1", broker.port, None, username="plant", password=f"{password}x")
    with pytest.raises(SidestreamError):
        await open_connection(wrong, Terms(True, 0, False, None))


def test_invitation_and_admission_write_the_brokers_passwords(tmp_path: Path) -> None:
    made, plant = (
        Cluster(tmp_path / "cluster", 'clients = "passwords"'),
        Joiner(tmp_path / "p", "p"),
    )
    (made.folder / "reload.sh").write_text("true\n")
    invitation = made.invite("p")
    told = plant.join(invitation, "--offline", "-o", "request")
    terms = ("--request", str(plant.folder / "request"), "-o", "answer", "--owner", "O")
    made.admit(told["fingerprint"], "p", *terms, "--place", "ora/p")
    assert plant.join(invitation, "--admission", str(made.folder / "answer"))["state"] == "admitted"
    lines = (made.folder / "broker" / "passwords").read_text().splitlines()
    users = [line.partition(":")[0] for line in lines]
    assert users == [users[0], told["fingerprint"]]
    assert users[0].startswith("invite-")
    own = (plant.folder / "state" / "hub-password").read_text()
    files = (path for path in tmp_path.rglob("*") if path.is_file())
    assert [path.name for path in files if own.encode() in path.read_bytes()] == ["hub-password"]
    assert f'username = "{told["fingerprint"]}"' in (plant.folder / "plant.toml").read_text()
