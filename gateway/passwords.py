"""Passwords for a broker: made at random, and hashed as mosquitto 2.0 keeps them.

A line of its password file is `name:$7$iterations$salt$hash`, with PBKDF2-HMAC-SHA512 (its source,
src/password_mosq.c; `mosquitto_passwd` writes 101 iterations). With 256 random bits nothing is
gained by more.
"""

import base64
import hashlib
import secrets

_ITERATIONS = 101
_SALT = 12


def made() -> str:
    """Make a password of 256 random bits."""
    return secrets.token_urlsafe(32)


def hashed(password: str) -> str:
    """Hash a password with a salt of its own."""
    salt = secrets.token_bytes(_SALT)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
