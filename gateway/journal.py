"""Writes log entries with fields of their own to systemd's journal, in its native protocol.

Protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/, one datagram an entry; fields:
systemd.journal-fields(7). Entries are bounded, so that each fits into a datagram.
"""

import os
import re
import socket
import sys
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
LONGEST = 16_384
"""Bytes of a field's value; what is beyond is left out, and marked."""
_CUT = " [cut]"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def encode(fields: Mapping[str, str]) -> bytes:
    """Write an entry; raises `ValueError` for a name the journal would not take."""
    return b"".join(_field(name, value) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a field of the journal: {name}")
    content = _bounded(value.encode("utf-8", "replace"))
    if b"\n" not in content:
        return name.encode() + b"=" + content + b"\n"
    # A value of several lines is preceded by its length, so that nothing in it reads as a field.
    return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"


def _bounded(content: bytes) -> bytes:
    if len(content) <= LONGEST:
        return content
    kept = content[: LONGEST - len(_CUT)].decode("utf-8", "ignore")
    return (kept + _CUT).encode()


def ours(environment: Mapping[str, str] = os.environ, stream: int | None = None) -> bool:
    """Tell whether what is written to a stream (standard error) goes to the journal.

    `JOURNAL_STREAM` holds its device and inode (systemd.exec(5)); a program started with another
    one, as by a shell within a service, inherits the variable and not the stream.
    """
    told = environment.get("JOURNAL_STREAM", "")
    try:
        found = os.fstat(sys.stderr.fileno() if stream is None else stream)
    except (OSError, ValueError):
        return False
    return told == f"{found.st_dev}:{found.st_ino}"


class Journal:
    """A way to the journal; nothing waits for a journal that does not read."""

    def __init__(self, path: str | None = None) -> None:
        """Connect; raises `OSError` when there is no journal."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.setblocking(False)
            self._path = path or SOCKET
            self._socket.connect(self._path)
        except OSError:
            self._socket.close()
            raise

    def write(self, fields: Mapping[str, str]) -> bool:
        """Send an entry; tells whether the journal has taken it. Connects anew when it was away."""
        entry = encode(fields)
        for _ in range(2):
            try:
                self._socket.send(entry)
            except BlockingIOError:
                return False
            except OSError:
                if not self._again():
                    return False
            else:
                return True
        return False

    def _again(self) -> bool:
        try:
            self._socket.connect(self._path)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
