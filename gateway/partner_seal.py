"""Sealing and opening detail for a contract partner: pure functions from content to bytes and back.

A detail is signed by the plant, padded to a fixed size and sealed with HPKE base mode (RFC 9180) to
the partner alone. Contract, streams, window and sender are bound in twice: inside, and as a hiding
commitment (SHA-256 with a random nonce that only the content tells) that is in the clear and in
HPKE's `info`. The broker so learns none of them, and none can be exchanged for another.
"""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from pydantic import ValidationError

from gateway.canonical import canonical
from gateway.contract import VERSION, Message, nanoseconds, rfc3339
from gateway.keys import PlantPublic
from gateway.partner import Detail, DetailEnvelope, DetailRefusal, partner_topic
from gateway.partner_keys import PartnerKey, PartnerPublic
from gateway.seal import MAX_PAYLOAD, signature, verified

Model = TypeVar("Model", bound=Message)
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class DetailRefusedError(Exception):
    """A message that a partner does not take: the reason, and what a person is told."""

    def __init__(self, reason: DetailRefusal, detail: str) -> None:
        self.reason: DetailRefusal = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a partner goes by: senders by their keys, its contract, and its end in nanoseconds."""

    plants: Sequence[PlantPublic]
    contract: str | None = None
    until: int | None = None


def detail_id(plant: str, partner: str, contract: str, window: tuple[str, str]) -> str:
    """Give the identity of the first revision of a detail."""
    named = json.dumps([plant, partner, contract, *window, 0])
    return hashlib.sha256(f"sidestream detail|{named}".encode()).hexdigest()[:32]


def commitment(content: dict[str, Any]) -> str:
    """Commit to what a detail is bound to, so that only who reads its nonce can tell what it is."""
    bound = {name: content[name] for name in ("cluster", "partner", "plant", "contract", "window")}
    labels = [stream["label"] for stream in content["streams"]]
    text = canonical({**bound, "streams": labels, "nonce": content["nonce"]})
    return hashlib.sha256(b"sidestream detail bound\n" + text).hexdigest()


def signed_detail(content: dict[str, Any], sign: Ed25519PrivateKey) -> bytes:
    """Give a detail its nonce and signature, and write it in canonical form."""
    whole = {**content, "nonce": secrets.token_hex(16)}
    return canonical({**whole, "signature": signature(whole, sign, "detail")})


def seal_detail(plain: bytes, partner: PartnerPublic, size: int) -> bytes:
    """Pad what was signed to a multiple of `size` bytes, and seal it to the partner."""
    content = json.loads(plain)
    bound, cluster = commitment(content), content["cluster"]
    padded = plain + b" " * (-len(plain) % size)
    info = _info(cluster, partner.fingerprint, bound)
    sealed = _SUITE.encrypt(padded, partner.seal, info=info)
    envelope: dict[str, Any] = {
        "v": VERSION,
        "cluster": cluster,
        "partner": partner.fingerprint,
        "bound": bound,
        "sealed": base64.b64encode(sealed).decode(),
    }
    return canonical(envelope)


def _info(cluster: str, partner: str, bound: str) -> bytes:
    return f"{partner_topic(cluster, partner)}|{bound}".encode()


def open_detail(
    payload: bytes, key: PartnerKey, terms: Terms, topic: str | None = None
) -> tuple[Detail, dict[str, Any]]:
    """Open, verify and read a detail; raises `DetailRefusedError`.

    Gives it as a model and as it was written. `topic` is where it was published, if that is known.
    """
    envelope = _envelope(payload, key, topic)
    content = _opened(envelope, key)
    _check_sender(content, terms)
    detail = _model(Detail, content)
    if (detail.cluster, detail.partner) != (envelope.cluster, envelope.partner):
        raise DetailRefusedError("misaddressed", "it was written for another partner or cluster")
    if commitment(content) != envelope.bound:
        raise DetailRefusedError(
            "binding", "its contract, streams, window or sender are not those it was sealed for"
        )
    _check_terms(detail, terms)
    return detail, content


def _envelope(payload: bytes, key: PartnerKey, topic: str | None) -> DetailEnvelope:
    envelope = _model(DetailEnvelope, _parsed(payload))
    own = key.public.fingerprint
    if envelope.partner != own:
        raise DetailRefusedError(
            "wrong-key", f"it is sealed to the key {envelope.partner}, and this key is {own}"
        )
    if topic is not None and topic != partner_topic(envelope.cluster, own):
        raise DetailRefusedError("misaddressed", f"it came on another topic, {topic:.200}")
    return envelope


def _opened(envelope: DetailEnvelope, key: PartnerKey) -> dict[str, Any]:
    info = _info(envelope.cluster, envelope.partner, envelope.bound)
    try:
        sealed = base64.b64decode(envelope.sealed, validate=True)
        plain = _SUITE.decrypt(sealed, key.open, info=info)
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise DetailRefusedError(
            "changed",
            "it does not open with this key: it was changed on its way, or its binding was",
        ) from error
    return _parsed(plain)


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_PAYLOAD:
        raise DetailRefusedError("oversized", f"{len(text)} bytes, at most {MAX_PAYLOAD} are read")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DetailRefusedError("malformed", f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DetailRefusedError("malformed", "not a JSON object")
    if content.get("v") != VERSION or isinstance(content.get("v"), bool):
        raise DetailRefusedError(
            "version", f"version {content.get('v')!r:.40}; this program reads {VERSION}"
        )
    return content


def _model(model: type[Model], content: dict[str, Any]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise DetailRefusedError("malformed", f"{where}: {problem['msg']}") from error


def _check_sender(content: dict[str, Any], terms: Terms) -> None:
    """Look the sender up by its fingerprint, and check that it signed."""
    named = content.get("plant")
    for plant in terms.plants:
        if plant.fingerprint == named:
            if verified(content, plant.verify, "detail"):
                return
            raise DetailRefusedError("bad-signature", f"the signature is not that of plant {named}")
    raise DetailRefusedError(
        "wrong-sender", f"it is of plant {named!s:.40}, which is none of those expected"
    )


def _check_terms(detail: Detail, terms: Terms) -> None:
    if terms.contract is not None and detail.contract != terms.contract:
        raise DetailRefusedError(
            "wrong-contract", f"it is of contract {detail.contract}, not {terms.contract}"
        )
    ends = [nanoseconds(detail.until), *([] if terms.until is None else [terms.until])]
    if nanoseconds(detail.window.end) > min(ends):
        raise DetailRefusedError(
            "expired", f"its window ends {detail.window.end}, the contract {rfc3339(min(ends))}"
        )
