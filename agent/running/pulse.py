"""Signs of life: when each part of the agent last gave one, and until when the next may take.

Instants are nanoseconds of a clock that is never set (a monotonic one).
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from adapters.reading import NANOSECONDS


class _Beat(NamedTuple):
    at: int
    until: int


@dataclass(slots=True)
class Pulse:
    """The last sign of each part by name. Any thread may read it while one thread writes."""

    _beats: dict[str, _Beat] = field(default_factory=dict)

    def beat(self, part: str, now: int, within: int) -> None:
        """Note a sign of a part at `now`, which promises the next one `within` nanoseconds."""
        self._beats[part] = _Beat(now, now + within)

    def forget(self, part: str) -> None:
        """Expect nothing more of a part: it has ended, or starts anew."""
        self._beats.pop(part, None)

    def until(self, part: str) -> int | None:
        """Give the instant by which a part must give a sign; None when none is expected."""
        beat = self._beats.get(part)
        return None if beat is None else beat.until

    def late(self, now: int) -> dict[str, str]:
        """Give the parts past their time, and in words for how long they have been silent."""
        # A copy is made in one step, whatever another thread adds meanwhile.
        beats = list(self._beats.items())
        return {part: silence(now - beat.at) for part, beat in beats if now > beat.until}


def silence(nanoseconds: int) -> str:
    """Say how long a part has given no sign."""
    return f"no sign of life for {nanoseconds / NANOSECONDS:.0f} s"
