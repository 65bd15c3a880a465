"""The signed roster: a quarter, the hub's keys, the calendars, and who is a member, without names.

A member finds itself by a token that it and its hub alone can compute. The hub's next key is signed
by the one before it, so that whoever trusts an old key can follow to the newest.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from gateway.canonical import canonical
from gateway.keys import HubKey, HubPublic, PlantKey, PlantPublic
from gateway.receipt import CLUSTER, HEX32, INSTANT
from gateway.shape import heard, items, table, text, whole
from gateway.signing import RefusalError, signature, verified
from gateway.wire import KEYS, MEMBERS, VERSION

_PERIOD = re.compile(r"\d{4}Q[1-4]")
_HUB = re.compile(r"sshub1_[A-Za-z0-9_-]{86}")
_CALENDARS = 8


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster as a plant has read it; see `gateway.contract.Roster`, its form on the wire."""

    cluster: str
    number: int
    """Number of the issue: it only grows, and agents refuse an older one."""
    issued: str
    period: str
    hub: str
    succession: tuple[Mapping[str, str], ...]
    members: tuple[str, ...]
    coming: tuple[str, ...]


def following(period: str) -> str:
    """Name the quarter after one."""
    year, _, part = period.partition("Q")
    number = int(year) * 4 + int(part)
    return f"{number // 4}Q{number % 4 + 1}"


@dataclass(frozen=True, slots=True)
class Line:
    """The hub's keys one after the other: each holds from its quarter on; the first always did."""

    keys: tuple[tuple[str, HubPublic], ...]

    @classmethod
    def of(cls, first: HubPublic) -> Self:
        """Begin with the key a person has compared."""
        return cls((("", first),))

    def at(self, period: str) -> HubPublic:
        """Give the hub's key in a quarter."""
        return next(key for since, key in reversed(self.keys) if since <= period)

    def followed(self, cluster: str, succession: Sequence[Mapping[str, str]]) -> Self:
        """Follow signed successors; those that are not signed by the last key are passed over."""
        keys = self.keys
        for step in succession:
            since, last = keys[-1]
            later = step["cluster"] == cluster and step["since"] > since
            if later and verified(dict(step), last.verify, "succession"):
                keys = (*keys, (step["since"], _public(step["hub"])))
        return type(self)(keys)


@dataclass(frozen=True, slots=True)
class Ring:
    """A hub's private keys, each from its quarter on."""

    keys: tuple[tuple[str, HubKey], ...]

    @classmethod
    def of(cls, key: HubKey) -> Self:
        """Begin with one key."""
        return cls((("", key),))

    def at(self, period: str) -> HubKey:
        """Give the key of a quarter."""
        return next(key for since, key in reversed(self.keys) if since <= period)

    def pseudonyms(self, plant: PlantPublic, cluster: str, periods: Iterable[str]) -> list[str]:
        """Give a plant's names on the broker, each by the key of its quarter."""
        return [name for one in periods for name in self.at(one).pseudonyms(plant, cluster, [one])]

    def tokens(self, plants: Iterable[PlantPublic], cluster: str, period: str) -> list[str]:
        """Give members' tokens of a quarter, sorted."""
        key, named = self.at(period), [token(period)]
        return sorted(key.pseudonyms(plant, cluster, named)[0] for plant in plants)

    def named(self, fingerprint: str) -> HubKey | None:
        """Give the key of that fingerprint."""
        return next((key for _, key in self.keys if key.public.fingerprint == fingerprint), None)

    def succession(self, cluster: str) -> tuple[dict[str, Any], ...]:
        """Sign each key but the first by the one before it."""
        found = []
        for (_, before), (since, key) in zip(self.keys, self.keys[1:], strict=False):
            content = {"cluster": cluster, "hub": str(key.public), "since": since}
            signed = signature(content, before.sign, "succession")
            found.append({**content, "signature": signed})
        return tuple(found)


def token(period: str) -> str:
    """Name what a member's token of a quarter is derived for, beside its pseudonym."""
    return f"roster|{period}"


def seal_roster(content: Mapping[str, Any], key: HubKey) -> bytes:
    """Sign a roster's content (without signature)."""
    body = dict(content)
    return canonical({**body, "signature": signature(body, key.sign, "roster")})


def read_roster(payload: bytes, cluster: str, line: Line) -> tuple[Roster, Line]:
    """Verify and read a roster, following the hub's keys; raises `RefusalError`."""
    content = heard(payload)
    roster = roster_of(content)
    if roster.cluster != cluster:
        raise RefusalError("misaddressed", "the roster of another cluster")
    line = line.followed(cluster, roster.succession)
    key = line.at(roster.period)
    if str(key) != roster.hub or not verified(content, key.verify, "roster"):
        raise RefusalError("bad-signature", "the roster is not signed by the hub's key")
    return roster, line


def roster_of(content: dict[str, Any]) -> Roster:
    """Check a roster's form, as the contract's model does; raises `RefusalError`."""
    text(content, "signature")
    calendars = table(content, "calendars")
    if len(calendars) > _CALENDARS:
        raise RefusalError("malformed", f"calendars: more than {_CALENDARS}")
    for kind in calendars:
        text(calendars, kind)
    whole(content, "contributors", 2)
    return Roster(
        cluster=text(content, "cluster", CLUSTER),
        number=_number(content),
        issued=text(content, "issued", INSTANT),
        period=text(content, "period", _PERIOD),
        hub=text(content, "hub", _HUB),
        succession=items({"succession": [], **content}, "succession", _step, KEYS),
        members=items(content, "members", _token, MEMBERS),
        coming=items(content, "coming", _token, MEMBERS),
    )


def _number(content: dict[str, Any]) -> int:
    number = whole(content, "number", 1)
    if number >= 2**53:
        raise RefusalError("malformed", "number: beyond what every reader of JSON tells exactly")
    return number


def _token(content: dict[str, Any], name: str) -> str:
    return text(content, name, HEX32)


def _step(content: dict[str, Any], name: str) -> Mapping[str, str]:
    one = table(content, name)
    forms = {"cluster": CLUSTER, "hub": _HUB, "since": _PERIOD, "signature": None}
    return {key: text(one, key, form) for key, form in forms.items()}


def _public(written: str) -> HubPublic:
    try:
        return HubPublic.parse(written)
    except ValueError as error:
        raise RefusalError("malformed", "no key of a hub") from error


def standing(roster: Roster, plant: PlantKey, line: Line) -> str | None:
    """Give the quarter from which a plant is on a roster: this one, the next, or None."""
    for period, tokens in (
        (roster.period, roster.members),
        (following(roster.period), roster.coming),
    ):
        if plant.pseudonym(line.at(period), roster.cluster, token(period)) in tokens:
            return period
    return None


def roster_content(
    cluster: str, period: str, ring: Ring, calendars: Mapping[str, str], contributors: int
) -> dict[str, Any]:
    """Write what a roster says beside its members, its number and its instant."""
    return {
        "v": VERSION,
        "cluster": cluster,
        "period": period,
        "hub": str(ring.at(period).public),
        "succession": list(ring.succession(cluster)),
        "calendars": dict(calendars),
        "contributors": contributors,
    }
