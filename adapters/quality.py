"""Judge a decoded value: what makes a reading bad although the device answered."""

import math

from adapters.adapter import PointSettings
from adapters.reading import Fault, Quality, Value

NOT_A_NUMBER = Fault(Quality.BAD, "not-a-number")
SENTINEL = Fault(Quality.BAD, "sentinel")
IMPLAUSIBLE = Fault(Quality.BAD, "implausible")


def judge(raw: Value, value: Value, settings: PointSettings) -> Fault | None:
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
