"""One program at a time for a state directory: two would count everything twice."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.errors import PermanentError
from gateway.durable import make_directory

FILE = "lock"
_OURS = 0o600


@contextmanager
def claimed(directory: Path, program: str) -> Iterator[None]:
    """Hold a state directory while the block runs; the system lets go of it if the program dies.

    Raises `PermanentError` when another program holds it, or it cannot be made or written.
    """
    try:
        make_directory(directory)
        own = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OURS)
    except OSError as error:
        raise PermanentError(
            f"the state directory cannot be used ({error.strerror})",
            where=str(directory),
            mend="let the user that runs this write there, or set [state] directory",
        ) from error
    try:
        _lock(own, directory, program)
        # The number is for messages alone, and a full disk must not keep the program from starting.
        with suppress(OSError):
            os.ftruncate(own, os.pwrite(own, f"{os.getpid()}\n".encode(), 0))
        yield
    finally:
        os.close(own)


def held(directory: Path) -> bool:
    """Tell whether a program holds a state directory now; it holds on to nothing itself."""
    try:
        found = os.open(directory / FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(found)
    return False


def _lock(number: int, directory: Path, program: str) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = os.pread(number, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise PermanentError(
            f"another {program} is running with this state (pid {pid})",
            where=str(directory),
            mend=f"stop it first, or give this {program} a [state] directory of its own",
        ) from error
