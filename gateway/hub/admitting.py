"""What the hub's operator does to members: invite, admit, replace a key, retire.

Each is made in full before the registry is written, so that one which fails has changed nothing.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.errors import PermanentError
from config.hub_plan import HubPlan, Member
from gateway import authority, passwords
from gateway.hub import membership, registry
from gateway.hub.registry import Admitted, Answer, Invited, LaterKey, Registry, Tenure
from gateway.hub.requests import Pending
from gateway.joining import seal_admission, seal_invitation
from gateway.keys import HubKey, PlantPublic, load
from gateway.roster import following
from gateway.wire import VERSION, quarter, rfc3339

CERTIFICATE = 825 * 86_400_000_000_000
"""Nanoseconds a member's client certificate is good for."""
_KEPT = 60 * 86_400_000_000_000
"""Nanoseconds an answer is kept for a plant that does not come for it."""
_ROSTER = "see `sidestream hub roster`"


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation as it was made: its name, the file's content, and what is left to do."""

    name: str
    content: bytes
    password_line: str | None
    without: str
    """Why it has no credential, empty where it has one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member as it was admitted: what was sent, and what is left to do."""

    member: Member
    payload: bytes
    certificate: str | None
    password_line: str | None
    since: str


def signer(plan: HubPlan) -> authority.Authority | None:
    """Load what signs certificates, None where the hub file names none; raises `PermanentError`."""
    if plan.files.ca_key is None:
        return None
    tls = plan.broker.tls
    named = [tls.ca if tls is not None else None, plan.files.ca]
    return authority.Authority.load(
        Path(plan.files.ca_key), [Path(path) for path in named if path is not None]
    )


def invite(plan: HubPlan, note: str, valid: int, now: int) -> Invite:
    """Make an invitation and note it; raises `PermanentError` or `TransientError`."""
    path = registry.path_of(plan)
    key = membership.ring(plan, registry.read(path)).at(quarter(now))
    name = f"invite-{secrets.token_hex(16)}"
    credential, line, without = _credential(plan, name, now, now + valid)
    content: dict[str, Any] = {
        "v": VERSION,
        "invitation": name,
        "cluster": plan.cluster,
        "broker": plan.files.url,
        "clients": _clients(plan),
        "hub": str(key.public),
        "record_size": plan.record_size,
        "calendars": {kind: _calendar(one) for kind, one in plan.calendars.items()},
        "issued": rfc3339(now),
        "expires": rfc3339(now + valid),
    }
    if plan.broker.tls is not None and plan.broker.tls.ca is not None:
        content["ca"] = _text(Path(plan.broker.tls.ca))
    if credential is not None:
        content["credential"] = credential
    made = Invited(name=name, note=note, issued=now, expires=now + valid)
    registry.change(path, lambda known: _invited(known, made, now))
    return Invite(name, seal_invitation(content, key), line, without)


def _invited(known: Registry, made: Invited, now: int) -> Registry:
    kept = [one for one in known.invitations if now - one.expires < _KEPT]
    return known.model_copy(update={"invitations": (*kept, made)})


def _clients(plan: HubPlan) -> str:
    return "open" if plan.broker.tls is None else plan.files.clients


def _calendar(calendar: str | int) -> str:
    return calendar if isinstance(calendar, str) else f"{calendar // 1_000_000_000} s"


def _credential(
    plan: HubPlan, name: str, now: int, end: int
) -> tuple[dict[str, str] | None, str | None, str]:
    clients = _clients(plan)
    if clients == "open":
        return None, None, ""
    if clients == "passwords":
        password = passwords.made()
        return {"password": password}, f"{name}:{passwords.hashed(password)}", ""
    signs = signer(plan)
    if signs is None:
        why = "the hub file names no key of the certificates' authority ([broker] ca_key)"
        return None, None, why
    certificate, key = signs.pair(name, now, end)
    return {"certificate": certificate, "key": key}, None, ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise PermanentError("the file cannot be read", where=str(path), mend=_AS) from error


_AS = "run as a user that may read it"


@dataclass(frozen=True, slots=True)
class Terms:
    """As whom a plant is admitted.

    `replaces` is the member whose key is replaced, `lost` whether the old key is refused at once.
    """

    name: str | None = None
    owner: str | None = None
    place: str | None = None
    waives: bool = False
    replaces: str | None = None
    lost: bool = False


def admit(plan: HubPlan, pending: Pending, terms: Terms, now: int) -> Entry:
    """Admit a plant, renew its certificate or replace its key; raises `PermanentError`.

    `plan` is as the hub file has it.
    """
    path = registry.path_of(plan)
    known = registry.read(path)
    ring = membership.ring(plan, known)
    entered = _entered(plan, known, pending, terms, now)
    release = membership.released(plan)
    member = _found(registry.enrolled(plan.members, entered, release), pending.key)
    certificate = _certificate(plan, pending, now)
    since = max(member.since, quarter(now))
    content: dict[str, Any] = {
        "v": VERSION,
        "cluster": plan.cluster,
        "plant": pending.fingerprint,
        "since": since,
        "issued": rfc3339(now),
        **({"certificate": certificate} if certificate is not None else {}),
    }
    plant = PlantPublic.parse(pending.key)
    signing = ring.named(pending.hub) or ring.at(quarter(now))
    payload = seal_admission(content, pending.sender, signing, plant)
    answer = Answer(
        sender=pending.sender,
        plant=pending.fingerprint,
        payload=payload.decode(),
        asked=pending.asked,
        issued=now,
    )
    registry.change(
        path,
        lambda now_known: _answered(_entered(plan, now_known, pending, terms, now), answer, now),
    )
    line = f"{pending.fingerprint}:{pending.password}" if pending.password else None
    return Entry(member, payload, certificate, line, since)


