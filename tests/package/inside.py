"""Runs in the agent's sandbox, in its place: tries what must be refused and what must work.

Prints one JSON object: name → "" where it worked, else the error's name.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LIBC = ctypes.CDLL(None, use_errno=True)
IO_URING_SETUP, KEYCTL, UNSHARE, CLOCK_ADJTIME = 425, 250, 272, 305
"""Numbers of system calls on x86-64."""
CLONE_NEWUTS = 0x04000000


def called(number: int, *arguments: int) -> None:
    """Make a system call; raises `OSError`."""
    if LIBC.syscall(*map(ctypes.c_long, (number, *arguments))) < 0:
        raise OSError(ctypes.get_errno(), "refused")


@contextlib.contextmanager
def tcp() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.settimeout(3)
        yield made


def listen() -> None:
    with tcp() as made:
        made.listen()  # without a bind, the kernel picks the port


def listen_unix() -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("\0sidestream-probe")
        made.listen()


def accept() -> None:
    with tcp() as made:
        try:
            made.accept()
        except OSError as error:
            # EINVAL: the call was made, on a socket that does not listen.
            if error.errno != errno.EINVAL:
                raise


def connect(host: str, port: int) -> None:
    with tcp() as made:
        made.connect((host, port))


def raw() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()


def packet() -> None:
    socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM).close()


def adjtimex() -> None:
    """Ask the kernel about the clock, which needs no privilege: zeros change nothing."""
    zeros = ctypes.create_string_buffer(1024)
    called(CLOCK_ADJTIME, 0, ctypes.addressof(zeros))


def io_uring() -> None:
    """Ask for a ring without saying where: EFAULT comes after the filter."""
    try:
        called(IO_URING_SETUP, 1, 0)
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise


def executable_memory() -> None:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    mmap.mmap(-1, 4096, flags, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def sign() -> None:
    key = Ed25519PrivateKey.generate()
    key.public_key().verify(key.sign(b"record"), b"record")


def store() -> None:
    path = Path(os.environ["STATE_DIRECTORY"]) / "probe.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE IF NOT EXISTS probe (at)")
        db.execute("INSERT INTO probe VALUES (1)")
        db.commit()
    path.unlink()


def lock() -> None:
    with (Path(os.environ["STATE_DIRECTORY"]) / "probe.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    Path(file.name).unlink()


def write(path: str) -> None:
    Path(path).touch()
    Path(path).unlink()


def program(path: str) -> None:
    subprocess.run([path, "-c", ""], check=True)


TRIES: dict[str, Callable[[], object]] = {
    "listen": listen,
    "listen unix": listen_unix,
    "accept": accept,
    "raw socket": raw,
    "packet socket": packet,
    "io_uring": io_uring,
    "keyring": lambda: called(KEYCTL, 0, -3, 0, 0, 0),
    "touch the clock": adjtimex,
    "executable memory": executable_memory,
    "shell": lambda: program("/bin/sh"),
    "become root": lambda: os.setuid(0),
    "write to /etc": lambda: write("/etc/sidestream/probe"),
    "write to /opt": lambda: write("/opt/sidestream/probe"),
    "read a home": lambda: list(Path("/root").iterdir()),
    "see processes": lambda: Path("/proc/1/cmdline").read_bytes(),
    "namespace": lambda: called(UNSHARE, CLONE_NEWUTS),
    "python": lambda: program(sys.executable),
    "sign": sign,
    "store": store,
    "lock": lock,
    "resolve": lambda: socket.getaddrinfo("broker.test", 8883, socket.AF_INET),
    "modbus": lambda: connect("127.0.0.1", 5020),
    "other address": lambda: connect("127.0.0.2", 5999),
}


def result(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return ""


sys.stdout.write(json.dumps({name: result(attempt) for name, attempt in TRIES.items()}) + "\n")
