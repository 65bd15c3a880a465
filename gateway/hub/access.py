"""Who may do what at the broker: the topics of each account, for some quarters around now.

A member's account is the fingerprint of its key. It may publish its own records and presence and
hear its own receipts and the roster; the hub alone reads records; readers read cells; nobody else
may do anything but ask to join, for itself, and hear the answer.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from config.hub_plan import Member
from gateway.federation import pooled_topic, remainders_topic
from gateway.keys import PlantPublic
from gateway.wire import (
    answer_topic,
    cells_topic,
    partner_topic,
    presence_topic,
    quarter,
    receipts_topic,
    records_topic,
    request_topic,
    roster_topic,
)

_PRESENT = 3
"""Quarters whose presence topics are open: the last, this and the next."""

Right = Literal["read", "write", "readwrite"]


class Names(Protocol):
    """What knows plants' names on the broker: a hub's key, or its keys of several quarters."""

    def pseudonyms(self, plant: PlantPublic, cluster: str, periods: Iterable[str]) -> list[str]:
        """Give a plant's names in quarters."""
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """One topic (or filter) an account may read, write, or both."""

    right: Right
    topic: str


@dataclass(frozen=True, slots=True)
class Account:
    """A client of the broker and what it may do; `role` is for people."""

    name: str
    role: str
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Roll:
    """Whom a cluster's broker admits: the hub, members by their keys, readers and partners.

    `former` has, by the fingerprint of a member's key, the keys that it has replaced: what waits
    in the plant under their names is sent from the new account.
    `peers` are the fingerprints of the hubs that pool here.
    """

    cluster: str
    hub: str
    members: tuple[PlantPublic, ...]
    readers: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    former: Mapping[str, tuple[PlantPublic, ...]] = field(default_factory=dict)
    peers: tuple[str, ...] = ()


def former_keys(members: Iterable[Member]) -> dict[str, tuple[PlantPublic, ...]]:
    """Read the keys that members have replaced, by the fingerprint of the one they have now."""
    return {
        PlantPublic.parse(member.key_text).fingerprint: tuple(
            PlantPublic.parse(text) for text, _ in member.former
        )
        for member in members
        if member.former
    }


def member_keys(members: Iterable[Member]) -> tuple[PlantPublic, ...]:
    """Read members' keys; raises ValueError when one is not a plant's public key."""
    return tuple(PlantPublic.parse(member.key_text) for member in members)


def periods(now: int, oldest: int) -> list[str]:
    """Name the quarters from the one `oldest` nanoseconds before `now` to the one after `now`.

    Records that waited in a plant go out under the pseudonym of their own quarter.
    """
    first, last = _number(quarter(now - oldest)), _number(quarter(now)) + 1
    return [f"{number // 4}Q{number % 4 + 1}" for number in range(first, last + 1)]


def _number(period: str) -> int:
    year, _, part = period.partition("Q")
    return int(year) * 4 + int(part) - 1


def accounts(roll: Roll, key: Names, named: Sequence[str]) -> list[Account]:
    """List every account and its topics for the named quarters; `key` is the hub's, or all are.

    Raises ValueError when a member's key is of no use, or an account is named twice.
    """
    found = [_hub(roll)]
    found += [_member(roll, member, key, named) for member in roll.members]
    cells = Grant("read", cells_topic(roll.cluster, "+"))
    found += [Account(name, "reader", (cells,)) for name in roll.readers]
    found += [_partner(roll.cluster, name) for name in roll.partners]
    found += [_peer(roll.cluster, name) for name in roll.peers]
    _check_names([account.name for account in found])
    return found


def _check_names(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"an account for each client; {name} is given twice")


def _hub(roll: Roll) -> Account:
    cluster = roll.cluster
    grants = (
        Grant("read", records_topic(cluster, "+")),
        # It also clears what is retained of quarters gone by.
        Grant("readwrite", presence_topic(cluster, "+")),
        Grant("write", receipts_topic(cluster, "+")),
        Grant("readwrite", cells_topic(cluster, "+")),
        Grant("readwrite", roster_topic(cluster)),
        Grant("read", request_topic(cluster, "+")),
        Grant("write", answer_topic(cluster, "+")),
    )
    pool = (
        Grant("read", remainders_topic(cluster, "+")),
        Grant("write", pooled_topic(cluster, "+")),
    )
    return Account(roll.hub, "hub", (*grants, *pool) if roll.peers else grants)


def _peer(cluster: str, name: str) -> Account:
    grants = (
        Grant("write", remainders_topic(cluster, name)),
        Grant("read", receipts_topic(cluster, name)),
        Grant("read", pooled_topic(cluster, name)),
    )
    return Account(name, "peer", grants)


def _member(roll: Roll, member: PlantPublic, key: Names, named: Sequence[str]) -> Account:
    cluster = roll.cluster
    own = (*roll.former.get(member.fingerprint, ()), member)
    each = [key.pseudonyms(one, cluster, named) for one in own]
    names = [name for names in each for name in names]
    present = [name for names in each for name in names[-_PRESENT:]]
    grants = (
        *(Grant("write", records_topic(cluster, name)) for name in names),
        *(Grant("write", presence_topic(cluster, name)) for name in present),
        *(Grant("read", receipts_topic(cluster, name)) for name in names),
        Grant("read", roster_topic(cluster)),
        *(Grant("write", partner_topic(cluster, partner)) for partner in roll.partners),
    )
    return Account(member.fingerprint, "member", grants)


def _partner(cluster: str, name: str) -> Account:
    return Account(name, "partner", (Grant("read", partner_topic(cluster, name)),))


def listed(account: Account) -> Iterator[str]:
    """Write an account as lines of mosquitto's access control file."""
    yield f"# {account.role}"
    yield f"user {account.name}"
    for grant in account.grants:
        yield f"topic {grant.right} {grant.topic}"


def patterns(cluster: str) -> tuple[Grant, ...]:
    """Give what every account may do under its own name (`%u`): ask to join, hear the answer.

    An invitation's account is in no list, so inviting needs no new files.
    """
    return (
        Grant("write", request_topic(cluster, "%u")),
        Grant("read", answer_topic(cluster, "%u")),
    )
