"""Lanes: which sources are read one after another, and how long such a lane may be silent."""

from collections.abc import Mapping, Sequence

from adapters.adapter import Source, adapter
from adapters.reading import NANOSECONDS

LANE_SILENCE = 120 * NANOSECONDS
"""Twice the minute in which an adapter reports each source."""


def lanes(sources: Sequence[Source]) -> Mapping[str, list[Source]]:
    """Give the sources of each lane, by its name: those that share a line wait for each other."""
    found: dict[str, list[Source]] = {}
    for source in sources:
        lane = adapter(source.settings.protocol, source.found).lane(source)
        found.setdefault(f"{source.settings.protocol} {lane}", []).append(source)
    return found


def lane_patience(sources: Sequence[Source]) -> int:
    """How long a lane may be silent, in nanoseconds: adapters report at least once a minute.

    A device that is away may be asked again only after its interval, and keeps its lane waiting.
    """
    longest = max(source.settings.every for source in sources)
    waiting = sum(source.settings.timeout for source in sources)
    return LANE_SILENCE + int(2 * (longest + waiting) * NANOSECONDS)
