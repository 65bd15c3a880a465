"""A cluster with TLS and client certificates that plants join by invitation, as programs."""

import contextlib
import json
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from agent.cli.group import sidestream as command
from tests.cluster import PLANT, Program, record_day, sidestream, wait_for
from tests.pki import Authority
from tests.servers import Server, free_port, program

HUB = """
[hub]
cluster = "ora"
broker = "mqtts://localhost:{port}"
key_file = "hub.key"
[hub.tls]
ca = "pki/ca.crt"
certificate = "pki/hub.crt"
key = "pki/hub.key"
[release]
wait = "{wait}"
calendars = {{ heat = "hour", material = "day" }}
[broker]
ca_key = "pki/ca.key"
ca = "{folder}/pki/ca.crt"
certificate = "{folder}/pki/server.crt"
key = "{folder}/pki/server.key"
persistence = "{folder}"
passwords = "{folder}/broker/passwords"
address = "127.0.0.1"
output = "broker"
reload = "sh {folder}/reload.sh"
{broker}
[state]
directory = "state"
runtime = "run"
"""


def here(*arguments: str, cwd: Path, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command in this process: much quicker than a program of its own."""
    with contextlib.chdir(cwd):
        done = CliRunner().invoke(command, arguments)
    if done.exit_code not in codes:
        trace = "".join(traceback.format_exception(done.exception))
        raise AssertionError(f"{arguments}: exit {done.exit_code}\n{done.output}\n{trace}")
    return done.stdout


@dataclass
class Cluster:
    """A hub and its broker, in folders of their own."""

    folder: Path
    more: str = ""
    port: int = field(default_factory=free_port)
    broker: Server = field(init=False)
    hub: Program = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        authority = Authority(self.folder / "pki")
        authority.server()
        authority.client("hub")
        (self.folder / "pki" / "hub.key").chmod(0o600)
        self.write("400 d")
        (self.folder / "reload.sh").write_text(f'kill -HUP "$(cat {self.folder}/broker.pid)"\n')
        self.say("hub", "key", "hub.toml", "--create")
        self.say("hub", "broker-config", "hub.toml", "-o", "broker")
        configuration = self.folder / "broker" / "mosquitto.conf"
        # As root the broker would drop its rights, and the folder is ours alone.
        own = f"user root\npid_file {self.folder}/broker.pid\n"
        start = self.folder / "start.conf"
        start.write_text(configuration.read_text() + own)
        command = [program("mosquitto"), "-c", str(start)]
        self.broker = Server(command, self.port, self.folder / "broker.log")
        self.hub = Program(("hub", "run", "hub.toml"), self.folder)

    def write(self, wait: str) -> None:
        """Write the hub file: how long records are awaited before windows are decided."""
        text = HUB.format(port=self.port, folder=self.folder, broker=self.more, wait=wait)
        (self.folder / "hub.toml").write_text(text)

    def start(self) -> None:
        """Start broker and hub, and wait until they are linked."""
        self.broker.start()
        self.hub.start()
        wait_for(self.hub.running, "the hub")

    def say(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        return here(*arguments, cwd=self.folder, codes=codes)

    def told(self, *arguments: str) -> Any:
        return json.loads(self.say(*arguments, "--json"))

    def invite(self, note: str, *more: str) -> Path:
        """Write an invitation."""
        path = self.folder / f"{note}.invite"
        self.say("hub", "invite", "hub.toml", "--for", note, "-o", path.name, *more)
        return path

    def requests(self) -> list[dict[str, Any]]:
        return list(self.told("hub", "requests", "hub.toml"))

    def waiting(self, fingerprint: str) -> bool:
        return any(one["fingerprint"] == fingerprint for one in self.requests())

    def admit(self, fingerprint: str, name: str, *more: str) -> dict[str, Any]:
        terms = ("--owner", f"Owner {name}", "--place", f"ora/{name}", "--name", name)
        return dict(self.told("hub", "admit", fingerprint, "hub.toml", *(more or terms)))


@dataclass
class Joiner:
    """A plant with recorded data, which knows no hub yet."""

    folder: Path
    name: str
    agent: Program = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        text = PLANT.format(name=self.name, owner=f"Owner {self.name}", port=1, hub_key="")
        head, _, rest = text.partition("[hub]")
        (self.folder / "plant.toml").write_text(
            f"# a comment\n{head}{rest[rest.index('[windows]') :]}"
        )
        record_day(self.folder / "day.csv", 2 * 360 + 60, 10, phase=len(self.name))
        self.agent = Program(("run", "plant.toml"), self.folder)

    def join(self, invitation: Path, *more: str, codes: tuple[int, ...] = (0,)) -> Any:
        arguments = ("join", str(invitation), "--config", "plant.toml", "--json", *more)
        return json.loads(here(*arguments, cwd=self.folder, codes=codes))

    def join_as_program(self, invitation: Path) -> Any:
        arguments = ("join", str(invitation), "--config", "plant.toml", "--json")
        return json.loads(sidestream(*arguments, cwd=self.folder))

    @property
    def fingerprint(self) -> str:
        told = here("key", "plant.toml", "--json", cwd=self.folder)
        return str(json.loads(told)["fingerprint"])

    @property
    def status(self) -> dict[str, Any]:
        path = self.folder / "run" / "status.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}
