"""A cluster under strace: a broker, three plants and their hub, and what two of them did."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from config.hub import load_hub
from gateway.hub.intake import Gate
from gateway.hub.status import LEDGER
from gateway.keys import HubKey, load
from tests import cluster, hubkit
from tests.faults import strace
from tests.faults.marked import CHECKPOINT, MARKS, SYNCHRONOUS
from tests.faults.medium import Operation
from tests.hubkit import HUB
from tests.servers import Mosquitto, free_port

_HERE = Path(__file__).parents[2]
OWNERS = ("Northern Metals", "Fjord Fibre", "Valley Glass")


@dataclass
class Recording:
    """What was seen of a program: its folder, its traces in order, and the hub's file."""

    folder: Path
    hub: Path
    traces: list[Path] = field(default_factory=list)

    def operations(self) -> list[Operation]:
        """Read what the program did."""
        reader = strace.Reader(str(self.folder), str(self.folder / "marks"))
        return [one for trace in self.traces for one in reader.read(trace)]

    def gate(self) -> Gate:
        """Give what opens the cluster's records."""
        plan = load_hub(self.hub / "hub.toml", {})
        return Gate.of(plan.cluster, HubKey(load(Path(plan.key_file))), plan.members, plan.limits)


@dataclass(frozen=True)
class Care:
    """After how many pages SQLite moves its log, and what stands in for synchronous = FULL."""

    checkpoint: int = 1000
    synchronous: str = "FULL"


class Traced(cluster.Program):
    """A program of ours under strace."""

    def __init__(self, one: cluster.Program, hub: Path, care: Care) -> None:
        super().__init__(one.arguments, one.folder)
        self.recording = Recording(self.folder, hub)
        self._environment = {
            MARKS: str(self.folder / "marks"),
            CHECKPOINT: str(care.checkpoint),
            SYNCHRONOUS: care.synchronous,
        }

    def start(self) -> None:
        """Start the program, with a trace of its own."""
        trace = self.folder / f"trace-{len(self.recording.traces)}"
        self.recording.traces.append(trace)
        asked = [*strace.command(trace), sys.executable, "-m", "tests.faults.marked"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*asked, *self.arguments], cwd=self.folder, stdout=log, stderr=log,
                env={**os.environ, **self._environment, "PYTHONPATH": str(_HERE)},
            )  # fmt: skip

    def _end(self, how: signal.Signals) -> None:
        """End the program, which ends its strace."""
        if self.process is not None and self.process.poll() is None:
            for child in strace.children(self.process.pid):
                os.kill(child, how)
            self.process.wait(20)


def record(folder: Path, care: Care, *, rows: int, every: int) -> tuple[Recording, Recording]:
    """Run three plants' recordings to their end, and give what an agent and the hub have done.

    Each of the two is stopped once and started again.
    """
    broker = Mosquitto(folder / "broker")
    plain, hub_key = cluster.hub(folder / "hub", broker.port)
    hub = Traced(plain, plain.folder, care)
    made = [
        cluster.plant(folder / f"p{n}", f"unit-{n}", owner, broker.port, hub_key)
        for n, owner in enumerate(OWNERS)
    ]
    plants, members = [one for one, _ in made], [member for _, member in made]
    for phase, one in enumerate(plants):
        cluster.record_day(one.folder / "day.csv", rows, every, phase * 1000)
    _often(plants[0].folder)
    agent = Traced(plants[0], plain.folder, care)
    cluster.admit(hub, broker.port, members, wait="1 h")
    with contextlib.ExitStack() as stack:
        stack.enter_context(cluster.ended(broker))
        broker.start()
        stack.enter_context(cluster.ended(hub, agent, *plants[1:]))
        hub.start()
        cluster.wait_for(hub.running, "the hub")
        _measure(agent, plants[1:])
        hub.stop()
        cluster.admit(hub, broker.port, members)
        hub.start()
        cluster.wait_for(lambda: _released(hub), "released cells", 60)
        hub.stop()
    return agent.recording, hub.recording


def _often(folder: Path) -> None:
    """Let an agent commit as often as it can."""
    path = folder / "plant.toml"
    path.write_text(path.read_text().replace('checkpoint = "50 ms"', 'checkpoint = "5 ms"'))


def _measure(agent: Traced, others: Sequence[cluster.Program]) -> None:
    for one in (agent, *others):
        one.start()
    cluster.wait_for(lambda: cluster.commits(agent) > 0, "a commit")
    agent.stop()
    agent.start()
    for one in (agent, *others):
        if one.wait() != 0:
            raise AssertionError(one.log)


def _released(hub: cluster.Program) -> bool:
    """Tell whether every cell that was decided is published, and written where it is released."""
    query = (
        "SELECT min(published IS NOT NULL AND (written IS NOT NULL OR status = 'withheld'))"
        " FROM cells WHERE listed = 1"
    )
    path = hub.folder / "state" / LEDGER
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return bool(db.execute(query).fetchone()[0])


def record_agent(folder: Path, care: Care, *, rows: int, every: int) -> Recording:
    """Run a plant's recording to its end, its hub away, and give what the agent has done."""
    folder.mkdir()
    text = cluster.PLANT.format(name="alone", owner="A", port=free_port(), hub_key=HUB.public)
    (folder / "plant.toml").write_text(text)
    _often(folder)
    load(folder / "state" / "plant.key", create=True)
    cluster.record_day(folder / "day.csv", rows, every)
    agent = Traced(cluster.Program(("run", "plant.toml"), folder), folder, care)
    with cluster.ended(agent):
        agent.start()
        cluster.wait_for(lambda: "source day done" in agent.log, "the end of the recording")
        agent.stop()
    return agent.recording


def record_hub(folder: Path, care: Care, *, hours: int) -> Recording:
    """Let a hub take `hours` of three plants' records from its broker, and release them."""
    broker = Mosquitto(folder / "broker")
    plants = [hubkit.plant(n) for n in range(3)]
    hub = Traced(cluster.Program(("hub", "run", "hub.toml"), folder / "hub"), folder / "hub", care)
    _write_hub(hub.folder, broker.port, plants)
    with cluster.ended(broker):
        broker.start()
        with cluster.ended(hub):
            hub.start()
            cluster.wait_for(hub.running, "the hub")
            _publish(broker.port, plants, hours)
            cluster.wait_for(lambda: cluster.counted(hub) == 3 * hours, "the records")
            cluster.wait_for(lambda: _released(hub), "released cells")
            hub.stop()
    return hub.recording


def _publish(port: int, plants: Sequence[hubkit.Plant], hours: int) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for hour in range(hours):
        start = hubkit.MONDAY + hour * hubkit.HOUR
        for plant in plants:
            record = plant.record(start, figures=[hubkit.heat(1.5)], sequence=hour + 1)
            client.publish(plant.topic, record, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def _write_hub(folder: Path, port: int, plants: Sequence[hubkit.Plant]) -> None:
    folder.mkdir()
    pem = HUB.sign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "hub.key").write_bytes(pem)
    members = [
        cluster.MEMBER.format(name=f"m{n}", owner=f"o{n}", key=plant.key.public)
        for n, plant in enumerate(plants)
    ]
    cluster.admit(cluster.Program((), folder), port, members)
