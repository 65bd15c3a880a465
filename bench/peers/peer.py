"""A program that is measured: how it is installed, run and killed, and what was seen of it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HOME = Path("build/peers")
VERSIONS = {"modpoll": "1.6.0", "thingsboard-gateway": "3.8.5"}


@dataclass(frozen=True, slots=True)
class Peer:
    """A program to measure: its command, its folder, and what it needs in its environment."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


Maker = Callable[[Path, int, int], Peer]
"""Sets a peer up in a folder, for the devices' port and the broker's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured of a peer."""

    name: str
    protocol: str
    processor: float
    """Percent of a core."""
    resident_mb: float
    asked: float
    """Requests (Modbus) or changed values (OPC UA) a second, as the devices counted them."""
    lost: int | None
    """Seconds whose sample was lost by the kill."""
    away: float
    """Seconds from the broker's end to its return."""


def installed(name: str, program: str) -> str:
    """Give the path of a peer's program."""
    return str((HOME / name / "bin" / program).resolve())


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
    # Where the environment forbids byte code, compiling a library anew takes hundreds of megabytes.
    compiling = [str(place / "bin/python"), "-m", "compileall", "-q", str(place / "lib")]
    subprocess.run(compiling, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})
    (place / ".ready").touch()


@contextlib.contextmanager
def running(peer: Peer) -> Iterator[subprocess.Popen[bytes]]:
    """Run a peer in a process group of its own; whatever it has started ends with it."""
    with (peer.folder / "log").open("ab") as log:
        found = subprocess.Popen(
            peer.command, cwd=peer.folder, env=peer.environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield found
    finally:
        kill(found)


def kill(found: subprocess.Popen[bytes]) -> None:
    """End a peer as a power cut does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(found.pid, signal.SIGKILL)
    found.wait()
