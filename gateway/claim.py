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
        held = os.open(directory / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OURS)
    except OSError as error:
        raise PermanentError(
            f"the state directory cannot be used ({error.strerror})",
            where=str(directory),
            mend="let the user that runs this write there, or set [state] directory",
        ) from error
    try:
        _lock(held, directory, program)
        # The number is for messages alone, and a full disk must not keep the program from starting.
        with suppress(OSError):
            os.ftruncate(held, os.pwrite(held, f"{os.getpid()}\n".encode(), 0))
        yield
    finally:
        os.close(held)


def _lock(held: int, directory: Path, program: str) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        pid = os.pread(held, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise PermanentError(
            f"another {program} is running with this state (pid {pid})",
            where=str(directory),
            mend=f"stop it first, or give this {program} a [state] directory of its own",
        ) from error
