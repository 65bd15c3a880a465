"""Keys of contract partners: an X25519 key that details are sealed to, its text and fingerprint."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from adapters.errors import PermanentError
from gateway.keys import decode, encode, fingerprint, read_key

PREFIX = "sspartner1_"
_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


@dataclass(frozen=True)
class PartnerPublic:
    """A partner's public key: details are sealed to it."""

    seal: X25519PublicKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text `sidestream partner key` prints; raises ValueError saying what it takes."""
        return cls(X25519PublicKey.from_public_bytes(decode(text, PREFIX, 32, "partner's public")))

    @cached_property
    def fingerprint(self) -> str:
        """Name of the key in topics and messages."""
        return fingerprint(self.seal.public_bytes(*_RAW))

    def __str__(self) -> str:
        return PREFIX + encode(self.seal.public_bytes(*_RAW))


@dataclass(frozen=True)
class PartnerKey:
    """A partner's private key: opens what is sealed to it, and nobody else can."""

    open: X25519PrivateKey

    @cached_property
    def public(self) -> PartnerPublic:
        """The half every plant under contract gets."""
        return PartnerPublic(self.open.public_key())


def load(path: Path, *, create: bool = False) -> PartnerKey:
    """Read a partner's key from a PEM file, making it (mode 0600) when asked to and missing."""
    make = f"make it: `sidestream partner key {path} --create`"
    found = read_key(path, X25519PrivateKey.generate if create else None, make)
    if not isinstance(found, X25519PrivateKey):
        raise PermanentError("the key is not an X25519 key", where=str(path))
    return PartnerKey(found)
