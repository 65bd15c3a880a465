"""Programs under measurement: started, watched from outside, and ended by their ids."""

import compileall
import contextlib
import functools
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_PATIENCE = 10.0
_HOME = Path(__file__).parents[1]
_OURS = ("adapters", "agent", "bench", "config", "gateway", "simulation")


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes (10^6 bytes) in memory: all of it, and with shared pages counted by share."""

    resident: float
    proportional: float


def processor_time(pid: int) -> float:
    """Give the seconds all threads of a process have computed, to the nanosecond.

    The clock of another process is numbered ~pid << 3 | 2 on Linux (clock_getcpuclockid(3)).
    """
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int) -> Memory:
    """Measure a process's memory now."""
    found = psutil.Process(pid).memory_full_info()
    return Memory(found.rss / 1e6, found.pss / 1e6)


@functools.cache
def compile_ours() -> None:
    """Write our modules' byte code, as the package has it and the libraries have theirs.

    An environment that forbids to write it would let every start compile 150 modules anew.
    """
    for name in _OURS:
        compileall.compile_dir(_HOME / name, quiet=2)


@contextlib.contextmanager
def program(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program whose input and output are pipes and whose errors go to `log`.

    Raises RuntimeError with the end of the log when it has ended by itself.
    """
    compile_ours()
    with log.open("a") as errors:
        running = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield running
    finally:
        by_itself = running.poll() is not None
        end(running)
        if by_itself:
            raise RuntimeError(f"{command} has ended by itself:\n{log.read_text()[-2000:]}")


def python(*arguments: str) -> list[str]:
    """Give the command that runs a module with this interpreter."""
    return [sys.executable, "-m", *arguments]


def script(code: str) -> list[str]:
    """Give the command that runs code with this interpreter."""
    return [sys.executable, "-c", code]


def end(running: subprocess.Popen[str]) -> None:
    """End a program and wait for its end."""
    running.terminate()
    try:
        running.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        running.kill()
        running.communicate()


def hear(running: subprocess.Popen[str]) -> str:
    """Give the next line a program prints."""
    if running.stdout is None:
        raise AssertionError
    return running.stdout.readline()


def ask(running: subprocess.Popen[str]) -> str:
    """Write an empty line to a program and give the line it answers."""
    if running.stdin is None:
        raise AssertionError
    running.stdin.write("\n")
    running.stdin.flush()
    return hear(running)


def free_port() -> int:
    """Give a TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int) -> None:
    """Wait until something listens; raises TimeoutError."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


def broker(folder: Path, stack: contextlib.ExitStack) -> int | None:
    """Run mosquitto and give its port; None where it is not installed."""
    found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        return None
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    stack.enter_context(program([found, "-c", str(config)], folder / "mosquitto.log"))
    wait_for_port(port)
    return port


def trusted(runtime: Path) -> int:
    """Count the points whose last value an agent trusts, by its status; 0 before there is one."""
    command = python("agent.cli", "status", "--json", "--dir", str(runtime))
    told = subprocess.run(command, capture_output=True, check=False).stdout
    sources = json.loads(told)["sources"] if told else {}
    rows = [row for one in sources.values() for row in one["points"].values()]
    return [row["quality"] for row in rows].count("good")


def between_cycles() -> None:
    """Sleep until the middle of a second: polls are at the beginning of each."""
    time.sleep(1.5 - time.time() % 1.0)
