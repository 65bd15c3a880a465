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
_DOUBTFUL = re.compile(
    r"(?:^|[:,\[])-?(?:[1-9]\d{16}|9\d{15}|\d[\d.]*(?:e|\.0(?:[,}\]]|$)))"
).search
"""Numbers of 2**53 or more, with an exponent, or with a fraction of nothing; also where a text only
looks like one, which costs time and changes nothing."""


def canonical(content: Any) -> bytes:
    """Write a JSON value, whose objects have text for names, in canonical form.

    Raises ValueError for what has none: a number that is not finite, a whole number beyond 2**53, a
    text with half a surrogate pair, a value that is not JSON.
    """
    try:
        text = _QUICK(content)
    except (TypeError, ValueError):
        return rfc8785.dumps(content)
    if text.isascii() and _DOUBTFUL(text) is None:
        return text.encode()
    return rfc8785.dumps(content)
