"""Peers: the agent beside other gateways, on the same simulated devices and the same broker.

Run with `make peers`. Each peer is installed from the package index into a virtual environment of
its own under build/peers, and is no part of this project. All poll ten devices of a hundred
registers behind one port, once a second, one after the other so that none slows another down.

Then each is killed (kill -9) while the broker is away, and started again with it: the first
register is a count of seconds, and a sample is lost whose count never reaches the broker. The agent
does not send samples but sums of a totaliser, sealed; it is asked what it has measured instead,
from its state file: seconds of the count that are in no total.
"""

import asyncio
import contextlib
import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion
from rich.console import Console
from rich.table import Table

from bench.process import ask, free_port, hear, memory, processor_time, program, python
from gateway.keys import HubKey
from simulation.modbus import Device, ModbusPlant
from tests.servers import Mosquitto

HOME = Path("build/peers")
VERSIONS = {"modpoll": "1.6.0", "thingsboard-gateway": "3.8.5"}
DEVICES = 10
REGISTERS = 100
AWAY = 15
"""Seconds the broker is away before the kill."""
_BEGUN = 1_700_000_000
_PLANT = """
[plant]
name = "Bench"
owner = "Bench"
[hub]
cluster = "bench"
broker = "mqtt://127.0.0.1:{broker}"
insecure = true
key = "{key}"
receipts = false
[windows]
measure = "5 s"
release = "5 s"
grace = "1 s"
jitter = "100 ms"
checkpoint = "1 s"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
[streams.slag]
material = "10 09 03"
meter = {{ total = "d1.r000", max_rate = "36000 t/h" }}
share = "cluster"
"""
_SOURCE = """
[sources.d{unit}]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
device_id = {unit}
[sources.d{unit}.points]
"""
_POINT = 'r{n:03} = {{ register = {register}, type = "uint16", unit = "{what}" }}\n'


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to measure: its command, its folder, and what it needs in its environment."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured of a peer."""

    name: str
    processor: float
    """Percent of a core."""
    resident_mb: float
    requests: float
    """Requests a second, as the devices counted them."""
    lost: int | None
    """Seconds whose sample was lost by the kill."""
    away: float
    """Seconds from the broker's end to its return."""


def second() -> int:
    """Give what the first register of each device shows."""
    return (int(time.time()) - _BEGUN) % 65_536


def _register(at: int) -> int | None:
    if at >= REGISTERS:
        return None
    return second() if at == 0 else (at * 7 + int(time.time())) % 65_536


