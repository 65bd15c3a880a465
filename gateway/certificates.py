"""When certificate files run out, and whether somebody has put new ones in their place."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

NANOSECONDS = 1_000_000_000
_DAY = 86_400 * NANOSECONDS
STAGES = (7, 30)
"""Days before its end at which a certificate is told of: the nearest stage that is reached."""


def runs_out(path: Path) -> int | None:
    """Give when the first certificate of a file (PEM or DER) ends, in nanoseconds since 1970.

    None when there is none that can be read: whoever uses the file says what is wrong with it.
    """
    try:
        content = path.read_bytes()
        if b"-----BEGIN" in content:
            found = x509.load_pem_x509_certificates(content)
        else:
            found = [x509.load_der_x509_certificate(content)]
    except (OSError, ValueError):
        return None
    ends = [int(one.not_valid_after_utc.timestamp()) for one in found]
    return min(ends) * NANOSECONDS if ends else None


def warning(end: int, now: int) -> str:
    """Say that a certificate has ended or soon will, the same for a whole stage; or nothing."""
    day = f"{datetime.fromtimestamp(end // NANOSECONDS, UTC):%Y-%m-%d %H:%M} UTC"
    if now >= end:
        return f"it expired on {day}"
    for days in STAGES:
        if end - now <= days * _DAY:
            return f"it expires on {day}, in less than {days} days"
    return ""


def state_of(paths: Iterable[Path]) -> tuple[tuple[int, int] | None, ...]:
    """Give what shows that one of several files was replaced: time of change and inode of each."""
    return tuple(_state(path) for path in paths)


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
