"""When certificate files run out, and whether somebody has put new ones in their place."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from config.plan import BrokerPlan

NANOSECONDS = 1_000_000_000
_DAY = 86_400 * NANOSECONDS
_ACCOUNT = re.compile(r"CN=([0-9a-f]{32})")
STAGES = (7, 30)
"""Days before its end at which a certificate is told of: the nearest stage that is reached."""


def runs_out(path: Path) -> int | None:
    """Give when the first certificate of a file (PEM or DER) ends, in nanoseconds since 1970.

    None when there is none that can be read: whoever uses the file says what is wrong with it.
    """
    from cryptography import x509  # noqa: PLC0415 # many plants name no certificate

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


def account_of(path: Path) -> str | None:
    """Give the account that a certificate of the hub is for, a fingerprint; None for any other."""
    from cryptography import x509  # noqa: PLC0415 # many plants name no certificate

    try:
        subject = x509.load_pem_x509_certificate(path.read_bytes()).subject.rfc4514_string()
    except (OSError, ValueError):
        return None
    found = _ACCOUNT.fullmatch(subject)
    return None if found is None else found[1]


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


def broker_files(broker: BrokerPlan) -> dict[str, Path]:
    """Give the files of a broker's connection by the keys that name them in `[hub]`."""
    tls = broker.tls
    named = {"hub.password_file": broker.password_file}
    if tls is not None:
        named |= {"hub.tls.ca": tls.ca, "hub.tls.certificate": tls.certificate}
        named |= {"hub.tls.key": tls.key}
    return {name: Path(path) for name, path in named.items() if path}


class Files:
    """The files of a broker's connection, as they were when somebody last looked."""

    def __init__(self, broker: BrokerPlan | None) -> None:
        self._paths = () if broker is None else tuple(broker_files(broker).values())
        self._seen: tuple[tuple[int, int] | None, ...] | None = None

    def replaced(self) -> bool:
        """Tell whether one has changed since the last look; blocks."""
        now = state_of(self._paths)
        before, self._seen = self._seen, now
        return before is not None and now != before


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