async def _serve() -> None:
    units = {unit: Device(registers=_register) for unit in range(1, DEVICES + 1)}
    async with ModbusPlant(units) as plant:
        print(plant.port, flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(plant.counts.requests, flush=True)


def _agent(folder: Path, port: int, broker: int) -> Peer:
    text = _PLANT.format(broker=broker, key=HubKey(Ed25519PrivateKey.generate()).public)
    for unit in range(1, DEVICES + 1):
        text += _SOURCE.format(unit=unit, port=port)
        for n in range(REGISTERS):
            counted = unit == 1 and n == 0
            text += _POINT.format(n=n, register=40_001 + n, what="kg" if counted else "1")
    (folder / "plant.toml").write_text(text)
    return Peer("sidestream", python("agent.cli", "run", "plant.toml"), folder, os.environ)


def _modpoll(folder: Path, port: int, broker: int) -> Peer:
    with (folder / "modpoll.csv").open("w", newline="") as file:
        write = csv.writer(file).writerow
        for unit in range(1, DEVICES + 1):
            write(["device", f"d{unit}", unit])
            write(["poll", "holding_register", 0, REGISTERS, "BE_BE"])
            for n in range(REGISTERS):
                write(["ref", f"r{n:03}", n, "uint16", "r"])
    words = ["--tcp", "127.0.0.1", "--tcp-port", port, "-f", "modpoll.csv", "-d", "-r", 1]
    words += ["--interval", 0, "--mqtt-host", "127.0.0.1", "--mqtt-port", broker]
    words += ["--mqtt-qos", 1, "--mqtt-clientid", "modpoll", "--loglevel", "ERROR"]
    # As 3.1.1 this version does not start with the paho that is installed with it.
    words += ["--mqtt-version", "5.0"]
    found = str((HOME / "modpoll/bin/modpoll").resolve())
    return Peer("modpoll", [found, *map(str, words)], folder, os.environ)


def _thingsboard(folder: Path, port: int, broker: int) -> Peer:
    config = folder / "config"
    config.mkdir()
    main = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": broker,
            "remoteShell": False,
            "remoteConfiguration": False,
            "statistics": {"enable": False},
            "deviceFiltering": {"enable": False},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
            "security": {"type": "accessToken", "accessToken": "bench"},
            "qos": 1,
        },
        "storage": {"type": "memory", "read_records_count": 100, "max_records_count": 100_000},
        "grpc": {"enabled": False},
        "connectors": [{"type": "modbus", "name": "modbus", "configuration": "modbus.json"}],
    }
    (config / "tb_gateway.json").write_text(json.dumps(main))
    slaves = [_slave(unit, port) for unit in range(1, DEVICES + 1)]
    modbus = {"name": "modbus", "logLevel": "ERROR", "master": {"slaves": slaves}, "slave": None}
    (config / "modbus.json").write_text(json.dumps(modbus))
    (config / "logs.json").write_text(json.dumps(_LOGS))
    environment = {**os.environ, "TB_GW_CONFIG_DIR": f"{config}/"}
    found = str((HOME / "thingsboard-gateway/bin/thingsboard-gateway").resolve())
    return Peer("thingsboard-gateway", [found], folder, environment)


_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"consoleHandler": {"class": "logging.StreamHandler", "level": "ERROR"}},
    "loggers": {},
    "root": {"level": "ERROR", "handlers": ["consoleHandler"]},
}


