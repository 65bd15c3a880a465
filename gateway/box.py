"""Sealed boxes: bytes for one key (HPKE base mode, RFC 9180), bound to what they are for."""

import base64
import binascii

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


def sealed(plain: bytes, to: X25519PublicKey, binding: str, size: int) -> str:
    """Pad with spaces to a multiple of `size` bytes and seal; base64 of encapsulation and text."""
    padded = plain + b" " * (-len(plain) % size)
    return base64.b64encode(_SUITE.encrypt(padded, to, info=binding.encode())).decode()


def opened(box: str, key: X25519PrivateKey, binding: str) -> bytes:
    """Open a box; raises ValueError when it is not one for this key and binding."""
    try:
        return _SUITE.decrypt(base64.b64decode(box, validate=True), key, info=binding.encode())
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise ValueError("does not open with this key, or was made for another use") from error
