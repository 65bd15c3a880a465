"""A federation for tests: hubs as programs on a clock the test sets, and plants that report."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from config.hub import load_hub
from config.hub_plan import HubPlan
from gateway.hub.access import Account, Grant, Roll, accounts, listed
from gateway.keys import HubKey
from gateway.signing import seal_record
from gateway.wire import record_id, rfc3339
from tests.hubkit import HOUR, MONDAY, Plant, _key, figure, plant
from tests.pki import Authority, Pair

FEDERATION = "vestland"
CLUSTERS = ("ora", "mo", "lista")
SECRET = "0123456789abcdef" * 4
CODE = "10 09 03"
WAIT = HOUR
"""How long hubs wait for records; the pool waits three times as long for hubs."""
HUB = """
[hub]
cluster = "{cluster}"
broker = "mqtts://localhost:{port}"
key_file = "hub.pem"
{login}
[state]
directory = "state"
runtime = "run"
[release]
wait = "{wait} h"
calendars = {{ material = "hour", heat = "hour", water = "hour", gas = "hour" }}
"""
LOGIN = """
[{table}.tls]
ca = "{ca}"
certificate = "{certificate}"
key = "{key}"
"""
PEER = """
[federation]
cluster = "vestland"
key = "{pool}"
broker = "mqtts://localhost:{port}"
owner_key_file = "owners.key"
size = 8192
"""
_PROGRAM = """
import asyncio, sys
from pathlib import Path
from config.hub import load_hub
from gateway.hub.service import run_hub
folder = Path(sys.argv[1])
clock = lambda: int((folder.parent / "now").read_text())
asyncio.run(run_hub(load_hub(folder / "hub.toml", {}), clock, asyncio.Event(), lambda line: None))
"""


@dataclass
class Hub:
    """One hub: its folder, its key, and the process it runs in."""

    folder: Path
    cluster: str
    key: HubKey
    members: Sequence[Plant] = ()
    process: subprocess.Popen[bytes] | None = None
    sent: list[str] = field(default_factory=list)

    @property
    def plan(self) -> HubPlan:
        return load_hub(self.folder / "hub.toml", {})

    @property
    def name(self) -> str:
        return self.key.public.fingerprint

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(self.folder)], stdout=log, stderr=log
            )

    def kill(self) -> None:
        """Kill the hub as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        (self.folder / "run" / "hub-status.json").unlink(missing_ok=True)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def pseudonym(self, one: Plant) -> str:
        return one.key.pseudonym(self.key.public, self.cluster, "2026Q1")

    def record(
        self, one: Plant, start: int, quantity: float, code: str = CODE
    ) -> tuple[str, bytes]:
        """Give the topic and the sealed record of a plant's hour."""
        window = {"start": rfc3339(start), "end": rfc3339(start + HOUR)}
        public, pseudonym = one.key.public.fingerprint, self.pseudonym(one)
        content: dict[str, Any] = {
            "v": 1,
            "id": record_id(public, window["start"], window["end"], 0),
            "cluster": self.cluster,
            "hub": self.name,
            "plant": public,
            "pseudonym": pseudonym,
            "sequence": (start - MONDAY) // HOUR + 1,
            "revision": 0,
            "window": window,
            "figures": [figure(quantity, code)],
        }
        topic = f"sidestream/v1/{self.cluster}/records/{pseudonym}"
        return topic, seal_record(content, one.key.sign, self.key.public, 2048)


@dataclass
class Federation:
    """Hubs, their pool, the certificates of all, and the clock they share."""

    folder: Path
    port: int
    authority: Authority
    owners: Mapping[str, Sequence[str]]
    hubs: dict[str, Hub] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.set_clock(MONDAY + HOUR)
        made = 0
        for number, cluster in enumerate(self.owners):
            members = []
            for owner in self.owners[cluster]:
                made += 1
                place = f"{cluster}/secret-quay-{made}"
                members.append(plant(1000 + made, owner, place))
            key = HubKey(_key(500 + number))
            self.hubs[cluster] = Hub(self.folder / cluster, cluster, key, members)
        self.pool = Hub(self.folder / "pool", FEDERATION, HubKey(_key(599)))
        for hub in self.hubs.values():
            self._write(hub, _peer_file(self, hub))
        peers = "".join(
            f'[[peers]]\ncluster = "{hub.cluster}"\nkey = "{hub.key.public}"\n'
            for hub in self.hubs.values()
        )
        self._write(self.pool, peers)

    @property
    def everyone(self) -> list[Hub]:
        return [*self.hubs.values(), self.pool]

    def set_clock(self, now: int) -> None:
        draft = self.folder / "now.new"
        draft.write_text(str(now))
        draft.replace(self.folder / "now")

    def pair(self, name: str) -> Pair:
        return self.authority.client(name)

    def login(self, table: str, name: str) -> str:
        pair = self.pair(name)
        return LOGIN.format(
            table=table, ca=self.authority.path, certificate=pair.certificate, key=pair.key
        )

    def _write(self, hub: Hub, more: str) -> None:
        hub.folder.mkdir()
        pem = hub.key.sign.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (hub.folder / "hub.pem").write_bytes(pem)
        (hub.folder / "hub.pem").chmod(0o600)
        wait = 3 if hub is self.pool else 1
        login = self.login("hub", f"hub-{hub.cluster}")
        text = HUB.format(cluster=hub.cluster, port=self.port, login=login, wait=wait)
        (hub.folder / "hub.toml").write_text(text + more)

    def access(self) -> str:
        """Write who may do what at the broker that all of them share here."""
        rolls = [
            (Roll(hub.cluster, f"hub-{hub.cluster}", ()), hub.key) for hub in self.hubs.values()
        ]
        peers = tuple(hub.name for hub in self.hubs.values())
        rolls.append((Roll(FEDERATION, f"hub-{FEDERATION}", (), peers=peers), self.pool.key))
        found = [one for roll, key in rolls for one in accounts(roll, key, ["2026Q1"])]
        found.append(Account("plants", "the test", (Grant("readwrite", "#"),)))
        return "\n".join(line for one in found for line in listed(one)) + "\n"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        for hub in self.everyone:
            hub.start()
        try:
            yield
        finally:
            for hub in self.everyone:
                hub.kill()


def _peer_file(federation: Federation, hub: Hub) -> str:
    key = hub.folder.parent / f"{hub.cluster}.owners"
    key.write_text(SECRET + "\n")
    key.chmod(0o600)
    text = PEER.format(pool=federation.pool.key.public, port=federation.port)
    text = text.replace("owners.key", str(key))
    owners = sorted({one.member.owner for one in hub.members})
    text += "[federation.owners]\n" + "".join(
        f'"{owner}" = "{organisation(owner)}"\n' for owner in owners
    )
    text += federation.login("federation", hub.name)
    for one in hub.members:
        member = one.member
        text += (
            f'[[members]]\nname = "{member.name}"\nkey = "{member.key_text}"\n'
            f'owner = "{member.owner}"\nplace = "{member.place}"\n'
        )
    return text


def organisation(owner: str) -> str:
    """Make up a number in a companies' register."""
    return f"NO {sum(ord(char) * 7**n for n, char in enumerate(owner)) % 10**9:09d}"
