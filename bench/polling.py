"""Measure the agent on Modbus points of 10 devices, beside a bare loop doing the same reads.

Run with `python -m bench.polling [--points 10000]`. Both run over the same seconds, each with
of its own in another process, so that their ratio holds on a busy machine too. The bare loop
(bench/bare.py) knows the fewest requests beforehand and decodes nothing; the agent must find out
where the maps have holes, which the warm-up is for. Both are connected to a broker when mosquitto
is installed.
"""

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

import click
from rich.console import Console
from rich.table import Table

from bench import files
from bench.devices import DEVICES, POINTS, layout
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

STARTS = 5
"""Starts of which the median counts: one alone depends much on what else the machine does."""
MANY = 10_000
"""Points from which on the agent may take more memory."""


def goals(points: int) -> dict[str, float]:
    """Give what is wanted, at most.

    It is processor time of the agent to the bare loop's, megabytes beyond the libraries it cannot
    do without, and time to the first reading to the time of its imports.
    """
    return {"processor": 1.3, "memory": 40.0 if points >= MANY else 10.0, "start": 2.0}


LIBRARIES = """
import asyncio, sqlite3, ssl
import paho.mqtt.client, pymodbus.client
import cryptography.hazmat.primitives.asymmetric.ed25519, cryptography.x509
from pydantic import BaseModel
print(flush=True)
input()
"""
"""The libraries a program of this kind is usually built on, and nothing else.

A running agent has come to do without two of them (docs/performance.md): the floor stays.
"""


@dataclass(frozen=True, slots=True)
class Side:
    """What was measured of one of the two programs; `processor` is in percent of one core."""

    processor: float
    resident_mb: float
    proportional_mb: float
    requests: float
    """Requests a cycle, as the devices counted them."""
    blocks: list[list[int]]


@dataclass(frozen=True, slots=True)
class Starts:
    """Medians of several starts: of the agent, and of a process that only imports libraries."""

    first: float
    """Seconds from an agent's start until it first asked a device for values."""
    import_seconds: float
    import_mb: float


@dataclass(frozen=True, slots=True)
class Result:
    """One run: the agent, the bare loop, and what starting takes."""

    points: int
    seconds: float
    minimum: int
    """The fewest requests that read every point once."""
    broker: bool
    bad_points: int
    agent: Side
    bare: Side
    starts: Starts

    def ratios(self) -> dict[str, float]:
        """Compare in the terms of `goals`; on a machine too busy for each cycle, by request."""
        agent, bare = self.agent, self.bare
        return {
            "processor": agent.processor / agent.requests * bare.requests / bare.processor,
            "memory": self.agent.resident_mb - self.starts.import_mb,
            "start": self.starts.first / self.starts.import_seconds,
        }


@dataclass(slots=True)
class _Watch:
    """A program under measurement and the devices it reads."""

    running: subprocess.Popen[str]
    devices: subprocess.Popen[str]
    started: int
    first: float = 0.0
    processor: float = 0.0
    begun: float = 0.0

    def wait(self) -> Self:
        """Wait until a device has been asked for values."""
        while not (first := self._asked()["first"]):
            if self.running.poll() is not None:
                raise RuntimeError("a measured program has ended")
            time.sleep(0.02)
        self.first = (min(first) - self.started) / 1e9
        return self

    def begin(self) -> None:
        """Start to measure."""
        self._asked()
        self.begun = time.monotonic()
        self.processor = processor_time(self.running.pid)

    def _asked(self) -> Any:
        return json.loads(ask(self.devices))

    def end(self) -> Side:
        """Give what was measured since `begin`."""
        used = processor_time(self.running.pid) - self.processor
        lasted = time.monotonic() - self.begun
        asked, taken = self._asked(), memory(self.running.pid)
        return Side(
            processor=100 * used / lasted,
            resident_mb=taken.resident,
            proportional_mb=taken.proportional,
            requests=asked["requests"] / round(lasted),
            blocks=asked["blocks"],
        )


