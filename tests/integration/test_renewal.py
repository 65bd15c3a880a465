"""A member's certificate is renewed at its hub: by a command, by the agent itself, and by files."""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from agent.running.asking import OWN
from agent.running.renewing import Renewal
from config.load import load_plant
from gateway.authority import Authority, checked
from gateway.broker import PublishRefusedError
from gateway.dial import open_connection
from gateway.wire import request_topic
from tests.agentkit import Agent, Scale, eventually, modbus, running
from tests.cluster import ended, wait_for
from tests.joinkit import Cluster, Joiner, here
from tests.pki import Authority as Strange

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
DAY = 86_400 * 10**9


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "cluster")
    with ended(made.broker, made.hub):
        made.start()
        yield made


@dataclass
class Member:
    """A plant that has joined, with a device that is read while it runs."""

    folder: Path
    made: Cluster
    name: str = "slag"
    more: str = ""
    agent: Agent = field(init=False)

    def join(self, *parts: str) -> None:
        plant, invitation = Joiner(self.folder, self.name), self.made.invite(self.name)
        self.agent = Agent(self.folder)
        if parts:
            self.agent.write(*parts)
        assert plant.join(invitation)["state"] == "requested"
        wait_for(lambda: self.made.waiting(plant.fingerprint), "the request")
        self.made.admit(plant.fingerprint, self.name)
        wait_for(lambda: plant.join(invitation)["state"] == "admitted", "the admission")
        text = (self.folder / "plant.toml").read_text()
        (self.folder / "plant.toml").write_text(text.replace("[hub]", f"[hub]\n{self.more}"))

    @property
    def certificate(self) -> Path:
        return self.folder / "state" / "hub-client.crt"

    @property
    def key(self) -> Path:
        return self.folder / "state" / "hub-client.key"

    @property
    def days(self) -> float:
        """How long the certificate in use is good for, in days."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return (found.not_valid_after_utc.timestamp() - time.time()) / 86_400

    def ends_in(self, days: float) -> None:
        """Let the hub's authority sign the plant's certificate anew, for few days."""
        pki, now = self.made.folder / "pki", time.time_ns()
        signer = Authority.load(pki / "ca.key", [pki / "ca.crt"])
        account = Joiner.fingerprint.fget(self)  # type: ignore[attr-defined]
        request = checked((self.folder / "state" / "hub-client.csr").read_text(), account)
        begin = min(now, now + round(days * DAY)) - DAY
        text = signer.sign(request, account, begin, now + round(days * DAY))
        self.certificate.write_text(text)

    def renew(self, *more: str, codes: tuple[int, ...] = (0,)) -> Any:
        said = here("renew", "plant.toml", "--json", *more, cwd=self.folder, codes=codes)
        return json.loads(said) if said else {}

    def left(self) -> set[str]:
        """Name what lies beside the pair in use and belongs to a renewal."""
        names = {path.name for path in self.certificate.parent.iterdir()}
        return {name for name in names if ".next" in name or name == "hub-client.key.csr"}


def grants(made: Cluster) -> list[dict[str, Any]]:
    """Wait for a renewal, and let the hub's operator grant what waits."""
    wait_for(lambda: any(one["kind"] == "renewal" for one in made.requests()), "the renewal")
    return list(made.told("hub", "renew", "hub.toml"))


def renewed_by_command(one: Member) -> None:
    """Ask, let the hub's operator grant it, and fetch it."""
    before = one.certificate.read_bytes(), one.key.read_bytes()
    assert one.renew("--dry-run")["state"] == "would ask"
    assert one.left() == set()
    assert one.renew("--wait", "100 ms", codes=(75,))["state"] == "requested"
    assert (one.certificate.read_bytes(), one.key.read_bytes()) == before
    (granted,) = grants(one.made)
    assert (granted["name"], granted["granted"]) == ("slag", True)
    wait_for(lambda: one.renew("--wait", "1 s", codes=(0, 75))["state"] == "renewed", "it")


async def test_a_member_near_its_certificates_end_renews_it_and_the_running_agent_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    scale = Scale()
    async with scale.plant() as device:
        one = Member(tmp_path / "plant", cluster, more="renew = 0")
        await asyncio.to_thread(one.join, modbus("belt", device.port))
        one.ends_in(6)
        with running(one.agent):
            await eventually(lambda: one.agent.problem("certificate hub.tls.certificate"))
            (told,) = [text for text in one.agent.told["problems"] if "certificate" in text]
            assert "less than 7 days" in told
            assert "`sudo sidestream renew`" in told
            await eventually(lambda: one.agent.records("receipted"))
            key = one.key.read_bytes()
            await asyncio.to_thread(renewed_by_command, one)
            assert one.days > 300
            assert one.key.read_bytes() != key
            assert one.key.stat().st_mode & 0o777 == 0o600
            assert one.left() == set()
            await eventually(lambda: not one.agent.told["problems"])
            assert "files for the broker's connection have changed" in one.agent.log
            sent = one.agent.records("receipted")
            await eventually(lambda: one.agent.records("receipted") > sent)
            assert await one.agent.end() == 0
    assert cluster.requests() == []
    assert "Traceback" not in cluster.hub.log + one.agent.log


