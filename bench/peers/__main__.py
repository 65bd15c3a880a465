"""The command: measure each peer, one after the other, and print a table for each protocol."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench.peers import modbus, opcua
from bench.peers.loss import lost
from bench.peers.peer import VERSIONS, Maker, Peer, Seen, install, running
from bench.peers.platform import Platform
from bench.process import ask, free_port, hear, memory, processor_time, program, python
from tests.servers import Mosquitto


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is read over one protocol, how it is served, and who can read it."""

    title: str
    asked: str
    devices: Sequence[str]
    makers: Mapping[str, Maker]
    warm_up: int
    """Seconds until the slowest of them reads everything."""


SCENES = {
    "modbus": _Scene(
        f"Modbus TCP: {modbus.DEVICES} devices of {modbus.REGISTERS} registers",
        "requests/s",
        ("bench.peers", "--serve"),
        modbus.MAKERS,
        15,
    ),
    "opcua": _Scene(
        f"OPC UA: a server of {opcua.VARIABLES} variables that all change",
        "changes/s",
        ("bench.variables", str(opcua.VARIABLES)),
        opcua.MAKERS,
        45,
    ),
}


def measure(protocol: str, name: str, seconds: int) -> Seen:
    """Measure one peer on one protocol."""
    scene = SCENES[protocol]
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as made:
        folder = Path(made)
        broker = Mosquitto(folder / "broker", "max_queued_messages 0", port=free_port())
        broker.start()
        try:
            platform = Platform(broker.port)
            with (
                platform.listening(),
                program(python(*scene.devices), folder / "devices.log") as devices,
            ):
                peer = scene.makers[name](folder, int(hear(devices)), broker.port)
                used, asked, resident = _watched(peer, devices, scene.warm_up, seconds)
                missing, away = lost(peer, broker, platform)
        finally:
            broker.stop()
    return Seen(name, protocol, used, resident, asked, missing, away)


def _watched(
    peer: Peer, devices: subprocess.Popen[str], warm_up: int, seconds: int
) -> tuple[float, float, float]:
    """Give a peer's processor time (% of a core), what it asked a second, and its memory (MB)."""
    with running(peer) as found:
        time.sleep(warm_up)
        used = processor_time(found.pid)
        ask(devices)
        begun = time.monotonic()
        time.sleep(seconds)
        if found.poll() is not None:
            raise RuntimeError(f"{peer.name} has ended:\n{(peer.folder / 'log').read_text()}")
        lasted = time.monotonic() - begun
        used = processor_time(found.pid) - used
        return 100 * used / lasted, _count(ask(devices)) / lasted, memory(found.pid).resident


def _count(answer: str) -> int:
    """Read what devices tell: of requests, or of changed values and what became of them."""
    told: int | dict[str, int] = json.loads(answer)
    return told if isinstance(told, int) else told["changed"]


def show(protocol: str, found: Sequence[Seen]) -> None:
    """Print the table of a protocol."""
    scene = SCENES[protocol]
    drawn = Table(title=f"{scene.title}, at 1 s", title_justify="left", show_edge=False)
    for name in ("", "processor, %", "memory, MB", scene.asked, "lost by kill -9"):
        drawn.add_column(name, justify="left" if not name else "right")
    for one in found:
        missing = f"{one.lost} of {one.away:.0f} s"
        drawn.add_row(
            one.name, f"{one.processor:.2f}", f"{one.resident_mb:.1f}", f"{one.asked:.0f}", missing
        )
    Console(highlight=False).print(drawn)


@click.command()
@click.option("--seconds", default=30, show_default=True, help="How long to measure each.")
@click.option("--protocol", "-p", multiple=True, type=click.Choice(list(SCENES)), help="Only this.")
@click.option("--only", multiple=True, type=click.Choice(list(modbus.MAKERS)), help="These peers.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--serve", is_flag=True, hidden=True, help="Be the Modbus devices.")
def main(
    seconds: int, protocol: Sequence[str], only: Sequence[str], as_json: bool, serve: bool
) -> None:
    """Measure other gateways beside the agent, on the same devices and broker.

    Example: python -m bench.peers --protocol modbus --only sidestream --only modpoll
    """
    if serve:
        asyncio.run(modbus.serve())
        return
    found = []
    for one in protocol or list(SCENES):
        for name in [name for name in SCENES[one].makers if not only or name in only]:
            if name in VERSIONS:
                install(name)
            print(f"measuring {name} over {one}", file=sys.stderr)
            found.append(measure(one, name, seconds))
        if not as_json:
            show(one, [seen for seen in found if seen.protocol == one])
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))


if __name__ == "__main__":
    main()
