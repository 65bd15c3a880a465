"""A hub as a program: its file, its process, and what it has said."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster import COMMAND
from tests.integration.test_hub import write_key

FILE = """
[hub]
cluster = "ora"
broker = "{scheme}://127.0.0.1:{port}"
key_file = "hub.pem"
{login}
[state]
directory = "state"
runtime = "run"
"""


@dataclass
class HubProgram:
    """`sidestream hub run` in a folder of its own."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def write(self, port: int, login: str = "", *more: str, tls: bool = False) -> None:
        """Write the hub file and its key; `login` goes into `[hub]`, or a table after it."""
        self.folder.mkdir(exist_ok=True)
        write_key(self.folder)
        (self.folder / "hub.pem").chmod(0o600)
        head = FILE.format(scheme="mqtts" if tls else "mqtt", port=port, login=login)
        (self.folder / "hub.toml").write_text("\n".join([head, *more]))

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "hub", "run", "hub.toml"],
                cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **self.environment},
            )  # fmt: skip

    def signal(self, what: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(what)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def told(self) -> dict[str, Any]:
        """Give what the hub says of itself; empty before it has."""
        [*found] = (self.folder / "run").glob("*.json")
        return dict(json.loads(found[0].read_text())) if found else {}


@contextlib.contextmanager
def hub_running(hub: HubProgram) -> Iterator[HubProgram]:
    """Start a hub; at the end it is stopped, and must not have stumbled."""
    hub.start()
    assert hub.process is not None
    try:
        yield hub
        hub.process.terminate()
        assert hub.process.wait(20) == 0, hub.log
    finally:
        if hub.process.poll() is None:
            hub.process.kill()
            hub.process.wait(10)
    assert "Traceback" not in hub.log
