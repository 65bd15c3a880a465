"""The canonical form of JSON (RFC 8785), quickly where Python's own encoder writes the same bytes.

Python's encoder is compiled and ten times as fast as one written in Python. It differs from the
canonical form in the order of members whose names go beyond ASCII and in how some numbers are
written; where the text could hold one of those, the slow encoder has the word.
"""

import json
import re
from typing import Any

import rfc8785

_QUICK = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode
_EXPONENT = re.compile(rb"\de[+-]\d").search
_DIGITS = bytes(ord("0") if chr(at).isdigit() and at < 128 else at for at in range(256))  # noqa: PLR2004 ASCII
_WHOLE = (b".0,", b".0}", b".0]")
_LONG = 16
"""Digits of the first whole number that is not told exactly by every JSON reader, 2**53."""


def canonical(content: Any) -> bytes:
    """Write a JSON value, whose objects have text for names, in canonical form.

    Raises ValueError for what has none: a number that is not finite, a whole number beyond 2**53, a
    text with half a surrogate pair, a value that is not JSON.
    """
    try:
        text = _QUICK(content)
    except (TypeError, ValueError):
        return rfc8785.dumps(content)
    if not text.isascii():
        return rfc8785.dumps(content)
    written = text.encode()
    return rfc8785.dumps(content) if _doubtful(written) else written


def _doubtful(text: bytes) -> bool:
    """Tell whether a number could be written otherwise; text that only looks like one counts too.

    That is one with a fraction of nothing, with an exponent, or of 2**53 or more. Searches for
    fixed bytes come first, which are many times as fast as patterns.
    """
    return (
        any(end in text for end in _WHOLE)
        or text.endswith(b".0")
        or ((b"e-" in text or b"e+" in text) and _EXPONENT(text) is not None)
        or _long(text)
    )


def _long(text: bytes) -> bool:
    digits, run = text.translate(_DIGITS), b"0" * _LONG
    at = digits.find(run)
    while at >= 0:
        if text[at : at + 1] == b"9" or digits[at + _LONG : at + _LONG + 1] == b"0":
            return True
        at = digits.find(run, at + _LONG)
    return False
