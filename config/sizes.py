"""How large a record may become: a plant's records all have one size, whatever is in them."""

from collections.abc import Iterable, Sequence

from config.plan import StreamPlan

RECORD = 768
"""Bytes of a record without figures, at most: its names, numbers, window and signature."""
FIGURE = 256
"""Bytes of a figure at most, with all marks and the longest quantity."""
MAGNITUDE = 144
"""Bytes of an order of magnitude at most."""
DETAIL, STREAM, WINDOW, COMPONENT = 512, 512, 208, 96
"""Bytes at most of a detail without streams, of a stream in it without windows, of a window, and of
a component, each without the names that people choose."""
SIZES = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
"""Sizes a record may be padded to."""


def largest(streams: Iterable[StreamPlan]) -> int:
    """Give the bytes that a record of these streams takes at most, before it is padded."""
    found = RECORD
    for stream in streams:
        if stream.share != "off":
            found += MAGNITUDE if stream.share == "band" else FIGURE + MAGNITUDE
    return found


def largest_detail(contract: str, streams: Sequence[tuple[StreamPlan, str]], windows: int) -> int:
    """Give the bytes that a detail of streams and their labels takes at most, before it is padded.

    `windows` is how many of the contract's windows a release window holds.
    """
    found = DETAIL + _written(contract)
    for stream, label in streams:
        count = 1 if stream.meter.kind == "batch" else windows
        found += STREAM + _written(label) + WINDOW * count
        makeups = stream.composition.values if stream.composition else ()
        found += max((_components(one.shares) for one in makeups), default=0)
    return found


def _components(names: Iterable[str]) -> int:
    return sum(COMPONENT + _written(name) for name in names)


def _written(text: str) -> int:
    """Give the bytes of a text in JSON at most: any character may need an escape."""
    return 2 * len(text.encode())


def fitting(size: int) -> int | None:
    """Give the smallest size a record of so many bytes fits; None when there is none."""
    return next((one for one in SIZES if size <= one), None)
