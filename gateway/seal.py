"""Opening and verifying what a hub receives, and its receipts: pure functions, by the models."""

import binascii
import re
from typing import Any

from cryptography.exceptions import InvalidTag
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from gateway.canonical import canonical
from gateway.contract import Envelope, Record
from gateway.keys import HubKey, PlantPublic
from gateway.signing import (
    MAX_PAYLOAD,
    SUITE,
    RefusalError,
    binding,
    signature,
    verified,
    versioned,
)

NOT_SIGNED = "the signature is not the plant's"
NOT_FOR_US = "written for another cluster or pseudonym"


def parse(payload: bytes) -> dict[str, Any]:
    """Read a JSON object; raises `RefusalError` for anything else."""
    if len(payload) > MAX_PAYLOAD:
        raise RefusalError("oversized", f"{len(payload)} bytes, at most {MAX_PAYLOAD} are read")
    try:
        content = from_json(payload)
    except ValueError as error:
        raise RefusalError("malformed", f"not JSON: {error}") from error
    return versioned(content)


def open_record(payload: bytes, cluster: str, pseudonym: str, *keys: HubKey) -> dict[str, Any]:
    """Open an envelope with one of the hub's keys; gives the content, not yet verified."""
    return open_from(payload, binding(cluster, pseudonym), *keys)


def open_from(payload: bytes, topic: bytes, *keys: HubKey) -> dict[str, Any]:
    """Open an envelope that was sealed to a topic; gives its content, not yet verified."""
    return parse(open_text(payload, topic, *keys))


def open_text(payload: bytes, topic: bytes, *keys: HubKey) -> bytes:
    """Open an envelope that was sealed to a topic; gives the text in it."""
    hub, sealed = _quickly(payload) or _enveloped(payload)
    key = next((one for one in keys if one.public.fingerprint == hub), None)
    if key is None:
        raise RefusalError("unsealable", "sealed to another hub's key")
    try:
        if isinstance(sealed, str):
            sealed = binascii.a2b_base64(sealed, strict_mode=True)
        return SUITE.decrypt(sealed, key.open, info=topic)
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise RefusalError("unsealable", "does not open with this hub's key and topic") from error


def _enveloped(payload: bytes) -> tuple[str, str]:
    """Read an envelope: the fingerprint of the key it is sealed to, and what is sealed, base64."""
    outer = parse(payload)
    try:
        envelope = Envelope.model_validate(outer)
    except ValidationError as error:
        raise RefusalError("malformed", first_of(error)) from error
    return envelope.hub, envelope.sealed


def _quickly(payload: bytes) -> tuple[str, bytes] | None:
    """Read an envelope that is written as agents write it, and decode it; None of any other.

    The decoder in Rust takes a quarter of binascii's time. It reads more besides: another
    alphabet, and texts without their padding.
    """
    start = _START.match(payload)
    if start is None or len(payload) > MAX_PAYLOAD or not payload.endswith(_END):
        return None
    text = payload[start.end() : -len(_END)]
    if (len(text) - 2) % 4 or any(odd in text for odd in (b"-", b"_", b"\\")):
        return None
    try:
        return start[1].decode(), _BASE64.validate_json(text)
    except ValidationError:
        return None


_START = re.compile(rb'{"hub":"([0-9a-f]{32})","sealed":(?=")')
_END = b',"v":1}'
_BASE64: TypeAdapter[bytes] = TypeAdapter(
    bytes, config=ConfigDict(strict=True, val_json_bytes="base64", defer_build=True)
)


def verify_record(
    content: dict[str, Any], cluster: str, pseudonym: str, plant: PlantPublic
) -> tuple[Record, bytes]:
    """Check a record's signature, form and address; raises `RefusalError`.

    Gives the record, and its content in canonical form.
    """
    written = verified(content, plant.verify, "record")
    if written is None:
        raise RefusalError("bad-signature", NOT_SIGNED)
    try:
        record = Record.model_validate(content)
    except ValidationError as error:
        known = content.get("id")
        raise RefusalError(
            "malformed", first_of(error), known if isinstance(known, str) else None
        ) from error
    if (record.cluster, record.pseudonym) != (cluster, pseudonym):
        raise RefusalError("misaddressed", NOT_FOR_US, record.id)
    return record, written


def seal_receipt(content: dict[str, Any], key: HubKey) -> bytes:
    """Sign a receipt's content (without signature)."""
    return canonical({**content, "signature": signature(content, key.sign, "receipt")})


def first_of(error: ValidationError) -> str:
    """Say in a line what a model did not take first."""
    problem = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
