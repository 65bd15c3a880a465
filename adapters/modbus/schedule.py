"""When to poll, decided without a clock: aligned polls, and pauses that grow with each fault."""

from dataclasses import dataclass


def aligned(now: int, every: int) -> int:
    """Give the first multiple of `every` after now; all in nanoseconds."""
    return (now // every + 1) * every


def following(due: int, now: int, every: int) -> int:
    """Give the poll after the one due at `due`: on the same beat, and at most one behind.

    A stall costs the polls that were missed, never a burst. A clock set back does not stop polling.
    """
    coming = due + every
    if coming - now > every:
        return aligned(now, every)
    return max(coming, now // every * every)


@dataclass(slots=True)
class Pause:
    """A pause after faults: doubles from `shortest` to `longest`, both in nanoseconds."""

    shortest: int
    longest: int
    _next: int = 0
    _until: int | None = None

    def fault(self, now: int, jitter: float) -> None:
        """Begin or lengthen the pause; `jitter` in 0 to 1 shortens it by up to a half."""
        length = min(max(self._next, self.shortest), self.longest)
        self._next = min(2 * length, self.longest)
        self._until = now + int(length * (1 - jitter / 2))

    def clear(self) -> None:
        """End the pause: there was an answer."""
        self._next = 0
        self._until = None

    def active(self, now: int) -> bool:
        """Tell whether to wait; a clock set back ends a pause that would outlast its length."""
        if self._until is None or self._until - now > self.longest:
            return False
        return now < self._until
