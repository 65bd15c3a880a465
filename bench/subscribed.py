"""Measure the agent on subscribed OPC UA values, beside a bare subscription that drops them.

Run with `python -m bench.subscribed [--points 1000]`. Both subscribe to the same variables of one
server (bench/variables.py) over the same seconds. The bare program (bench/bare_opcua.py) uses the
library as its manual shows: a handler called with each value.
"""

import contextlib
import json
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench.files import CHECKPOINT, hub
from bench.process import (
    ask,
    between_cycles,
    broker,
    hear,
    memory,
    processor_time,
    program,
    python,
    script,
)
from bench.variables import node

GOAL = 1.3
"""At most: processor time of the agent to the bare subscription's."""
LIBRARIES = """
import sqlite3, ssl
import paho.mqtt.client, asyncua
import cryptography.hazmat.primitives.asymmetric.ed25519, cryptography.x509
from pydantic import BaseModel
print(flush=True)
input()
"""
"""The libraries an agent of OPC UA cannot do without, and nothing else."""
_PLANT = """
[plant]
name = "Bench"
owner = "Bench"
[windows]
checkpoint = "{checkpoint} s"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
[sources.server]
protocol = "opcua"
url = "{url}"
security = "None"
timeout = "30 s"
[streams.slag]
material = "10 09 03"
meter = {{ rate = "server.v1" }}
share = "cluster"
[sources.server.points]
v0 = {{ node = "{first}" }}
v1 = {{ node = "{second}", unit = "kg/s" }}
"""
_POINT = 'v{number} = {{ node = "{node}" }}\n'
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """One run; processor time in percent of one core, memory in MB."""

    points: int
    seconds: float
    values: float
    """Values changed in a second."""
    agent: float
    bare: float
    agent_mb: float
    bare_mb: float
    import_mb: float
    good: int
    """Points whose last value the agent trusts."""

    @property
    def ratio(self) -> float:
        """Processor time of the agent to that of the bare subscription."""
        return self.agent / self.bare


def _plant(url: str, points: int, port: int | None) -> str:
    text = _PLANT.format(checkpoint=CHECKPOINT, url=url, first=node(0), second=node(1))
    text += "".join(_POINT.format(number=at, node=node(at)) for at in range(2, points))
    return text + hub(port)


def _good(folder: Path) -> int:
    """Count the points whose last value the agent trusts."""
    command = python("agent.cli", "status", "--json", "--dir", str(folder / "run"))
    told = subprocess.run(command, capture_output=True, check=False).stdout
    sources = json.loads(told)["sources"] if told else {}
    rows = [row for one in sources.values() for row in one["points"].values()]
    return [row["quality"] for row in rows].count("good")


def measure(points: int, seconds: int, warm_up: int) -> Result:
    """Run everything once."""
    with (
        tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)

        def start(command: list[str], log: str) -> subprocess.Popen[str]:
            return stack.enter_context(program(command, folder / f"{log}.log"))

        imports = start(script(LIBRARIES), "imports")
        hear(imports)
        port = broker(folder, stack)
        server = start(python("bench.variables", str(points)), "server")
        url = f"opc.tcp://127.0.0.1:{json.loads(hear(server))}"
        settings = {
            "url": url, "nodes": [node(at) for at in range(points)], "broker": port,
            "state": str(folder / "bare.sqlite"), "checkpoint": CHECKPOINT,
        }  # fmt: skip
        (folder / "bare.json").write_text(json.dumps(settings))
        (folder / "plant.toml").write_text(_plant(url, points, port))
        agent = start(python("agent.cli", "run", str(folder / "plant.toml")), "agent")
        deadline = time.monotonic() + _PATIENCE
        while _good(folder) < points and time.monotonic() < deadline:
            time.sleep(1)
        bare = start(python("bench.bare_opcua", str(folder / "bare.json")), "bare")
        hear(bare)
        time.sleep(warm_up)
        between_cycles()
        ask(server)
        begun = time.monotonic()
        before = [processor_time(one.pid) for one in (agent, bare)]
        time.sleep(seconds)
        used = [processor_time(one.pid) for one in (agent, bare)]
        lasted = time.monotonic() - begun
        changed = json.loads(ask(server))
        agent_share, bare_share = (
            100 * (after - first) / lasted for after, first in zip(used, before, strict=True)
        )
        return Result(
            points=points,
            seconds=lasted,
            values=changed / lasted,
            agent=agent_share,
            bare=bare_share,
            agent_mb=memory(agent.pid).resident,
            bare_mb=memory(bare.pid).resident,
            import_mb=memory(imports.pid).resident,
            good=_good(folder),
        )


@click.command()
@click.option("--points", default=1000, show_default=True, help="How many variables.")
@click.option("--seconds", default=20, show_default=True, help="How long to measure.")
@click.option("--warm-up", default=6, show_default=True, help="Seconds before measuring.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(points: int, seconds: int, warm_up: int, as_json: bool) -> None:
    """Measure the agent on subscribed OPC UA values beside a bare subscription."""
    found = measure(points, seconds, warm_up)
    if as_json:
        click.echo(json.dumps({**asdict(found), "ratio": found.ratio, "goal": GOAL}))
        return
    click.echo(
        f"{found.points} OPC UA values, {found.values:.0f} changes a second, {found.good} good\n"
        f"processor, % of a core: agent {found.agent:.2f}, bare {found.bare:.2f}: "
        f"{found.ratio:.2f} x bare (goal {GOAL:g} x)\n"
        f"resident memory, MB: agent {found.agent_mb:.1f}, bare {found.bare_mb:.1f}, "
        f"libraries {found.import_mb:.1f}"
    )


if __name__ == "__main__":
    main()
