"""Signing, sealing and verifying: pure functions from what a message says to bytes, without models.

A record is signed over its canonical form (RFC 8785), padded with spaces to a fixed size, and
sealed to the hub with HPKE base mode (RFC 9180), bound to its cluster and pseudonym. Signing comes
first, so that the signature names neither the plant nor the content to the broker.
"""

import base64
import binascii
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from gateway.canonical import canonical
from gateway.keys import HubPublic
from gateway.wire import VERSION, Refusal

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
MAX_PAYLOAD = 262_144
"""Largest message a hub reads, in bytes."""


class RefusalError(Exception):
    """A message that must be quarantined: its reason, a detail for the hub's operator."""

    def __init__(self, reason: Refusal, detail: str, record_id: str | None = None) -> None:
        self.reason: Refusal = reason
        self.detail = detail
        self.record_id = record_id
        super().__init__(f"{reason}: {detail}")


def signature(content: dict[str, Any], key: Ed25519PrivateKey, what: str) -> str:
    """Sign a message's content (without `signature`) in canonical form; `what` separates uses."""
    return base64.b64encode(key.sign(signed_text(content, what))).decode()


def signed_text(content: dict[str, Any], what: str) -> bytes:
    """Write what a signature is over."""
    body: dict[str, Any] = {k: v for k, v in content.items() if k != "signature"}
    return _headed(canonical(body), what)


def _headed(text: bytes, what: str) -> bytes:
    return f"sidestream {what} v{VERSION}\n".encode() + text


def verified(content: dict[str, Any], key: Ed25519PublicKey, what: str) -> bytes | None:
    """Give a message in canonical form, with its signature, when that is the key's; else None."""
    try:
        written = canonical(content)
    except ValueError:
        return None
    return written if is_signed(content, written, key, what) else None


def is_signed(content: dict[str, Any], written: bytes, key: Ed25519PublicKey, what: str) -> bool:
    """Tell whether the signature is the key's; `written` is the content in canonical form."""
    try:
        return is_signature(content["signature"], _unsigned(content, written), key, what)
    except (KeyError, TypeError, ValueError):
        return False


def is_signature(text: str, unsigned: bytes, key: Ed25519PublicKey, what: str) -> bool:
    """Tell whether a signature in base64 is the key's, over a canonical form without it."""
    try:
        key.verify(base64.b64decode(text, validate=True), _headed(unsigned, what))
    except (InvalidSignature, binascii.Error, TypeError, ValueError):
        return False
    return True


def _unsigned(content: dict[str, Any], written: bytes) -> bytes:
    """Give the canonical form without `signature`, of the canonical form with it.

    What stands there only once is the member itself, and cutting it out is quicker than to write
    all others anew.
    """
    member = b'"signature":' + canonical(content["signature"]) + b","
    if written.count(member) == 1:
        return written.replace(member, b"")
    return canonical({k: v for k, v in content.items() if k != "signature"})


def binding(cluster: str, pseudonym: str) -> bytes:
    """Give what a record's seal is bound to."""
    return f"sidestream/v{VERSION}/{cluster}/records/{pseudonym}".encode()


def seal_record(
    content: dict[str, Any], sign: Ed25519PrivateKey, hub: HubPublic, size: int
) -> bytes:
    """Sign, pad to a multiple of `size` bytes, and seal a record's content (without signature)."""
    plain = signed_record(content, sign)
    return seal_plain(plain, content["cluster"], content["pseudonym"], hub, size)


def signed_record(content: dict[str, Any], sign: Ed25519PrivateKey) -> bytes:
    """Write a record's content with its signature, in canonical form."""
    return canonical({**content, "signature": signature(content, sign, "record")})


def seal_plain(plain: bytes, cluster: str, pseudonym: str, hub: HubPublic, size: int) -> bytes:
    """Pad what was signed to a multiple of `size` bytes, and seal it."""
    return seal_for(plain, binding(cluster, pseudonym), hub, size)


def seal_for(plain: bytes, topic: bytes, hub: HubPublic, size: int) -> bytes:
    """Pad what was signed to a multiple of `size` bytes, and seal it to a hub and a topic."""
    padded = plain + b" " * (-len(plain) % size)
    sealed = SUITE.encrypt(padded, hub.seal, info=topic)
    envelope: dict[str, Any] = {
        "v": VERSION,
        "hub": hub.fingerprint,
        "sealed": base64.b64encode(sealed).decode(),
    }
    return canonical(envelope)


def versioned(content: Any) -> dict[str, Any]:
    """Give what was read as JSON, an object of our version; raises `RefusalError` otherwise."""
    if not isinstance(content, dict):
        raise RefusalError("malformed", "not a JSON object")
    if content.get("v") != VERSION or isinstance(content.get("v"), bool):
        raise RefusalError("version", f"version {content.get('v')!r:.40}, this hub reads {VERSION}")
    return content
