"""Keys of plants and hubs: files, public texts, fingerprints and what is derived from them.

A private key is one Ed25519 key in a PEM file of mode 0600 (or a systemd credential). A hub's HPKE
key is derived from it by HKDF-SHA256 (RFC 5869), so that there is one file to keep and one to lose.
A plant's names on the broker come of a secret that it shares with its hub by X25519 (RFC 7748):
the hub can list them for its broker, nobody else can compute or link them.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.errors import PermanentError
from gateway.durable import make_directory, write_once

_PLANT = "ssplant1_"
_HUB = "sshub1_"
_OURS = 0o600
_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


def fingerprint(public: bytes) -> str:
    """Give the first 128 bits of the SHA-256 of a public key, in hex."""
    return hashlib.sha256(public).hexdigest()[:32]


def encode(raw: bytes) -> str:
    """Write the bytes of a key as its public text has them, after the prefix."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str, prefix: str, length: int, what: str) -> bytes:
    """Read the bytes of a public text; raises ValueError saying what is accepted."""
    body = text.removeprefix(prefix)
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not text.startswith(prefix) or len(raw) != length:
        raise ValueError(f"a {what} key, which starts with {prefix} (see `sidestream key --help`)")
    return raw


_PRIME = 2**255 - 19


def _montgomery(edwards: bytes) -> X25519PublicKey:
    """Map an Ed25519 public key to the X25519 key of the same secret (RFC 7748, section 4.1).

    Raises ValueError for a point that has no counterpart.
    """
    y = int.from_bytes(edwards, "little") % 2**255
    u = (1 + y) * pow(1 - y, -1, _PRIME) % _PRIME
    return X25519PublicKey.from_public_bytes(u.to_bytes(32, "little"))


def _shared(secret: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"sidestream pseudonym").derive(secret)


def _name(secret: bytes, cluster: str, period: str) -> str:
    return hmac.new(secret, f"{cluster}|{period}".encode(), "sha256").hexdigest()[:32]


@dataclass(frozen=True)
class PlantPublic:
    """A plant's public key: verifies its records."""

    verify: Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text `sidestream key` prints; raises ValueError saying what is accepted."""
        return cls(Ed25519PublicKey.from_public_bytes(decode(text, _PLANT, 32, "plant's public")))

    @cached_property
    def fingerprint(self) -> str:
        """Name of the key in records."""
        return fingerprint(self.verify.public_bytes(*_RAW))

    @cached_property
    def seal(self) -> X25519PublicKey:
        """Key to seal to the plant; raises ValueError when the plant's key has no counterpart."""
        return _montgomery(self.verify.public_bytes(*_RAW))

    def __str__(self) -> str:
        return _PLANT + encode(self.verify.public_bytes(*_RAW))


@dataclass(frozen=True)
class HubPublic:
    """A hub's public keys: one to verify its receipts, one to seal records to."""

    verify: Ed25519PublicKey
    seal: X25519PublicKey

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text `sidestream hub key` prints; raises ValueError saying what is accepted."""
        raw = decode(text, _HUB, 64, "hub's public")
        return cls(
            Ed25519PublicKey.from_public_bytes(raw[:32]),
            X25519PublicKey.from_public_bytes(raw[32:]),
        )

    def _raw(self) -> bytes:
        return self.verify.public_bytes(*_RAW) + self.seal.public_bytes(*_RAW)

    @cached_property
    def fingerprint(self) -> str:
        """Name of the key in envelopes."""
        return fingerprint(self._raw())

    def __str__(self) -> str:
        return _HUB + encode(self._raw())


def _derive(key: Ed25519PrivateKey, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"sidestream " + purpose).derive(
        key.private_bytes_raw()
    )


@dataclass(frozen=True)
class PlantKey:
    """A plant's private key: signs its records and names it on the broker."""

    sign: Ed25519PrivateKey

    @cached_property
    def public(self) -> PlantPublic:
        """The half the hub's operator gets."""
        return PlantPublic(self.sign.public_key())

    @cached_property
    def open(self) -> X25519PrivateKey:
        """Opens what is sealed to the plant: the secret scalar (RFC 8032, section 5.1.5)."""
        seed = self.sign.private_bytes_raw()
        return X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32])

    def pseudonym(self, hub: HubPublic, cluster: str, period: str) -> str:
        """Name the plant on a cluster's broker for a period, as its hub does."""
        return _name(_shared(self.open.exchange(hub.seal)), cluster, period)


@dataclass(frozen=True)
class HubKey:
    """A hub's private key: signs receipts and opens records."""

    sign: Ed25519PrivateKey

    @cached_property
    def open(self) -> X25519PrivateKey:
        """The HPKE private key."""
        return X25519PrivateKey.from_private_bytes(_derive(self.sign, b"hpke"))

    @cached_property
    def noise(self) -> bytes:
        """What the noise of released sums is drawn under."""
        return _derive(self.sign, b"noise")

    @cached_property
    def public(self) -> HubPublic:
        """The half every plant gets."""
        return HubPublic(self.sign.public_key(), self.open.public_key())

    def pseudonyms(self, plant: PlantPublic, cluster: str, periods: Iterable[str]) -> list[str]:
        """Give a plant's names on the broker; raises ValueError when its key is of no use."""
        try:
            edwards = plant.verify.public_bytes(*_RAW)
            secret = _shared(self.open.exchange(_montgomery(edwards)))
        except ValueError as error:
            raise ValueError("a plant's public key as `sidestream key` prints it") from error
        return [_name(secret, cluster, period) for period in periods]


class NoKeyError(PermanentError):
    """There is no key file yet."""


_MAKE = "make it: `sidestream key --create`, or `sidestream hub key --create` for a hub"
PrivateKey = Ed25519PrivateKey | X25519PrivateKey


def load(path: Path, create: bool = False) -> Ed25519PrivateKey:
    """Read an Ed25519 key from a PEM file, making it (mode 0600) when asked to and missing."""
    found = read_key(path, Ed25519PrivateKey.generate if create else None, _MAKE)
    if not isinstance(found, Ed25519PrivateKey):
        raise PermanentError("the key is not an Ed25519 key", where=str(path))
    return found


def read_key(path: Path, new: Callable[[], PrivateKey] | None, make: str) -> object:
    """Read a private key from a PEM file; where there is none, write a `new` one (mode 0600).

    `make` says how to make one. Raises `NoKeyError`, and `PermanentError` for a file of no use.
    """
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        if new is not None:
            return _create(new(), path)
        raise NoKeyError("there is no key file", where=str(path), mend=make) from None
    except OSError as error:
        raise PermanentError(
            f"the key file cannot be read ({error.strerror})",
            where=str(path),
            mend="let the service's user read it: it must own the file, mode 0600",
        ) from error
    except (ValueError, TypeError) as error:
        raise PermanentError(
            "not an unencrypted private key in PEM form",
            where=str(path),
            mend="restore the file from its copy, or move it away and make a new key",
        ) from error


def _create(key: PrivateKey, path: Path) -> PrivateKey:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        make_directory(path.parent)
        write_once(path, pem, _OURS)
    except OSError as error:
        raise PermanentError(
            f"the key file cannot be written ({error.strerror})",
            where=str(path),
            mend="run as the service's user, or as root",
        ) from error
    return key
