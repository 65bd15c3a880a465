"""Sealing detail for a contract partner: pure functions from content to bytes, without models.

A detail is signed by the plant, padded to a fixed size and sealed with HPKE base mode (RFC 9180) to
the partner alone. Contract, streams, window and sender are bound in twice: inside, and as a hiding
commitment (SHA-256 with a random nonce that only the content tells) that is in the clear and in
HPKE's `info`. The broker so learns none of them, and none can be exchanged for another.
"""

import base64
import hashlib
import json
import secrets
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.canonical import canonical
from gateway.partner_keys import PartnerPublic
from gateway.signing import SUITE, signature
from gateway.wire import VERSION, partner_topic


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
    info = binding(cluster, partner.fingerprint, bound)
    sealed = SUITE.encrypt(padded, partner.seal, info=info)
    envelope: dict[str, Any] = {
        "v": VERSION,
        "cluster": cluster,
        "partner": partner.fingerprint,
        "bound": bound,
        "sealed": base64.b64encode(sealed).decode(),
    }
    return canonical(envelope)


def binding(cluster: str, partner: str, bound: str) -> bytes:
    """Give what a detail's seal is bound to."""
    return f"{partner_topic(cluster, partner)}|{bound}".encode()
