"""A count: what a totaliser shows at an instant, and what its width and its floats do to it."""

import math
from typing import NamedTuple

FLOAT32_STEPS = 2.0**-22
"""Relative fall of a float that its rounding to 32 bits can cause: no change."""


class Count(NamedTuple):
    """A totaliser's reading; the value is in the point's own unit, so that whole counts stay."""

    time: int
    value: float | int
    doubt: bool


quick_count = tuple.__new__
"""Makes a `Count` of a tuple, in half the time of its own constructor."""


def risen(base: Count, reading: Count) -> float | int | None:
    """Give the plain rise, or None for a fall; a float's rounding is no fall."""
    found = reading.value - base.value
    if found >= 0:
        return found
    rounding = type(reading.value) is float and -found <= base.value * FLOAT32_STEPS
    return 0 if rounding else None


def counts(modulus: float) -> float | int:
    """Give a modulus in counts, whole where it is meant to be: 2^64 is more than a float holds."""
    power = 1 << max(round(math.log2(modulus)), 0)
    whole = power if math.isclose(modulus, power, rel_tol=1e-9) else round(modulus)
    return whole if math.isclose(modulus, whole, rel_tol=1e-9) else modulus


def went(before: Count, after: Count) -> str:
    """Say between what a count went, for an event's detail."""
    return f"the count went from {before.value} to {after.value}"
