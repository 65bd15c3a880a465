"""The package installed in a container, an agent and a hub set up in it, and a broker between."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.package.container import Container, base, booted, wait_for
from tests.pki import Authority

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PYTHON = "/opt/sidestream/bin/python3"
BROKER = """
listener 8883 127.0.0.1
cafile /etc/mosquitto/tls/ca.crt
certfile /etc/mosquitto/tls/broker.crt
keyfile /etc/mosquitto/tls/broker.key
require_certificate true
use_identity_as_username true
max_queued_messages 0
"""
UPLINK = """
[hub]
cluster = "ora"
broker = "mqtts://broker.test:8883"
{key}
[hub.tls]
ca = "/etc/mosquitto/tls/ca.crt"
certificate = "/etc/mosquitto/tls/{name}.crt"
key = "credential:broker.key"
"""
PLANT = """
[plant]
name = "Kvina works"
owner = "Example Metals"
[windows]
measure = "1 s"
release = "2 s"
grace = "300 ms"
jitter = "100 ms"
checkpoint = "200 ms"
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = 5020
every = "200 ms"
[sources.belt.points]
total = { register = 40001, type = "uint32", unit = "kg" }
[sources.filter]
protocol = "opcua"
url = "opc.tcp://127.0.0.1:4840"
security = "None"
every = "500 ms"
[sources.filter.points]
dust = { node = "ns=2;s=Dust", unit = "t/h" }
[streams.slag]
material = "10 09 03"
meter = { total = "belt.total", max_rate = "100000 t/h", max_gap = "10 min" }
share = "cluster"
[streams.dust]
material = "10 08 15*"
meter = { rate = "filter.dust" }
"""
RULES = """
[release]
wait = "1 s"
calendars = { material = "day" }
"""
MEMBER = """
[[members]]
name = "kvina"
owner = "Example Metals"
place = "ora/n"
key = "{key}"
"""
CREDENTIALS = "[Service]\nLoadCredential=broker.key:/etc/sidestream/{name}-broker.key\n"


@dataclass(frozen=True)
class Packages:
    """The package, and the same with a later version."""

    first: Path
    second: Path


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Give the package that `make deb` has built, named by SIDESTREAM_DEB."""
    first = Path(os.environ["SIDESTREAM_DEB"]).resolve()
    folder = tmp_path_factory.mktemp("packages")
    tree, second = folder / "tree", folder / "sidestream_later.deb"
    subprocess.run(["dpkg-deb", "-R", str(first), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nArch", "+later\nArch", 1))
    subprocess.run(["dpkg-deb", "-Znone", "-b", str(tree), str(second)], check=True)
    return Packages(first, second)


@pytest.fixture(scope="module")
def fresh(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """Give a booted Debian with the package installed and nothing set up."""
    cache = Path(os.environ.get("SIDESTREAM_BASE", ROOT / "build"))
    with booted(base(cache), tmp_path_factory.mktemp("container")) as container:
        install(container, packages.first)
        yield container


def install(container: Container, package: Path) -> None:
    """Install a package as `apt install ./…` does once everything it needs is there."""
    (container.root / "root" / package.name).write_bytes(package.read_bytes())
    container.did("dpkg", "-i", f"/root/{package.name}")


@pytest.fixture(scope="module")
def running(fresh: Container) -> Container:
    """Give the container with devices, broker, hub and agent running from their units."""
    _field(fresh)
    _broker(fresh)
    _keys(fresh)
    fresh.did("systemctl", "daemon-reload")
    # No time server is near, and the clock is the host's: say in its place what it would say.
    fresh.write("/usr/local/bin/timedatectl", "#!/bin/sh\necho yes\n", 0o755)
    # What the scale counts before the clock is known to be right is not measured.
    fresh.did("systemctl", "start", "sidestream-clock")
    told = "/run/sidestream-clock/synchronised"
    wait_for(lambda: fresh.run("test", "-e", told).returncode == 0, "the clock")
    fresh.did("systemctl", "enable", "--now", "sidestream-hub", "sidestream-agent")
    wait_for(lambda: confirmed(fresh) >= 2, "a record confirmed by the hub")
    return fresh


def _field(container: Container) -> None:
    for script in ("field", "inside", "measured"):
        container.write(f"/usr/local/lib/{script}.py", (HERE / f"{script}.py").read_text())
    container.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    container.did(
        "systemd-run", "--unit=field", "-p", "RuntimeDirectory=field", PYTHON,
        "/usr/local/lib/field.py", "/run/field",
    )  # fmt: skip
    wait_for(lambda: container.run("test", "-e", "/run/field/ready").returncode == 0, "the devices")


def _broker(container: Container) -> None:
    authority = Authority(container.root / "etc/mosquitto/tls")
    authority.server("broker", names=("broker.test",))
    for name in ("plant", "hub"):
        pair = authority.client(name)
        container.write(f"/etc/sidestream/{name}-broker.key", pair.key.read_text(), 0o600)
        pair.key.unlink()
    container.write("/etc/mosquitto/conf.d/tls.conf", BROKER)
    container.did("systemctl", "restart", "mosquitto")


def _keys(container: Container) -> None:
    """Write both files, make both keys and tell each side the other's."""
    hub, plant = (f"/etc/sidestream/{name}.toml" for name in ("hub", "plant"))
    alone = UPLINK.format(key='key_file = "hub.pem"', name="hub") + RULES
    container.write("/etc/sidestream/first.toml", alone)
    made = container.did(
        "sidestream", "hub", "key", "/etc/sidestream/first.toml", "--create", "--json"
    )
    (container.root / "etc/sidestream/first.toml").unlink()
    key = f'key = "{json.loads(made)["key"]}"'
    container.write(plant, PLANT + UPLINK.format(key=key, name="plant"), 0o644)
    user = ("runuser", "-u", "sidestream", "--")
    made = container.did(*user, "sidestream", "key", "--create", "--json")
    member = MEMBER.format(key=json.loads(made)["key"])
    kept = UPLINK.format(key='key_file = "credential:hub.pem"', name="hub") + RULES + member
    container.write(hub, kept)
    _credential(container, "agent", CREDENTIALS.format(name="plant"))
    more = "LoadCredential=hub.pem:/etc/sidestream/hub.pem\n"
    _credential(container, "hub", CREDENTIALS.format(name="hub") + more)


def _credential(container: Container, unit: str, text: str) -> None:
    container.write(f"/etc/systemd/system/sidestream-{unit}.service.d/credentials.conf", text)


def confirmed(container: Container) -> int:
    """Count the records that the hub has confirmed."""
    told = container.said("sidestream", "status", "--json")
    return int(json.loads(told)["outbox"]["by_status"].get("receipted", 0)) if told else 0
