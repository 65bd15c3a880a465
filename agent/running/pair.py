"""A client's certificate and its key as two files, and the next pair that takes their place.

The next pair lies beside the one in use (`….next`). Two files cannot be replaced in one step: a
swap that was cut short between them is finished by whoever looks next.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from config.plan import TlsPlan
from gateway.durable import sync_names

NEXT = ".next"
_MOST = {"key": 0o640, "certificate": 0o644}
"""Rights that a new file may have at most; it has no more than the old one had."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Paths of a certificate and of its private key, both PEM."""

    certificate: Path
    key: Path

    @classmethod
    def of(cls, tls: TlsPlan | None) -> Self | None:
        """Name the pair of a broker's connection, where links lead; None without one."""
        if tls is None or tls.certificate is None or tls.key is None:
            return None
        return cls(Path(tls.certificate).resolve(), Path(tls.key).resolve())

    @property
    def next(self) -> "Pair":
        """Name the pair that is to take this one's place."""
        return Pair(_beside(self.certificate), _beside(self.key))

    @property
    def whole(self) -> bool:
        """Tell whether both files are there and belong together; blocks."""
        return _fits(self.certificate, self.key)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + NEXT)


def csr_of(pair: Pair) -> Path:
    """Name the request for the next certificate; while it lies there, a renewal is under way."""
    return pair.key.with_name(pair.key.name + ".csr")


def swap(pair: Pair) -> None:
    """Let the next pair take this one's place, with the owners and no more than its rights.

    Nothing happens where there is no next pair that is whole: another program was quicker. Raises
    `OSError`.
    """
    with _alone(pair.key.parent):
        coming = pair.next
        if not coming.whole:
            return
        _like(pair.key, coming.key, _MOST["key"])
        _like(pair.certificate, coming.certificate, _MOST["certificate"])
        coming.key.replace(pair.key)
        sync_names(pair.key.parent)
        coming.certificate.replace(pair.certificate)
        sync_names(pair.certificate.parent)


def settle(pair: Pair) -> bool:
    """Finish a swap that was cut short between its files; tells whether there was one.

    Raises `OSError`.
    """
    coming = pair.next
    if not coming.certificate.exists():
        return False
    with _alone(pair.key.parent):
        if pair.whole or not _fits(coming.certificate, pair.key):
            return False
        coming.certificate.replace(pair.certificate)
        sync_names(pair.certificate.parent)
        return True


def _like(old: Path, new: Path, most: int) -> None:
    try:
        before = old.stat()
    except FileNotFoundError:
        return
    if os.geteuid() == 0:
        os.chown(new, before.st_uid, before.st_gid)
    new.chmod(stat.S_IMODE(before.st_mode) & most | 0o600)


def _fits(certificate: Path, key: Path) -> bool:
    from cryptography import x509  # noqa: PLC0415 # many plants name no certificate
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    try:
        signed = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
        own = serialization.load_pem_private_key(key.read_bytes(), password=None).public_key()
    except (OSError, ValueError, TypeError):
        return False
    return signed.public_bytes(*form) == own.public_bytes(*form)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder, so that the agent and a command do not swap in each other's midst."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)
