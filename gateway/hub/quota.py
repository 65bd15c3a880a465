"""How fast each sender may send: a bucket of messages a member, one for all others together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from config.hub_plan import HubLimits, Member
from gateway.hub.access import Names, periods
from gateway.keys import PlantPublic
from gateway.wire import quarter

NOBODY = ""
"""The sender of what comes on a topic that is no member's."""
JOINING = "requests to join"
"""All who ask to join have a share of their own, so that nobody else can take it."""
SECOND = 1_000_000_000
UNKNOWN_SHARE = 10
"""All senders that are no members have a tenth of one member's rate together, and so have all
who ask to join."""


@dataclass(slots=True)
class Bucket:
    """Messages that may come at once (`size`), filled again at `rate` a second."""

    rate: float
    size: float
    left: float
    filled: int

    def take(self, now: int) -> bool:
        """Take one message at `now` (nanoseconds), where there is room for it."""
        passed = max(0, now - self.filled) / SECOND
        self.left = min(self.size, self.left + passed * self.rate)
        self.filled = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(slots=True)
class Quotas:
    """Who sends on which topic in the quarters around now, and how much of it is taken."""

    cluster: str
    key: Names
    members: Sequence[tuple[Member, PlantPublic]]
    limits: HubLimits
    _named: list[str] = field(default_factory=list)
    _names: dict[str, tuple[str, int]] = field(default_factory=dict)
    _period: str = ""
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _limited: dict[str, int] = field(default_factory=dict)

    def sender(self, topic: str, now: int) -> str:
        """Give the member whose topic it is, or `NOBODY`."""
        if self._period != quarter(now):
            self.name(now)
        if topic.endswith("/request"):
            return JOINING
        found = self._names.get(topic.rpartition("/")[2])
        return NOBODY if found is None else found[0]

    def whose(self, pseudonym: str) -> tuple[str, int] | None:
        """Give a pseudonym's member and the place of its quarter, the later the higher."""
        return self._names.get(pseudonym)

    def period(self, pseudonym: str, now: int) -> str:
        """Give the quarter a pseudonym is of; of one that is nobody's, the quarter now."""
        found = self._names.get(pseudonym)
        return quarter(now) if found is None else self._named[found[1]]

    def enrol(self, members: Sequence[tuple[Member, PlantPublic]], now: int) -> None:
        """Take other members; what the others have sent stays counted."""
        self.members = members
        self.name(now)

    def name(self, now: int) -> None:
        """Learn members' names in the quarters around now; raises ValueError for a bad key."""
        self._named = named = periods(now, self.limits.oldest)
        self._period = quarter(now)
        self._names = {
            name: (member.name, place)
            for member, public in self.members
            for place, name in enumerate(self.key.pseudonyms(public, self.cluster, named))
        }

    def admit(self, sender: str, now: int) -> bool:
        """Tell whether one more message of a sender is taken; counts those that are not."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = self._bucket(sender, now)
        if bucket.take(now):
            return True
        self._limited[sender] = self._limited.get(sender, 0) + 1
        return False

    def _bucket(self, sender: str, now: int) -> Bucket:
        share = UNKNOWN_SHARE if sender in (NOBODY, JOINING) else 1
        size = max(1.0, self.limits.burst / share)
        return Bucket(self.limits.rate / share, size, size, now)

    def taken_limited(self) -> Mapping[str, int]:
        """Give how many messages of each sender were not taken since this was last asked."""
        found, self._limited = self._limited, {}
        return found
