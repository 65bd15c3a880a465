"""The hub's desk for members: takes requests to join, takes up admissions, issues the roster.

Used from the ledger's thread alone, but for what it has ready to be sent.
"""

import logging
from pathlib import Path
from typing import Any, Final

from adapters.errors import TransientError
from config.hub_plan import HubPlan, Member
from gateway.certificates import state_of
from gateway.hub import membership, registry, requests
from gateway.hub.access import member_keys
from gateway.hub.intake import Refused
from gateway.hub.vault import Open
from gateway.keys import PlantPublic
from gateway.roster import following, roster_content, seal_roster
from gateway.wire import answer_topic, quarter, rfc3339, roster_topic

_log = logging.getLogger("sidestream.hub")
_SECOND = 1_000_000_000
_ASKS: Final[dict[requests.Kind, str]] = {
    "join": "a plant asks to join: see `sidestream hub requests`",
    "new key": "a member asks with a new key: see `sidestream hub requests`",
    "renewal": "a member asks for a new certificate: `sidestream hub renew` gives it",
}


class Desk:
    """Members as they are now, requests that wait, and what is to be retained at the broker.

    Raises `PermanentError` when the registry or a key of the hub cannot be read.
    """

    def __init__(self, plan: HubPlan) -> None:
        self._plan = plan
        self._path = registry.path_of(plan)
        self._seen = state_of([self._path])
        self._registry = registry.read(self._path)
        self.ring = membership.ring(plan, self._registry)
        self._waiting = requests.read(Path(plan.state_dir))
        self._released: int | None = None
        self._posted = self._registry.answers
        self._content: dict[str, Any] = {}
        self._number = 0
        self._roster = b""
        self.members: tuple[Member, ...] = self._enrolled()
        self.settled = False
        """Whether it is known since when each member is there: before, nothing is released."""

    def _enrolled(self) -> tuple[Member, ...]:
        return registry.enrolled(self._plan.members, self._registry, self._released)

    def look(self, opened: Open, now: int) -> bool:
        """Read the registry anew where it has changed; tells whether anything did.

        Raises `PermanentError` or `TransientError`.
        """
        self._read_anew()
        if self._released is None:
            with opened.database.look() as cursor:
                self._released = membership.first_release(cursor)
        self._note_first_seen(opened, now)
        self._tidy(now)
        before, self.members = self.members, self._enrolled()
        posted, self._posted = self._posted, self._registry.answers
        changed = self._issue(now) or before != self.members or not self.settled
        # A renewal changes nothing but what is to be posted.
        changed = changed or posted != self._posted
        self.settled = True
        return changed

    def _read_anew(self) -> None:
        state = state_of([self._path])
        if state != self._seen:
            self._registry = registry.read(self._path)
            self.ring = membership.ring(self._plan, self._registry)
            self._seen = state

    def _note_first_seen(self, opened: Open, now: int) -> None:
        if all(one.name in self._registry.tenures for one in self._plan.members):
            return
        with opened.database.look() as cursor:
            first = membership.first_records(cursor)
        members = self._plan.members
        self._registry = registry.change(
            self._path, lambda known: registry.seen(known, members, first, now)
        )
        self._seen = state_of([self._path])

    def _tidy(self, now: int) -> None:
        answered = {(one.sender, one.plant): one.issued for one in self._registry.answers}
        waiting = tuple(
            one
            for one in requests.kept(self._waiting, now, self.members)
            if answered.get((one.sender, one.fingerprint), 0) < one.received
        )
        if waiting != self._waiting:
            self._keep(waiting)

    def _keep(self, waiting: tuple[requests.Pending, ...]) -> None:
        folder = Path(self._plan.state_dir)
        try:
            requests.write(folder, waiting)
        except OSError as error:
            raise TransientError(
                f"the requests to join cannot be kept ({error.strerror})",
                where=str(folder / requests.FILE),
            ) from error
        self._waiting = waiting

    def take(self, topic: str, payload: bytes, now: int) -> Refused | None:
        """Keep a request for the operator, or give why it is refused.

        Raises `TransientError` when it cannot be kept.
        """
        # A plant may ask within the seconds in which nobody has looked for new invitations.
        self._read_anew()
        found = requests.judged(
            topic,
            payload,
            now,
            self._plan.cluster,
            self.ring,
            self._registry,
            self.members,
            self._waiting,
        )
        if isinstance(found, Refused):
            return found
        if any(
            (one.sender, one.asked) == (found.sender, found.asked) for one in self._registry.answers
        ):
            return None
        if any(one.asks_the_same(found) for one in self._waiting):
            return None
        self._keep((*(one for one in self._waiting if one.sender != found.sender), found))
        _log.info("%s", _ASKS[found.kind])
        return None

    def _issue(self, now: int) -> bool:
        """Write the roster anew where it says something else than the last one."""
        plan, period = self._plan, quarter(now)
        calendars: dict[str, str] = {
            kind: own if isinstance(own, str) else f"{own // _SECOND} s"
            for kind, own in plan.calendars.items()
        }
        content = roster_content(plan.cluster, period, self.ring, calendars, plan.rules.k)
        for name, of in (("members", period), ("coming", following(period))):
            keys = member_keys(one for one in self.members if one.counts(of))
            content[name] = self.ring.tokens(keys, plan.cluster, of)
        if content == self._content:
            return False
        # It grows with the clock, so that a hub which has lost its state goes on above it.
        self._number = max(self._number + 1, now // _SECOND)
        issue = {"number": self._number, "issued": rfc3339(now)}
        self._content, self._roster = (
            content,
            seal_roster({**content, **issue}, self.ring.at(period)),
        )
        return True

    def posts(self) -> dict[str, bytes]:
        """Give what is to be retained at the broker, by topic: the roster, and admissions."""
        cluster = self._plan.cluster
        found = {
            answer_topic(cluster, one.sender): one.payload.encode()
            for one in self._registry.answers
        }
        return found | ({roster_topic(cluster): self._roster} if self._roster else {})


def fingerprint_of(member: Member) -> str:
    """Give the fingerprint of a member's key, which is its account."""
    return PlantPublic.parse(member.key_text).fingerprint
