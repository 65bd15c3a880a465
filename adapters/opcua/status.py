"""Status codes of OPC UA as qualities, by their severity bits (OPC 10000-4 7.39.1)."""

import re
from functools import lru_cache

from adapters.reading import Fault, Quality

_GENERIC = {"Good", "Uncertain", "Bad"}
_QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)
OVERFLOW = 0x0480
"""Information bits (data value, overflow) that say values were lost in a queue."""
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

ABSENT = frozenset(
    {
        "bad-node-id-unknown",
        "bad-node-id-invalid",
        "bad-attribute-id-invalid",
        "bad-not-readable",
        "bad-user-access-denied",
        "bad-no-match",
        "bad-not-found",
        "unknown-namespace",
        "ambiguous-path",
        "wrong-device",
    }
)
"""Reasons that mean the node is not there, or not for this user: somebody must look."""


def quality(code: int) -> Quality:
    """Give the quality of a status code; the reserved fourth severity counts as bad."""
    return _QUALITIES[(code >> 30) & 3]


@lru_cache(1024)
def fault(code: int, name: str) -> Fault | None:
    """Say what is wrong, None when good; `name` is the code's name, such as BadSensorFailure."""
    found = quality(code)
    if found is Quality.GOOD:
        return None
    if not name or name in _GENERIC:
        word = "uncertain" if found is Quality.UNCERTAIN else "bad"
        plain = code & 0xFFFF0000 in (0x40000000, 0x80000000)
        return Fault(found, word if plain else f"{word}-{(code & 0xFFFFFFFF) >> 16:04x}")
    return Fault(found, _WORD.sub("-", name).lower())


def overflowed(code: int) -> bool:
    """Tell whether a value's status says that earlier values were lost in the server's queue."""
    return code & OVERFLOW == OVERFLOW
