"""Real servers for tests, each started on a free port of 127.0.0.1 and always ended by its pid."""

import contextlib
import http
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    # Making certificates is slow to import, and most tests need none.
    from tests.pki import Pair

from simulation.ports import free_port

__all__ = ["free_port"]

START_SECONDS = 15.0
_STEP = 0.02


def program(name: str, *places: str) -> str:
    """Find a program; raises `FileNotFoundError` when it is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", *places])
    found = shutil.which(name, path=path)
    if found is None:
        raise FileNotFoundError(name)
    return found


@cache
def may_trace() -> bool:
    """Tell whether strace is installed and lets this process trace programs it starts."""
    try:
        command = [program("strace"), "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "true"]
    except FileNotFoundError:
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@cache
def may_separate() -> bool:
    """Tell whether the kernel lets this process have mounts, links and filters of its own."""
    made = ["unshare", "--net", "--mount"]
    with contextlib.suppress(FileNotFoundError):
        made += [program("nft"), "add", "table", "inet", "probe"]
    made += ["true"] if len(made) == 3 else []
    return subprocess.run(made, capture_output=True, check=False).returncode == 0


class Server:
    """A program that listens on one port: start, stop, kill -9, start again on the same port."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.command = command
        self.port = port
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def ready(self) -> bool:
        """Tell whether the server takes connections."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def start(self) -> None:
        """Start the program and wait until it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log.read_text()}")
            time.sleep(_STEP)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the program and wait for its end."""
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def kill(self) -> None:
        """End the program at once, as a power cut would."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Stop the program and start it again on the same port."""
        self.stop()
        self.start()

    def signal(self, what: signal.Signals) -> None:
        """Send a signal, such as SIGHUP to read configuration anew or SIGSTOP to freeze."""
        if self.process is not None:
            self.process.send_signal(what)


class Mosquitto(Server):
    """A mosquitto broker with its configuration, log and persistence in one folder.

    `config` is added to the configuration file as it stands. `tls` makes the listener speak TLS
    only, `client_ca` makes it require client certificates of that authority, `acl` is the text of
    an access control list, `users` are passwords by user name (without them anybody may connect).
    Sessions and queues are saved when the broker is stopped and by `save`, else every half hour.
    """

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        port: int | None = None,
        tls: "Pair | None" = None,
        client_ca: Path | None = None,
        acl: str | None = None,
        users: dict[str, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        chosen = port or free_port()
        lines = [f"listener {chosen} 127.0.0.1", "user root", f"allow_anonymous {_on(not users)}"]
        lines += ["persistence true", f"persistence_location {folder}/"]
        lines += _tls(tls, client_ca)
        lines += _acl(folder, acl) + _users(folder, users)
        path = folder / "mosquitto.conf"
        path.write_text("\n".join([*lines, config, ""]))
        super().__init__([program("mosquitto"), "-c", str(path)], chosen, folder / "mosquitto.log")

    def save(self) -> None:
        """Save sessions and queues to disk, so that they outlive kill -9."""
        path = self.folder / "mosquitto.db"
        before = path.stat().st_mtime_ns if path.exists() else 0
        self.signal(signal.SIGUSR1)
        deadline = time.monotonic() + START_SECONDS
        while not path.exists() or path.stat().st_mtime_ns == before:
            if time.monotonic() > deadline:
                raise RuntimeError("mosquitto did not save its state")
            time.sleep(_STEP)


def _on(value: bool) -> str:
    return "true" if value else "false"


def _tls(tls: "Pair | None", client_ca: Path | None) -> list[str]:
    if tls is None:
        return []
    lines = [f"certfile {tls.certificate}", f"keyfile {tls.key}"]
    if client_ca is not None:
        lines += [
            f"cafile {client_ca}",
            "require_certificate true",
            "use_identity_as_username true",
        ]
    return lines


def _acl(folder: Path, acl: str | None) -> list[str]:
    if acl is None:
        return []
    (folder / "acl").write_text(acl)
    return [f"acl_file {folder / 'acl'}"]


def _users(folder: Path, users: dict[str, str] | None) -> list[str]:
    if not users:
        return []
    path = folder / "passwords"
    path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
    subprocess.run([program("mosquitto_passwd"), "-U", str(path)], check=True, capture_output=True)
    return [f"password_file {path}"]


class VictoriaMetrics(Server):
    """A VictoriaMetrics store with its data in one folder; `options` are added as they stand."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        command = [
            program("victoria-metrics"),
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={folder / 'data'}",
            "-memory.allowedPercent=5",
            *options,
        ]
        super().__init__(command, port, folder / "victoria.log")

    @property
    def url(self) -> str:
        """Base address of the store."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Tell whether the store says it is healthy."""
        with contextlib.suppress(OSError):
            asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
            with contextlib.closing(asking):
                asking.request("GET", "/health")
                return asking.getresponse().status == http.HTTPStatus.OK
        return False


MosquittoMaker = Callable[..., Mosquitto]


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[MosquittoMaker]:
    """Give a function that starts a mosquitto; takes what `Mosquitto` takes after the folder."""
    with contextlib.ExitStack() as stack:
        count = 0

        def make(config: str = "", **options: object) -> Mosquitto:
            nonlocal count
            count += 1
            server = Mosquitto(tmp_path / f"mosquitto-{count}", config, **options)  # type: ignore[arg-type]
            stack.callback(server.kill)
            server.start()
            return server

        yield make


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    """Give a running VictoriaMetrics store."""
    server = VictoriaMetrics(tmp_path / "victoria")
    try:
        server.start()
        yield server
    finally:
        server.kill()
