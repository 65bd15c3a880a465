"""Streams that were taken back, and contracts that were ended: files that win over the plant file.

They are in the state directory, apart from the state file, so that a damaged one does not undo a
withdrawal. While one cannot be read, nothing of any stream, or to any partner, leaves.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from adapters.errors import PermanentError, TransientError
from agent.disclosing.policy import EVERY
from gateway.durable import make_directory, replace_file
from gateway.wire import rfc3339

FILE = "withdrawn.json"
ENDED = "ended.json"
"""The file of contracts that were ended before their day."""
_READABLE = 0o644
"""Whoever withdraws may be another than the agent, which must be able to read it."""


class Withdrawals:
    """The file, looked at each time it is asked for and read when it has changed."""

    def __init__(self, directory: Path, file: str = FILE) -> None:
        self._directory = directory
        self._path = directory / file
        self._done = Path(file).stem
        self._seen: tuple[int, int, int] | None = None
        self._told: Mapping[str, str] = {}

    def __call__(self) -> Mapping[str, str]:
        """Name the streams that are withdrawn (contracts ended), with what is told of each."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._told = None, {}
            return self._told
        except OSError as error:
            return self._unreadable(error.strerror)
        seen = (found.st_mtime_ns, found.st_size, found.st_ino)
        if seen != self._seen:
            self._told = self._read()
            self._seen = None if EVERY in self._told else seen
        return self._told

    def _read(self) -> Mapping[str, str]:
        try:
            since = _since(self._path)
        except (OSError, ValueError) as error:
            return self._unreadable(str(error))
        return {name: f"{self._done} at {instant}" for name, instant in since.items()}

    def _unreadable(self, why: str | None) -> Mapping[str, str]:
        return {EVERY: f"{self._path.name} cannot be read ({why}): nothing leaves"}

    def take_back(self, stream: str, now: int) -> None:
        """Withdraw a stream (end a contract) from now on.

        Raises `PermanentError` when it cannot be written.
        """
        self._write({stream: rfc3339(now), **self._known()})

    def undo(self, stream: str) -> bool:
        """Let the plant file have the word again; tells whether it had not."""
        known = self._known()
        if known.pop(stream, None) is None:
            return False
        self._write(known)
        return True

    def _known(self) -> dict[str, str]:
        try:
            return _since(self._path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise PermanentError(
                f"the file cannot be read ({error}), so nothing leaves the plant",
                where=str(self._path),
                mend='mend the file; `{"NAME": "2026-03-01T00:00:00Z"}` is its form',
            ) from error

    def _write(self, since: Mapping[str, str]) -> None:
        text = json.dumps(since, indent=2) + "\n"
        try:
            make_directory(self._directory)
            replace_file(self._path, text.encode(), _READABLE)
        except OSError as error:
            raise PermanentError(
                f"the file cannot be written ({error.strerror})",
                where=str(self._path),
                mend="run this as the agent's user or as root",
            ) from error


def _since(path: Path) -> dict[str, str]:
    found = json.loads(path.read_text())
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("not streams with the instant of each")
    return found


@contextmanager
def leaving(directory: Path, *, alone: bool = False) -> Iterator[None]:
    """Hold while records are on their way out of the plant; `alone` waits until none is.

    The lock is on the directory itself, and the system lets go of it if the program dies. Raises
    `TransientError` when the directory cannot be held.
    """
    try:
        held = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise TransientError(
            f"the state directory cannot be held ({error.strerror})", where=str(directory)
        ) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(held)
