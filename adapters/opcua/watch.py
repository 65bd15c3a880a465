"""What is known of one source's points: the rules by which samples become readings.

Three rules need care, and all are here, free of clock and connection:

- A value that does not change is told once. It counts as observed for as long as the subscription
  is proven alive: each publish response, a keep-alive too, confirms every silent point, as of one
  sampling interval before it arrived. Without a response there is no confirmation.
- Source time stamps are used as they come. A stamp that does not move, or that is older than the
  session (the first value after a connection), says when the value last changed, not when it was
  sampled: such a reading gets the present, counted on in the clock the point's stamps come from.
- After a cut every point is bad, once, and nothing is confirmed until its value is told anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.opcua.sample import Samples
from adapters.reading import NANOSECONDS, Block, Fault, Quality, Value

CLOCK = Fault(Quality.UNCERTAIN, "clock")
DAY = 86_400 * NANOSECONDS
OLDEST = 946_684_800 * NANOSECONDS
"""1 January 2000 in ns since 1970: an older time stamp comes from a clock that was never set."""
SLACK = 60 * NANOSECONDS
"""A stamp older than the last reading by less than this is a matter of lag, not of a clock set."""
_OFTEN = 4
"""How often a point may stand in the groups that are kept, on average: a busy server tells of ever
other groups, and each of ten thousand points is 0.2 MB."""


@dataclass(slots=True)
class _Point:
    """One point: what was last told of it. Instants in ns; `base` is in the clock of its stamps."""

    value: Value = None
    fault: Fault | None = None
    told: int | None = None
    base: int = 0
    heard: int = 0
    stamp: int | None = None
    fresh: bool = True
    known: bool = False


@dataclass(slots=True)
class Watch:
    """The points of one source.

    `every` is the time between readings and `lag` how much older than a publish response its
    samples may be, both in ns. `now` in the methods is wall time in ns since 1970, `mono` a clock
    in ns that is never set.
    """

    source: str
    points: tuple[str, ...]
    every: int
    lag: int = 0
    overflows: int = 0
    _state: list[_Point] = field(init=False)
    _groups: dict[tuple[int, ...], tuple[str, ...]] = field(init=False, default_factory=dict)
    _grouped: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._state = [_Point() for _ in self.points]

    def begin(self, mono: int) -> None:
        """Start a session: the first value of each point then counts as sampled when it comes."""
        for point in self._state:
            point.fresh = True
            if not point.known:
                point.heard = mono

    def take(self, told: Samples, now: int, mono: int, sent: int | None = None) -> Block | None:
        """Turn samples into a block.

        `sent` is the server's own time of the message, where it gave one.
        """
        state, faults, latest = self._state, told.faults, now + DAY
        times: list[int] = []
        self.overflows += told.overflows
        for place, (at, value, given) in enumerate(
            zip(told.positions, told.values, told.stamps, strict=True)
        ):
            point, stamp = state[at], given
            if stamp is None or not OLDEST <= stamp <= latest:
                if stamp is not None:
                    faults.setdefault(place, CLOCK)
                stamp, base = None, now
            elif point.fresh or stamp == point.stamp:
                base = self._base(point, stamp, now, mono, sent)
            else:
                base = stamp
            instant = _after(base, point.told)
            times.append(instant)
            point.value, point.fault, point.told = value, faults.get(place), instant
            point.base, point.heard, point.stamp = base, mono, stamp
            point.fresh, point.known = False, True
        return self._block(told.positions, times, told.values, faults, now)

    def confirm(self, now: int, mono: int) -> Block | None:
        """Say again what is known of every point that has been silent for a quarter of `every`.

        Call it only when a publish response has just proven that nothing else is to be told.
        """
        rows: list[tuple[int, int, Value, Fault | None]] = []
        for position, point in enumerate(self._state):
            if point.known and point.told is not None:
                # Without stamps of its own a point is told by this computer's clock, wherever set.
                at = now if point.stamp is None else point.base + mono - point.heard
                instant = at - self.lag
                if instant - point.told >= self.every // 4:
                    point.told = instant
                    rows.append((position, instant, point.value, point.fault))
        return self._rows(rows, now)

    def lose(self, fault: Fault, now: int, mono: int) -> Block | None:
        """Make every point bad at a cut; None when all are known to be so."""
        rows: list[tuple[int, int, Value, Fault | None]] = []
        for position, point in enumerate(self._state):
            if point.known or point.told is None:
                instant = point.base + mono - point.heard if point.known else now
                instant = _after(instant, point.told)
                point.told, point.known, point.value = instant, False, None
                rows.append((position, instant, None, fault))
        return self._rows(rows, now)

    def silent(self, mono: int, limit: int) -> list[int]:
        """Positions of the points of which nothing was told for `limit` ns or longer."""
        return [at for at, point in enumerate(self._state) if mono - point.heard >= limit]

    def faults(self) -> dict[str, Fault]:
        """Points whose last told value was not good."""
        return {
            name: point.fault
            for name, point in zip(self.points, self._state, strict=True)
            if point.known and point.fault is not None
        }

    def _base(self, point: _Point, stamp: int, now: int, mono: int, sent: int | None) -> int:
        """Instant of a sample whose stamp is a session's first, or did not move."""
        if point.fresh:
            present = sent if sent is not None and OLDEST <= sent <= now + DAY else now
            return stamp if stamp > present - self.every else present
        return point.base + mono - point.heard

    def _rows(self, rows: Sequence[tuple[int, int, Value, Fault | None]], now: int) -> Block | None:
        if not rows:
            return None
        positions, times, values, faults = zip(*rows, strict=True)
        wrong = {at: fault for at, fault in enumerate(faults) if fault is not None}
        return self._block(positions, times, values, wrong, now)

    def _block(
        self,
        positions: Sequence[int],
        times: Sequence[int],
        values: Sequence[Value],
        faults: Mapping[int, Fault],
        now: int,
    ) -> Block | None:
        if not positions:
            return None
        names = self._names(tuple(positions))
        return Block(self.source, now, names, tuple(values), faults, tuple(times))

    def _names(self, positions: tuple[int, ...]) -> tuple[str, ...]:
        """Names at positions: the same tuple object each time, as long as groups recur."""
        names = self._groups.get(positions)
        if names is None:
            self._grouped += len(positions)
            if self._grouped > _OFTEN * len(self.points):
                self._groups.clear()
                self._grouped = len(positions)
            names = self._groups[positions] = tuple(self.points[at] for at in positions)
        return names


def _after(instant: int, last: int | None) -> int:
    """Keep readings of a point in order where they differ by lag; a clock that was set shows."""
    if last is not None and last - SLACK < instant <= last:
        return last + 1
    return instant
