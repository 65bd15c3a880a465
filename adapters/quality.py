"""Judge a decoded value: what makes a reading bad although the device answered."""

import math
from typing import Protocol

from adapters.reading import Fault, Quality, Value

NOT_A_NUMBER = Fault(Quality.BAD, "not-a-number")
SENTINEL = Fault(Quality.BAD, "sentinel")
IMPLAUSIBLE = Fault(Quality.BAD, "implausible")


class Limits(Protocol):
    """What a point's values are held to; see `PointSettings`."""

    @property
    def sentinels(self) -> tuple[float, ...]:
        """Values that are no measurement, before scaling."""

    @property
    def plausible(self) -> tuple[float, float] | None:
        """Lowest and highest value that can be true."""


def judge(raw: Value, value: Value, settings: Limits) -> Fault | None:
    """Say what is wrong with a value, or None: `raw` is before scaling, `value` after it."""
    if isinstance(value, float) and not math.isfinite(value):
        return NOT_A_NUMBER
    if raw in settings.sentinels:
        return SENTINEL
    if settings.plausible is not None and isinstance(value, int | float):
        low, high = settings.plausible
        if not low <= value <= high:
            return IMPLAUSIBLE
    return None
