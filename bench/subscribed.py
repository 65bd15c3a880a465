"""Measure the agent on subscribed OPC UA values, beside a bare subscription that drops them.

Run with `python -m bench.subscribed [--points 10000]`. Each subscribes to a server of its own, of
the same variables (bench/variables.py), over the same seconds. The bare program
(bench/bare_opcua.py) uses the library as its manual shows: a handler called with each value. The
servers count what they changed and what each program confirmed: a run in which a change did not
arrive, or in which the agent does not trust a value, is no figure.
"""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from bench import files
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
    trusted,
)
from bench.variables import Told

GOAL = 1.3
"""At most: processor time of the agent to the bare subscription's."""
MANY = 10_000
"""Points from which on the agent may take more memory."""
LIBRARIES = """
import sqlite3, ssl
import paho.mqtt.client, asyncua
import cryptography.hazmat.primitives.asymmetric.ed25519, cryptography.x509
from pydantic import BaseModel
print(flush=True)
input()
"""
"""The libraries a program of this kind is usually built on, and nothing else."""
_PATIENCE = 120.0
_SLICES = 2
"""Times it is measured, at most, until nothing was lost: a busy computer may be too slow once."""


def spare_memory(points: int) -> float:
    """Give the megabytes that the agent may take beyond its libraries."""
    return 40.0 if points >= MANY else 10.0


@dataclass(frozen=True, slots=True)
class Side:
    """What was measured of one of the two programs."""

    processor: float
    """Percent of one core."""
    resident_mb: float
    values: float
    """Values that arrived in a second."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run: the agent, the bare subscription, and a process that only imported libraries."""

    points: int
    seconds: float
    agent: Side
    bare: Side
    server: float
    """Processor time of the server of the agent's values, in percent of one core."""
    import_mb: float

    @property
    def ratio(self) -> float:
        """Processor time of the agent to that of the bare subscription."""
        return self.agent.processor / self.bare.processor


@dataclass(slots=True)
class _Watch:
    """A program under measurement and the server it listens to."""

    name: str
    running: subprocess.Popen[str]
    server: subprocess.Popen[str]
    begun: float = 0.0
    before: tuple[float, float] = (0.0, 0.0)

    def _used(self) -> tuple[float, float]:
        return processor_time(self.running.pid), processor_time(self.server.pid)

    def begin(self) -> None:
        """Start to measure."""
        ask(self.server)
        self.begun, self.before = time.monotonic(), self._used()

    def end(self, points: int) -> tuple[Side, float]:
        """Give what was measured since `begin`, and what the server took."""
        lasted = time.monotonic() - self.begun
        own, server = (
            100 * (after - first) / lasted
            for after, first in zip(self._used(), self.before, strict=True)
        )
        told = Told(**json.loads(ask(self.server)))
        check(self.name, told, points, lasted)
        return Side(own, memory(self.running.pid).resident, told.arrived / lasted), server


class LostError(RuntimeError):
    """Not all values were changed each second, or some did not arrive: no figure."""


def check(name: str, told: Told, points: int, seconds: float) -> None:
    """Raise LostError when not every value changed each second, or a change did not arrive.

    One change of each value may still be on its way, or have come from before.
    """
    if told.changed < (seconds - 1) * points:
        raise LostError(f"{name}: its server made {told.changed} changes in {seconds:.0f} s")
    if told.arrived < told.changed - points:
        raise LostError(
            f"{name}: of {told.changed} changes {told.sent} were sent and {told.arrived} arrived"
        )


class _Bench:
    """The programs of a run in one temporary folder."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack, points: int) -> None:
        self.points = points
        self._folder = folder
        self._stack = stack
        self.broker = broker(folder, stack)

    def _start(self, command: list[str], name: str) -> subprocess.Popen[str]:
        return self._stack.enter_context(program(command, self._folder / f"{name}.log"))

    def _server(self, name: str) -> tuple[subprocess.Popen[str], str]:
        running = self._start(python("bench.variables", str(self.points)), name)
        return running, f"opc.tcp://127.0.0.1:{json.loads(hear(running))}"

    def imports(self) -> float:
        """Give the megabytes of importing the libraries alone."""
        running = self._start(script(LIBRARIES), "imports")
        hear(running)
        return memory(running.pid).resident

    def agent(self) -> _Watch:
        """Start the agent, and wait until it has each value."""
        server, url = self._server("server-agent")
        file = self._folder / "plant.toml"
        file.write_text(files.subscriber(url, self.points, self.broker))
        running = self._start(python("agent.cli", "run", str(file)), "agent")
        deadline = time.monotonic() + _PATIENCE
        while self.good() < self.points and time.monotonic() < deadline:
            time.sleep(1)
        return _Watch("agent", running, server)

    def bare(self) -> _Watch:
        """Start the bare subscription, and wait until it has asked for each value."""
        server, url = self._server("server-bare")
        file, state = self._folder / "bare.json", self._folder / "bare.sqlite"
        file.write_text(files.bare_subscriber(url, self.points, self.broker, state))
        running = self._start(python("bench.bare_opcua", str(file)), "bare")
        hear(running)
        return _Watch("bare subscription", running, server)

    def good(self) -> int:
        """Count the points whose last value the agent trusts."""
        return trusted(self._folder / "run")


def _measured(
    watched: Sequence[_Watch], points: int, seconds: int, slices: int = _SLICES
) -> list[tuple[Side, float]]:
    """Measure all programs over the same seconds; raises LostError when every slice lost values."""
    between_cycles()
    for one in watched:
        one.begin()
    time.sleep(seconds)
    try:
        return [one.end(points) for one in watched]
    except LostError:
        if slices == 1:
            raise
        return _measured(watched, points, seconds, slices - 1)


def measure(points: int, seconds: int, warm_up: int) -> Result:
    """Run everything once; raises RuntimeError where values were lost or are not trusted."""
    with (
        tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name,
        contextlib.ExitStack() as stack,
    ):
        bench = _Bench(Path(name), stack, points)
        import_mb = bench.imports()
        watched = bench.agent(), bench.bare()
        time.sleep(warm_up)
        (agent, server), (bare, _) = _measured(watched, points, seconds)
        if (good := bench.good()) < points:
            raise RuntimeError(f"the agent trusts {good} of {points} values")
        return Result(points, seconds, agent, bare, server, import_mb)


@click.command()
@click.option("--points", default=1000, show_default=True, help="How many variables.")
@click.option("--seconds", default=20, show_default=True, help="How long to measure.")
@click.option("--warm-up", default=6, show_default=True, help="Seconds before measuring.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(points: int, seconds: int, warm_up: int, as_json: bool) -> None:
    """Measure the agent on subscribed OPC UA values beside a bare subscription."""
    found = measure(points, seconds, warm_up)
    agent, bare = found.agent, found.bare
    if as_json:
        click.echo(json.dumps({**asdict(found), "ratio": found.ratio, "goal": GOAL}))
        return
    click.echo(
        f"{points} OPC UA values; a second, agent {agent.values:.0f}, bare {bare.values:.0f}\n"
        f"processor, % of a core: agent {agent.processor:.2f}, bare {bare.processor:.2f}: "
        f"{found.ratio:.2f} x bare (goal {GOAL:g} x); a server {found.server:.2f}\n"
        f"resident memory, MB: agent {agent.resident_mb:.1f}, bare {bare.resident_mb:.1f}, "
        f"libraries {found.import_mb:.1f} (goal + {spare_memory(points):g})"
    )


if __name__ == "__main__":
    main()
