"""Signing, sealing, opening and verifying: pure functions from messages to bytes and back.

A record is signed over its canonical form (RFC 8785), padded with spaces to a fixed size, and
sealed to the hub with HPKE base mode (RFC 9180), bound to its cluster and pseudonym. Signing comes
first, so that the signature names neither the plant nor the content to the broker.
"""

import base64
import binascii
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import ValidationError
from pydantic_core import from_json

from gateway.canonical import canonical
from gateway.contract import VERSION, Envelope, Receipt, Record, Refusal
from gateway.keys import HubKey, HubPublic, PlantPublic

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
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
    return base64.b64encode(key.sign(_signed(content, what))).decode()


def _signed(content: dict[str, Any], what: str) -> bytes:
    body: dict[str, Any] = {k: v for k, v in content.items() if k != "signature"}
    return f"sidestream {what} v{VERSION}\n".encode() + canonical(body)


def verified(content: dict[str, Any], key: Ed25519PublicKey, what: str) -> bytes | None:
    """Give a message in canonical form, with its signature, when that is the key's; else None."""
    try:
        written, claimed = canonical(content), content["signature"]
        signed = f"sidestream {what} v{VERSION}\n".encode() + _unsigned(content, written)
        key.verify(base64.b64decode(claimed, validate=True), signed)
    except (InvalidSignature, binascii.Error, KeyError, TypeError, ValueError):
        return None
    return written


def _unsigned(content: dict[str, Any], written: bytes) -> bytes:
    """Give the canonical form without `signature`, of the canonical form with it.

    What stands there only once is the member itself, and cutting it out is quicker than to write
    all others anew.
    """
    member = b'"signature":' + canonical(content["signature"]) + b","
    if written.count(member) == 1:
        return written.replace(member, b"")
    return canonical({k: v for k, v in content.items() if k != "signature"})


def _binding(cluster: str, pseudonym: str) -> bytes:
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
    return seal_for(plain, _binding(cluster, pseudonym), hub, size)


def seal_for(plain: bytes, topic: bytes, hub: HubPublic, size: int) -> bytes:
    """Pad what was signed to a multiple of `size` bytes, and seal it to a hub and a topic."""
    padded = plain + b" " * (-len(plain) % size)
    sealed = _SUITE.encrypt(padded, hub.seal, info=topic)
    envelope: dict[str, Any] = {
        "v": VERSION,
        "hub": hub.fingerprint,
        "sealed": base64.b64encode(sealed).decode(),
    }
    return canonical(envelope)


def parse(payload: bytes) -> dict[str, Any]:
    """Read a JSON object; raises `RefusalError` for anything else."""
    if len(payload) > MAX_PAYLOAD:
        raise RefusalError("oversized", f"{len(payload)} bytes, at most {MAX_PAYLOAD} are read")
    try:
        content = from_json(payload)
    except ValueError as error:
        raise RefusalError("malformed", f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise RefusalError("malformed", "not a JSON object")
    if content.get("v") != VERSION or isinstance(content.get("v"), bool):
        raise RefusalError("version", f"version {content.get('v')!r:.40}, this hub reads {VERSION}")
    return content


def open_record(payload: bytes, cluster: str, pseudonym: str, *keys: HubKey) -> dict[str, Any]:
    """Open an envelope with one of the hub's keys; gives the content, not yet verified."""
    return open_from(payload, _binding(cluster, pseudonym), *keys)


def open_from(payload: bytes, topic: bytes, *keys: HubKey) -> dict[str, Any]:
    """Open an envelope that was sealed to a topic; gives its content, not yet verified."""
    outer = parse(payload)
    try:
        envelope = Envelope.model_validate(outer)
    except ValidationError as error:
        raise RefusalError("malformed", first_of(error)) from error
    key = next((one for one in keys if one.public.fingerprint == envelope.hub), None)
    if key is None:
        raise RefusalError("unsealable", "sealed to another hub's key")
    try:
        sealed = binascii.a2b_base64(envelope.sealed, strict_mode=True)
        plain = _SUITE.decrypt(sealed, key.open, info=topic)
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise RefusalError("unsealable", "does not open with this hub's key and topic") from error
    return parse(plain)


def verify_record(
    content: dict[str, Any], cluster: str, pseudonym: str, plant: PlantPublic
) -> tuple[Record, bytes]:
    """Check a record's signature, form and address; raises `RefusalError`.

    Gives the record, and its content in canonical form.
    """
    written = verified(content, plant.verify, "record")
    if written is None:
        raise RefusalError("bad-signature", "the signature is not the plant's")
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        known = content.get("id")
        raise RefusalError(
            "malformed", first_of(error), known if isinstance(known, str) else None
        ) from error
    if (record.cluster, record.pseudonym) != (cluster, pseudonym):
        raise RefusalError("misaddressed", "written for another cluster or pseudonym", record.id)
    return record, written


def seal_receipt(content: dict[str, Any], key: HubKey) -> bytes:
    """Sign a receipt's content (without signature)."""
    return canonical({**content, "signature": signature(content, key.sign, "receipt")})


def read_receipt(payload: bytes, cluster: str, pseudonym: str, *hubs: HubPublic) -> Receipt:
    """Verify and read a receipt signed with one of the hub's keys; raises `RefusalError`."""
    content = parse(payload)
    if all(verified(content, hub.verify, "receipt") is None for hub in hubs):
        raise RefusalError("bad-signature", "the signature is not the hub's")
    try:
        receipt = Receipt.model_validate(content)
    except ValidationError as error:
        raise RefusalError("malformed", first_of(error)) from error
    if (receipt.cluster, receipt.pseudonym) != (cluster, pseudonym):
        raise RefusalError("misaddressed", "written for another cluster or pseudonym")
    return receipt


def first_of(error: ValidationError) -> str:
    """Say in a line what a model did not take first."""
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
