"""The signed roster: a quarter, the hub's keys, the calendars, and who is a member, without names.

A member finds itself by a token that it and its hub alone can compute. The hub's next key is signed
by the one before it, so that whoever trusts an old key can follow to the newest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from gateway.canonical import canonical
from gateway.contract import VERSION, Cluster, Hex32, Instant, Message
from gateway.joining import Period
from gateway.keys import HubKey, HubPublic, PlantKey, PlantPublic
from gateway.seal import RefusalError, parse, signature, verified

MOST = 5000
"""Members a roster holds, at most."""


class Succession(Message):
    """A key of the hub that follows another one, signed by that other one."""

    cluster: Cluster
    """The cluster."""
    hub: str = Field(pattern=r"^sshub1_[A-Za-z0-9_-]{86}$")
    """The hub's public key."""
    since: Period
    """Quarter from whose start on it is the hub's key."""
    signature: str
    """Ed25519 signature by the key before, base64, over this without this member."""


class Roster(Message):
    """Who is a member in a quarter, retained for all members, signed by the hub."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """The cluster."""
    number: int = Field(ge=1, lt=2**53)
    """Number of the issue: it only grows, and agents refuse an older one."""
    issued: Instant
    """When the hub wrote it."""
    period: Period
    """The quarter it is for."""
    hub: str = Field(pattern=r"^sshub1_[A-Za-z0-9_-]{86}$")
    """The hub's public key in this quarter; it signed the roster."""
    succession: tuple[Succession, ...] = Field(default=(), max_length=200, strict=False)
    """Keys that followed one another, oldest first, and the one announced for a later quarter."""
    calendars: dict[str, str] = Field(max_length=8)
    """Windows that cells are decided for, by kind."""
    contributors: int = Field(ge=2)
    """Owners that must contribute to a cell at least."""
    members: tuple[Hex32, ...] = Field(max_length=MOST, strict=False)
    """Tokens of those who count in the cells of this quarter, sorted."""
    coming: tuple[Hex32, ...] = Field(max_length=MOST, strict=False)
    """Tokens of those who count in the cells of the next quarter, sorted."""
    signature: str
    """Ed25519 signature, base64, over the roster without this member in canonical form."""


def roster_topic(cluster: str) -> str:
    """Name the retained topic of the roster."""
    return f"sidestream/v{VERSION}/{cluster}/roster"


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

    def followed(self, cluster: str, succession: Sequence[Succession]) -> Self:
        """Follow signed successors; those that are not signed by the last key are passed over."""
        keys = self.keys
        for step in succession:
            content = step.model_dump(mode="json")
            since, last = keys[-1]
            later = step.cluster == cluster and step.since > since
            if later and verified(content, last.verify, "succession"):
                keys = (*keys, (step.since, _public(step.hub)))
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
    content = parse(payload)
    try:
        roster = Roster.model_validate(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        raise RefusalError("malformed", f"{problem['loc']}: {problem['msg']}") from error
    if roster.cluster != cluster:
        raise RefusalError("misaddressed", "the roster of another cluster")
    line = line.followed(cluster, roster.succession)
    key = line.at(roster.period)
    if str(key) != roster.hub or not verified(content, key.verify, "roster"):
        raise RefusalError("bad-signature", "the roster is not signed by the hub's key")
    return roster, line


def _public(text: str) -> HubPublic:
    try:
        return HubPublic.parse(text)
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
