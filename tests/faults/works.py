"""Agents on belt scales, and their hub, as files and programs of a campaign."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import cluster
from tests.agentkit import Agent
from tests.faults.belts import FIRST

STREAM = "belt"
RELEASE = 2_000_000_000
"""Length of a release window in nanoseconds."""
PLANT = """
[plant]
name = "{name} works"
owner = "{name} owner"
[hub]
cluster = "ora"
broker = "mqtt://{broker}"
insecure = true
key = "{key}"
{uplink}
[windows]
measure = "1 s"
release = "2 s"
grace = "500 ms"
jitter = "200 ms"
checkpoint = "300 ms"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
[sources.belt]
protocol = "modbus-tcp"
host = "{host}"
port = {port}
every = "200 ms"
timeout = "500 ms"
backoff_max = "2 s"
[sources.belt.points]
total = {{ register = {first}, type = "uint32", decimals = 3, unit = "kg" }}
[streams.belt]
material = "10 09 03"
meter = {{ total = "belt.total", max_rate = "120 t/h" }}
share = "cluster"
significant = 6
coverage_floor = 0.0
"""
HUB = """
[hub]
cluster = "ora"
broker = "mqtt://{broker}"
insecure = true
key_file = "hub.key"
[release]
wait = "6 s"
calendars = {{ material = "6 s" }}
[state]
directory = "state"
runtime = "run"
[store]
{store}
{members}
"""


@dataclass
class Member(Agent):
    """An agent of a campaign, and the public key its hub knows it by."""

    name: str = ""
    key: str = ""
    wrap: Sequence[str] = field(default_factory=tuple)
    """What its command is run by, such as a network namespace."""

    def command(self) -> Sequence[str]:
        return (*self.wrap, *cluster.COMMAND)

    @property
    def closed_to(self) -> int:
        """End of the last closed window in nanoseconds, 0 before there is one."""
        rows = self.rows('SELECT max("end") FROM totals')
        return int(rows[0][0] or 0) if rows else 0

    @property
    def queued(self) -> int:
        """Records that wait for a receipt."""
        return self.records("queued")

    def join(self, broker: str, hub_key: str, host: str, port: int, uplink: str = "") -> None:
        """Write the plant's file and make its key."""
        self.folder.mkdir(parents=True)
        text = PLANT.format(
            name=self.name, broker=broker, key=hub_key, host=host, port=port, uplink=uplink,
            first=FIRST,
        )  # fmt: skip
        (self.folder / "plant.toml").write_text(text)
        made = cluster.sidestream("key", "plant.toml", "--create", "--json", cwd=self.folder)
        self.key = json.loads(made)["key"]


def hub(folder: Path, broker: str) -> tuple[cluster.Program, str]:
    """Make a hub's key; gives the hub and its public key."""
    folder.mkdir(parents=True)
    write_hub(folder, broker, [], 'kind = "sqlite"')
    made = cluster.sidestream("hub", "key", "hub.toml", "--create", "--json", cwd=folder)
    return cluster.Program(("hub", "run", "hub.toml"), folder), json.loads(made)["key"]


def write_hub(folder: Path, broker: str, members: Sequence[Member], store: str) -> None:
    """Write the hub's file with its members and its store."""
    listed = [cluster.MEMBER.format(name=one.name, owner=one.name, key=one.key) for one in members]
    text = HUB.format(broker=broker, store=store, members="".join(listed))
    (folder / "hub.toml").write_text(text)
