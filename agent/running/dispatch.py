"""Which waiting record to send next: live ones at once, the backlog at its own pace behind them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from adapters.reading import NANOSECONDS
from agent.keeping.tables import Queued

FIRST_REPEAT = 60 * NANOSECONDS
"""How long after sending a record its receipt may take before it is sent again."""
LAST_REPEAT = 900 * NANOSECONDS
"""Longest time between two sendings of the same record."""


@dataclass(slots=True)
class Dispatch:
    """What was sent when on this connection, and how much of the backlog may go now.

    `rate` is the backlog's pace in records per second, `live_for` how long after its end a window
    counts as live (nanoseconds), `first_repeat` the patience for a receipt.
    """

    rate: float
    live_for: int
    first_repeat: int = FIRST_REPEAT
    _sent: dict[str, tuple[int, int]] = field(default_factory=dict)
    _allowance: float = 1.0
    _refilled: int = 0

    def choose(self, waiting: Iterable[Queued], now: int) -> list[Queued]:
        """Pick the records to send at `now`: live ones newest first, then backlog oldest first."""
        ready = [record for record in waiting if record.due <= now and self._ready(record, now)]
        live = [record for record in ready if now - record.end <= self.live_for]
        backlog = [record for record in ready if now - record.end > self.live_for]
        live.sort(key=lambda record: -record.start)
        backlog.sort(key=lambda record: record.start)
        return live + backlog[: self._grant(len(backlog), now)]

    def _ready(self, record: Queued, now: int) -> bool:
        if record.id not in self._sent:
            return True
        last, times = self._sent[record.id]
        # A clock that was set back makes nothing wait for it.
        return not 0 <= now - last < min(self.first_repeat << (times - 1), LAST_REPEAT)

    def _grant(self, wanted: int, now: int) -> int:
        """Refill the allowance (at most one second's worth) and take what is wanted from it."""
        elapsed = max(0, now - self._refilled) / NANOSECONDS if self._refilled else 0.0
        self._refilled = now
        self._allowance = min(max(1.0, self.rate), self._allowance + elapsed * self.rate)
        granted = min(wanted, int(self._allowance))
        self._allowance -= granted
        return granted

    def sent(self, record: Queued, now: int) -> None:
        """Note that a record was handed to the broker and acknowledged by it."""
        _, times = self._sent.get(record.id, (0, 0))
        self._sent[record.id] = (now, times + 1)

    def settled(self, ids: Iterable[str]) -> None:
        """Forget records that need no more sending."""
        for record in ids:
            self._sent.pop(record, None)
