"""How large a record may become: a plant's records all have one size, whatever is in them."""

from collections.abc import Iterable

from config.plan import StreamPlan

RECORD = 768
"""Bytes of a record without figures, at most: its names, numbers, window and signature."""
FIGURE = 256
"""Bytes of a figure at most, with all marks and the longest quantity."""
MAGNITUDE = 144
"""Bytes of an order of magnitude at most."""
SIZES = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
"""Sizes a record may be padded to."""


def largest(streams: Iterable[StreamPlan]) -> int:
    """Give the bytes that a record of these streams takes at most, before it is padded."""
    found = RECORD
    for stream in streams:
        if stream.share != "off":
            found += MAGNITUDE if stream.share == "band" else FIGURE + MAGNITUDE
    return found


def fitting(size: int) -> int | None:
    """Give the smallest size a record of so many bytes fits; None when there is none."""
    return next((one for one in SIZES if size <= one), None)