def _slave(unit: int, port: int) -> dict[str, object]:
    values = [
        {"tag": f"r{n:03}", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": n}
        for n in range(REGISTERS)
    ]
    return {
        "host": "127.0.0.1", "port": port, "type": "tcp", "method": "socket", "timeout": 5,
        "byteOrder": "BIG", "wordOrder": "BIG", "retries": True, "retryOnEmpty": True,
        "retryOnInvalid": True, "pollPeriod": 1000, "unitId": unit, "deviceName": f"d{unit}",
        "deviceType": "default", "connectAttemptTimeMs": 5000, "connectAttemptCount": 5,
        "waitAfterFailedAttemptsMs": 5000, "attributes": [], "timeseries": values,
        "attributeUpdates": [], "rpc": [],
    }  # fmt: skip


MAKERS: Mapping[str, Callable[[Path, int, int], Peer]] = {
    "sidestream": _agent,
    "modpoll": _modpoll,
    "thingsboard-gateway": _thingsboard,
}


def install(name: str) -> None:
    """Install a peer into a folder of its own, unless it is there."""
    place = HOME / name
    if (place / ".ready").exists():
        return
    wanted = f"{name}=={VERSIONS[name]}"
    print(f"installing {wanted} into {place}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    quiet = ["--quiet", "--disable-pip-version-check"]
    subprocess.run([str(place / "bin/pip"), "install", *quiet, wanted], check=True)
    (place / ".ready").touch()


@contextlib.contextmanager
def _running(peer: Peer) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer in a process group of its own; whatever it has started ends with it."""
    with (peer.folder / "log").open("ab") as log:
        running = subprocess.Popen(
            peer.command, cwd=peer.folder, env=peer.environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield running
    finally:
        _kill(running)


def _kill(running: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


class _Observer:
    """Collects which seconds' samples have come by the broker: whatever holds r000."""

    def __init__(self) -> None:
        self.seconds: set[int] = set()

    @contextlib.contextmanager
    def listening(self, port: int) -> Iterator[None]:
        """Listen to all topics of a broker."""
        client = Client(CallbackAPIVersion.VERSION2)
        client.on_message = self._take
        client.connect("127.0.0.1", port)
        client.subscribe("#", 1)
        client.loop_start()
        try:
            yield
        finally:
            client.loop_stop()
            client.disconnect()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        for found in re.findall(rb'"r000":\s*"?(\d+)', message.payload):
            self.seconds.add(int(found))


def _measured(folder: Path) -> set[int]:
    """Give the seconds of the count that the agent's totals hold."""
    path = folder / "state" / "state.sqlite"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute('SELECT start, "end", quantity FROM totals').fetchall()
    seconds: set[int] = set()
    for start, end, tonnes in rows:
        first = start // 10**9 - _BEGUN
        # A window that holds less than its length of the count has lost the difference.
        whole = min(round(tonnes * 1000), (end - start) // 10**9)
        seconds |= {one % 65_536 for one in range(first, first + whole)}
    return seconds


def _lost(peer: Peer, broker: Mosquitto) -> tuple[int, float]:
    """Kill a peer while its broker is away; gives how many seconds are missing, and of how many."""
    observer = _Observer()
    with observer.listening(broker.port), _running(peer) as running:
        time.sleep(10)
        gone = second()
        if peer.name != "sidestream" and not observer.seconds:
            raise RuntimeError(f"nothing of {peer.name} came by the broker before it went away")
        broker.stop()
        time.sleep(AWAY)
        _kill(running)
        killed = second()
    broker.start()
    with observer.listening(broker.port), _running(peer):
        time.sleep(25)
    seen = _measured(peer.folder) if peer.name == "sidestream" else observer.seconds
    wanted = range(gone + 1, killed)
    return sum(one not in seen for one in wanted), float(len(wanted))


def measure(name: str, seconds: int) -> Seen:
    """Measure one peer."""
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as made:
        folder = Path(made)
        broker = Mosquitto(folder / "broker", "max_queued_messages 0", port=free_port())
        broker.start()
        try:
            with program(python("bench.peers", "--serve"), folder / "devices.log") as devices:
                port = int(hear(devices))
                peer = MAKERS[name](folder, port, broker.port)
                with _running(peer) as running:
                    time.sleep(15)
                    asked, used = int(ask(devices)), processor_time(running.pid)
                    begun = time.monotonic()
                    time.sleep(seconds)
                    if running.poll() is not None:
                        raise RuntimeError(f"{name} has ended:\n{(folder / 'log').read_text()}")
                    lasted = time.monotonic() - begun
                    used = processor_time(running.pid) - used
                    requests = (int(ask(devices)) - asked) / lasted
                    resident = memory(running.pid).resident
                lost, away = _lost(peer, broker)
        finally:
            broker.stop()
    return Seen(name, 100 * used / lasted, resident, requests, lost, away)


def show(found: Sequence[Seen]) -> None:
    """Print the table."""
    drawn = Table(
        title=f"{DEVICES} devices of {REGISTERS} registers, at 1 s, over one broker",
        title_justify="left",
        show_edge=False,
    )
    for name in ("", "processor, %", "memory, MB", "requests/s", "lost by kill -9"):
        drawn.add_column(name, justify="left" if not name else "right")
    for one in found:
        lost = f"{one.lost} of {one.away:.0f} s"
        drawn.add_row(
            one.name, f"{one.processor:.2f}", f"{one.resident_mb:.1f}", f"{one.requests:.0f}", lost
        )
    Console(highlight=False).print(drawn)


@click.command()
@click.option("--seconds", default=30, show_default=True, help="How long to measure each.")
@click.option("--only", multiple=True, type=click.Choice(list(MAKERS)), help="These peers only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("--serve", is_flag=True, hidden=True, help="Be the devices.")
def main(seconds: int, only: Sequence[str], as_json: bool, serve: bool) -> None:
    """Measure other gateways beside the agent, on the same devices and broker.

    Example: python -m bench.peers --only sidestream --only modpoll
    """
    if serve:
        asyncio.run(_serve())
        return
    found = []
    for name in only or list(MAKERS):
        if name in VERSIONS:
            install(name)
        print(f"measuring {name}", file=sys.stderr)
        found.append(measure(name, seconds))
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