def _found(members: tuple[Member, ...], key: str) -> Member:
    found = next((one for one in members if one.key_text == key), None)
    if found is None:
        raise PermanentError("the plant has been retired", mend=_ROSTER)
    return found


def _certificate(plan: HubPlan, pending: Pending, now: int) -> str | None:
    signs = signer(plan) if pending.csr is not None else None
    if signs is None or pending.csr is None:
        return None
    try:
        request = authority.checked(pending.csr, pending.fingerprint)
    except ValueError as error:
        raise PermanentError(str(error), mend="let the plant ask again") from error
    return signs.sign(request, pending.fingerprint, now, now + CERTIFICATE)


def _answered(known: Registry, answer: Answer, now: int) -> Registry:
    kept = [
        one for one in known.answers if one.sender != answer.sender and now - one.issued < _KEPT
    ]
    return known.model_copy(update={"answers": (*kept, answer)})


def _entered(plan: HubPlan, known: Registry, pending: Pending, terms: Terms, now: int) -> Registry:
    """Write a plant into the registry: a new member, a new key, or as it is there already."""
    there = registry.enrolled(plan.members, known, None)
    member = next((one for one in there if one.key_text == pending.key), None)
    if member is not None:
        return known
    if terms.replaces is not None:
        return _rekeyed(known, there, pending, terms, now)
    return _new(plan, known, pending, terms, now)


def _rekeyed(
    known: Registry, there: tuple[Member, ...], pending: Pending, terms: Terms, now: int
) -> Registry:
    old = next((one for one in there if one.name == terms.replaces), None)
    if old is None:
        raise PermanentError(f'there is no member "{terms.replaces}"', mend=_ROSTER)
    former = () if terms.lost else (*old.former, (old.key_text, now))
    entry = Admitted(
        name=old.name,
        key=pending.key,
        owner=old.owner,
        place=old.place,
        waives=old.waives,
        former=former,
    )
    others = [one for one in known.admitted if one.name != old.name]
    tenures = {old.name: Tenure(admitted=now), **known.tenures}
    return known.model_copy(update={"admitted": (*others, entry), "tenures": tenures})


def _new(plan: HubPlan, known: Registry, pending: Pending, terms: Terms, now: int) -> Registry:
    name = terms.name or f"plant-{pending.fingerprint[:8]}"
    if terms.owner is None or terms.place is None:
        raise PermanentError(
            "a new member needs its owner and its place",
            mend='give --owner "Company" --place region/place, or --replaces NAME for a new key',
        )
    taken = {one.name for one in plan.members} | {one.name for one in known.admitted}
    if name in taken or name in known.tenures:
        raise PermanentError(
            f'there is or was a member "{name}"',
            mend=f"give another --name, or for a new key of that plant --replaces {name}",
        )
    entry = Admitted(
        name=name, key=pending.key, owner=terms.owner, place=terms.place, waives=terms.waives
    )
    tenures = {**known.tenures, name: Tenure(admitted=now)}
    return known.model_copy(update={"admitted": (*known.admitted, entry), "tenures": tenures})


def retire(plan: HubPlan, name: str, now: int, *, at_once: bool = False) -> str:
    """Retire a member; gives the first quarter it counts in no more, or "" when at once.

    Raises `PermanentError` when there is none of that name.
    """
    path = registry.path_of(plan)

    def work(known: Registry) -> Registry:
        there = registry.enrolled(plan.members, known, None)
        if not any(one.name == name for one in there):
            raise PermanentError(f'there is no member "{name}"', mend=_ROSTER)
        before = known.tenures.get(name, Tenure(admitted=now))
        retired = before.retired or now
        after = before.model_copy(update={"retired": retired, "at_once": at_once})
        return known.model_copy(update={"tenures": {**known.tenures, name: after}})

    tenure = registry.change(path, work).tenures[name]
    return "" if at_once else following(quarter(tenure.retired or now))


def rotate(plan: HubPlan, now: int, since: str | None = None) -> tuple[str, HubKey]:
    """Make the hub's next key, or give the one that is announced, and the quarter it holds from.

    Raises `PermanentError` when the quarter has begun, or there is a key from a later one.
    """
    path = registry.path_of(plan)
    known = registry.read(path)
    coming = [one for one in known.keys if one.since > quarter(now)]
    if coming and since in (None, coming[0].since):
        return coming[0].since, HubKey(load(Path(plan.state_dir) / coming[0].file))
    since = since or following(quarter(now))
    if since <= quarter(now) or any(one.since >= since for one in known.keys):
        raise PermanentError(
            f"the hub's next key cannot hold from {since} on",
            mend=f"a key is announced for a quarter to come, the next is {following(quarter(now))}",
        )
    file = f"hub-key-{since}.pem"
    key = HubKey(load(Path(plan.state_dir) / file, create=True))
    later = LaterKey(since=since, file=file)
    registry.change(
        path,
        lambda there: (
            there
            if later in there.keys
            else there.model_copy(update={"keys": (*there.keys, later)})
        ),
    )
    return since, key
