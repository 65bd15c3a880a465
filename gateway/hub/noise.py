"""Keyed noise: what is added to a released sum, a fixed function of its cell, window and owners.

A draw from the Laplace distribution, whose scale is a share of the largest owner's contribution:
the one the p% rule guards. The draw comes of HMAC-SHA256 under a key of the hub's own, so a sum
that is asked for again has the same noise, and repeating the question averages nothing out.
"""

import hashlib
import hmac
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DIGITS = 6
"""Significant digits of a sum with noise."""
_UNIT = 2.0**-53


@dataclass(frozen=True, slots=True)
class Noise:
    """How much noise: the Laplace scale in percent of the largest contribution, and the key."""

    percent: float
    key: bytes = field(repr=False)


def uniform(key: bytes, cell: str, window: tuple[int, int], owners: Iterable[str]) -> float:
    """Draw a number above 0 and below 1, the same for the same cell, window and owners."""
    asked = json.dumps([cell, *window, *sorted(owners)]).encode()
    digest = hmac.digest(key, b"sidestream noise\n" + asked, hashlib.sha256)
    return ((int.from_bytes(digest[:8]) >> 11) + 0.5) * _UNIT


def laplace(drawn: float, scale: float) -> float:
    """Give the Laplace distribution's value at a probability above 0 and below 1."""
    distance = -math.log1p(-2.0 * abs(drawn - 0.5)) * scale
    return math.copysign(distance, drawn - 0.5)


def noised(noise: Noise, cell: str, window: tuple[int, int], owned: Mapping[str, float]) -> float:
    """Sum what owners contribute, with the cell's noise; owners that contribute nothing are none.

    `window` is in nanoseconds since 1970.
    """
    parts = {owner: quantity for owner, quantity in owned.items() if quantity}
    scale = noise.percent / 100 * max(map(abs, parts.values()), default=0.0)
    drawn = uniform(noise.key, cell, window, parts)
    return float(f"{math.fsum((*parts.values(), laplace(drawn, scale))):.{DIGITS}g}")
