"""What polling has taught about a device: values it refuses, places and lengths it cannot span."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from adapters.modbus.address import Table
from adapters.modbus.plan import Cut, requests
from adapters.modbus.points import Span

ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
SPLITTING = (ILLEGAL_ADDRESS, ILLEGAL_VALUE)
"""Exception codes that may mean part of a request, or its length, is refused."""
_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE


@dataclass(slots=True)
class _Retests:
    """When refused values are tried again: after `first`, then ever rarer; all in nanoseconds."""

    first: int
    longest: int
    at: int = 0
    after: int = 0

    def begin(self, now: int) -> None:
        """Wait from now on, as for the first time."""
        self.after = self.first
        self.at = now + self.after

    def due(self, now: int) -> bool:
        """Tell whether to try again now; the next wait is then longer."""
        if now < self.at:
            return False
        self.after = min(2 * self.after, self.longest)
        self.at = now + self.after
        return True


@dataclass(slots=True)
class _Reach:
    """Longest answer seen and shortest request known to be too long, for one kind of table."""

    limit: int
    answered: int = 0
    refused: int | None = None

    @property
    def now(self) -> int:
        """Length to plan with: halfway into the unknown, so that polling finds the true limit."""
        if self.refused is None:
            return self.limit
        return max(1, self.answered, (self.answered + self.refused) // 2)

    def answer(self, length: int) -> None:
        """Note an answered length; one that was thought too long shows that length is no matter."""
        self.answered = max(self.answered, length)
        if self.refused is not None and self.answered >= self.refused:
            self.refused = None


@dataclass(slots=True)
class Survey:
    """A device's map as known so far; `refused` holds values' own spans and exception codes.

    A value never answered is taken for a hole in the map, and tried again after a minute, later
    each hour. One that was answered before is missed: a device that starts up may refuse all it
    has, so it is tried again after a second, later each minute.
    """

    max_registers: int
    max_bits: int
    refused: dict[Span, int] = field(default_factory=dict)
    cuts: set[Cut] = field(default_factory=set)
    _registers: _Reach = field(init=False)
    _bits: _Reach = field(init=False)
    _known: set[Span] = field(default_factory=set)
    """Requests that were answered."""
    _holes: _Retests = field(default_factory=lambda: _Retests(_MINUTE, _HOUR))
    _missed: _Retests = field(default_factory=lambda: _Retests(_SECOND, _MINUTE))

    def __post_init__(self) -> None:
        self._registers = _Reach(self.max_registers)
        self._bits = _Reach(self.max_bits)

    def requests(self, values: Iterable[Span]) -> tuple[Span, ...]:
        """Plan the requests for values, leaving out refused ones and the addresses they are at."""
        illegal = (value for value, code in self.refused.items() if code == ILLEGAL_ADDRESS)
        cuts = self.cuts | {(value.table, value.start) for value in illegal}
        return requests((v for v in values if v not in self.refused), self._limits(), cuts)

    def _limits(self) -> Mapping[Table, int]:
        registers, bits = self._registers.now, self._bits.now
        return {"holding": registers, "input": registers, "coil": bits, "discrete": bits}

    def _reach(self, span: Span) -> _Reach:
        return self._bits if span.of_bits else self._registers

    def state(self) -> tuple[object, ...]:
        """Give all that a plan depends on, to tell whether it must be made anew."""
        return (self._registers.now, self._bits.now, len(self.cuts), *self.refused)

    def answered(self, span: Span) -> None:
        """Note that a request was answered in full."""
        self._reach(span).answer(span.length)
        self._known.add(span)
        self.refused.pop(span, None)

    def refuse(self, value: Span, code: int, now: int) -> None:
        """Note that a value by itself is refused; it is left out until the next retest."""
        retests = self._missed if self._missing(value) else self._holes
        if value not in self.refused and not any(
            self._missing(other) == (retests is self._missed) for other in self.refused
        ):
            retests.begin(now)
        self.refused[value] = code

    def _missing(self, value: Span) -> bool:
        """Tell whether a value was answered once."""
        return any(span.holds(value) for span in self._known)

    def split(self, whole: Span, left: Span, right: Span, code: int) -> None:
        """Note that a request was refused while both its halves were answered."""
        reach = self._reach(whole)
        adjacent = left.end >= right.start
        if (adjacent or code == ILLEGAL_VALUE) and reach.answered < whole.length:
            reach.refused = min(whole.length, reach.refused or whole.length)
        else:
            self.cuts.add((whole.table, right.start))

    def due(self, now: int) -> tuple[Span, ...]:
        """Give the refused values to try again, each alone."""
        if not self.refused or now < min(self._holes.at, self._missed.at):
            return ()
        missing = {value for value in self.refused if self._missing(value)}
        missed, holes = self._missed.due(now), self._holes.due(now)
        return tuple(value for value in self.refused if (missed if value in missing else holes))