class _Bench:
    """The programs of a run in one temporary folder."""

    def __init__(
        self,
        folder: Path,
        stack: contextlib.ExitStack,
        points: int,
        with_broker: bool,
        devices: int,
    ) -> None:
        self.devices, self.points = devices, points // devices
        self.layouts = [layout(number, self.points) for number in range(devices)]
        self._folder = folder
        self._stack = stack
        self.broker = broker(folder, stack) if with_broker else None

    def _start(self, command: list[str], name: str) -> subprocess.Popen[str]:
        return self._stack.enter_context(program(command, self._folder / f"{name}.log"))

    def _devices(self, name: str) -> tuple[subprocess.Popen[str], list[int]]:
        running = self._start(self._serving(), name)
        return running, json.loads(hear(running))

    def _serving(self) -> list[str]:
        return python("bench.devices", str(self.points), str(self.devices))

    def starts(self, rounds: int) -> Starts:
        """Import the libraries alone and start an agent, in turns, while devices are at work."""
        imported, begun = [], []
        with program(self._serving(), self._folder / "devices-start.log") as devices:
            ports = json.loads(hear(devices))
            for number in range(rounds):
                imported.append(self._imported())
                folder = self._folder / f"start-{number}"
                folder.mkdir()
                command = self._agent(folder, ports)
                ask(devices)
                started = time.time_ns()
                with program(command, folder / "log") as running:
                    begun.append(_Watch(running, devices, started).wait().first)
        seconds, megabytes = zip(*imported, strict=True)
        return Starts(median(begun), median(seconds), median(megabytes))

    def _imported(self) -> tuple[float, float]:
        """Give the seconds and megabytes of importing the libraries alone."""
        begun = time.monotonic()
        with program(script(LIBRARIES), self._folder / "imports.log") as running:
            hear(running)
            return time.monotonic() - begun, memory(running.pid).resident

    def _agent(self, folder: Path, ports: Sequence[int]) -> list[str]:
        """Write a plant file into a folder and give the command of its agent."""
        file = folder / "plant.toml"
        file.write_text(files.plant(self.layouts, ports, self.broker))
        return python("agent.cli", "run", str(file))

    def agent(self) -> _Watch:
        """Start the agent."""
        devices, ports = self._devices("devices-agent")
        command = self._agent(self._folder, ports)
        started = time.time_ns()
        return _Watch(self._start(command, "agent"), devices, started).wait()

    def bare(self) -> _Watch:
        """Start the bare loop."""
        devices, ports = self._devices("devices-bare")
        file = self._folder / "bare.json"
        state = self._folder / "bare.sqlite"
        file.write_text(files.bare(self.layouts, ports, self.broker, state))
        started = time.time_ns()
        running = self._start(python("bench.bare", str(file)), "bare")
        return _Watch(running, devices, started).wait()

    def bad_points(self) -> int:
        """Count the points whose last value the agent does not trust."""
        return self.devices * self.points - trusted(self._folder / "run")


def measure(
    points: int,
    seconds: int,
    warm_up: int,
    with_broker: bool,
    devices: int = DEVICES,
    starts: int = STARTS,
) -> Result:
    """Run everything once with so many points, as many of them in each device."""
    with (
        tempfile.TemporaryDirectory(prefix="sidestream-bench-") as folder,
        contextlib.ExitStack() as stack,
    ):
        bench = _Bench(Path(folder), stack, points, with_broker, devices)
        started = bench.starts(starts)
        watched = bench.bare(), bench.agent()
        time.sleep(warm_up)
        between_cycles()
        for one in watched:
            one.begin()
        time.sleep(seconds)
        bare, agent = (one.end() for one in watched)
        return Result(
            points=points,
            seconds=seconds,
            minimum=sum(len(plan.minimum()) for plan in bench.layouts),
            broker=bench.broker is not None,
            bad_points=bench.bad_points(),
            agent=agent,
            bare=bare,
            starts=started,
        )


def show(result: Result) -> None:
    """Print the table."""
    agent, bare, ratios = result.agent, result.bare, result.ratios()
    wanted = goals(result.points)
    table = Table(
        title=f"{result.points} points of {DEVICES} devices at 1 s, over {result.seconds:g} s, "
        f"{'connected to mosquitto' if result.broker else 'without a hub'}",
        title_justify="left",
        show_edge=False,
    )
    for column in ("", "bare loop", "agent", "compared", "goal"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row(
        "requests a cycle", f"{bare.requests:.2f}", f"{agent.requests:.2f}",
        "same blocks" if agent.blocks == bare.blocks else "other blocks", str(result.minimum),
    )  # fmt: skip
    table.add_row("points that are not good", "", str(result.bad_points), "", "0")
    table.add_row(
        "processor, % of a core", f"{bare.processor:.2f}", f"{agent.processor:.2f}",
        f"{ratios['processor']:.2f} x bare", f"{wanted['processor']:g} x",
    )  # fmt: skip
    table.add_row(
        "resident memory, MB", f"{bare.resident_mb:.1f}", f"{agent.resident_mb:.1f}",
        f"libraries {result.starts.import_mb:.1f} + {ratios['memory']:.1f}",
        f"+ {wanted['memory']:g}",
    )  # fmt: skip
    table.add_row(
        "proportional memory, MB", f"{bare.proportional_mb:.1f}", f"{agent.proportional_mb:.1f}",
    )  # fmt: skip
    table.add_row(
        "start to first request, s", "", f"{result.starts.first:.2f}",
        f"{ratios['start']:.2f} x libraries", f"{wanted['start']:g} x",
    )  # fmt: skip
    Console(highlight=False).print(table)


@click.command()
@click.option(
    "--points", default=DEVICES * POINTS, show_default=True, help="How many, of all devices."
)
@click.option("--seconds", default=20, show_default=True, help="How long to measure.")
@click.option("--warm-up", default=6, show_default=True, help="Seconds before measuring.")
@click.option("--no-hub", is_flag=True, help="Leave the broker out although there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(points: int, seconds: int, warm_up: int, no_hub: bool, as_json: bool) -> None:
    """Measure the agent on Modbus points beside a bare loop doing the same reads."""
    result = measure(points, seconds, warm_up, not no_hub)
    if as_json:
        found = {**asdict(result), "compared": result.ratios(), "goals": goals(points)}
        click.echo(json.dumps(found))
    else:
        show(result)


if __name__ == "__main__":
    main()