async def test_an_agent_renews_by_itself_and_says_so(cluster: Cluster, tmp_path: Path) -> None:
    scale = Scale()
    async with scale.plant() as device:
        one = Member(tmp_path / "plant", cluster)
        await asyncio.to_thread(one.join, modbus("belt", device.port))
        one.ends_in(50)
        with running(one.agent):
            (granted,) = await asyncio.to_thread(grants, cluster)
            assert granted["granted"]
            await eventually(lambda: one.days > 300)
            await eventually(lambda: one.agent.log.count("files for the broker's connection") >= 1)
            sent = one.agent.records("receipted")
            await eventually(lambda: one.agent.records("receipted") > sent)
            await eventually(lambda: not one.agent.told["problems"])
            assert await one.agent.end() == 0
    kind = "SELECT detail FROM events WHERE kind = 'certificate-renewed'"
    ((detail,),) = one.agent.rows(kind)
    assert "hub.tls.certificate: until 20" in detail
    assert one.left() == set()
    assert "Traceback" not in cluster.hub.log + one.agent.log


async def test_a_new_certificate_that_the_broker_does_not_take_leaves_the_old_one_in_use(
    cluster: Cluster, tmp_path: Path
) -> None:
    scale = Scale()
    async with scale.plant() as device:
        one = Member(tmp_path / "plant", cluster)
        await asyncio.to_thread(one.join, modbus("belt", device.port))
        before = one.certificate.read_bytes(), one.key.read_bytes()
        account = Joiner.fingerprint.fget(one)  # type: ignore[attr-defined]
        strange = Strange(tmp_path / "strange").client(account)
        with running(one.agent):
            await eventually(lambda: one.agent.records("receipted"))
            strange.key.rename(f"{one.key}.next")
            strange.certificate.rename(f"{one.certificate}.next")
            await eventually(lambda: "is not taken, the old one stays" in one.agent.log)
            sent = one.agent.records("receipted")
            await eventually(lambda: one.agent.records("receipted") > sent)
            assert await one.agent.end() == 0
    assert (one.certificate.read_bytes(), one.key.read_bytes()) == before
    assert "Traceback" not in one.agent.log


async def asks_for(one: Member, other: Member) -> None:
    """Send a plant's request from another plant's account."""
    asking, meant = (
        Renewal.of(load_plant(member.folder / "plant.toml", {})) for member in (one, other)
    )
    link = await open_connection(asking.uplink.broker, OWN)
    try:
        await link.publish(request_topic("ora", meant.account), meant.request())
    finally:
        await link.close()


def test_an_ended_certificate_is_renewed_by_files_and_only_by_the_plants_own(
    cluster: Cluster, tmp_path: Path
) -> None:
    one = Member(tmp_path / "one", cluster, "one")
    two = Member(tmp_path / "two", cluster, "two")
    one.join()
    two.join()
    # The broker lets nobody ask in another's name.
    with pytest.raises(PublishRefusedError, match="not authorized"):
        asyncio.run(asks_for(two, one))
    assert cluster.requests() == []
    one.ends_in(-0.5)
    before = one.certificate.read_bytes(), one.key.read_bytes()
    with pytest.raises(AssertionError, match="no broker takes it any more"):
        one.renew()
    told = one.renew("--offline", "-o", "request")
    file, answer = str(one.folder / "request"), str(cluster.folder / "answer")
    own = told["fingerprint"]
    cluster.say("hub", "admit", own, "hub.toml", "--request", file, "-o", "answer")
    with pytest.raises(AssertionError, match="not an answer to this plant's request"):
        two.renew("--admission", answer)
    # The broker is away: what is granted is kept, and the old pair is touched by nobody.
    cluster.broker.stop()
    with pytest.raises(AssertionError, match="localhost"):
        one.renew("--admission", answer)
    assert (one.certificate.read_bytes(), one.key.read_bytes()) == before
    cluster.broker.start()
    assert one.renew()["state"] == "renewed"
    assert one.days > 300
    assert one.left() == set()
