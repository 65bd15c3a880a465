"""Renewals: members' requests for a new certificate, granted by the rule instead of by a person.

Whoever was admitted once, and asks with the same key under its own account, is given a certificate
of the same name: its request is signed by the key that the operator has compared. Nobody else is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.errors import PermanentError
from config.hub_plan import HubPlan, Member
from gateway.hub import admitting, membership, registry, requests
from gateway.hub.registry import Registry
from gateway.hub.requests import Pending
from gateway.keys import PlantPublic
from gateway.wire import rfc3339

LONG = 2 * 86_400_000_000_000
"""Nanoseconds after which a renewal that nobody grants is told of."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A renewal that waits, and why it is not granted by the rule; empty where it is."""

    pending: Pending
    member: str
    refused: str = ""


def unanswered(waiting: Sequence[Pending], known: Registry) -> list[Pending]:
    """Leave the requests that have no answer yet."""
    answered = {(one.sender, one.plant): one.issued for one in known.answers}
    return [one for one in waiting if answered.get((one.sender, one.fingerprint), 0) < one.received]


def judged(waiting: Sequence[Pending], known: Registry, members: Sequence[Member]) -> list[Verdict]:
    """Judge the renewals that wait, each by its member as it is now."""
    own = {PlantPublic.parse(member.key_text).fingerprint: member for member in members}
    return [
        Verdict(one, member.name if (member := own.get(one.sender)) else one.note, _why(one, own))
        for one in unanswered(waiting, known)
        if one.kind == "renewal"
    ]


def _why(one: Pending, own: Mapping[str, Member]) -> str:
    member = own.get(one.sender)
    if member is None or (one.key, one.fingerprint) != (member.key_text, one.sender):
        return "not by the key of a member"
    if member.until:
        return f"the member leaves before {member.until}"
    if one.csr is None:
        return "it asks for no certificate"
    return ""


def waiting(plan: HubPlan) -> list[Verdict]:
    """Read the renewals that wait; raises `PermanentError`. `plan` is as the hub file has it."""
    known = registry.read(registry.path_of(plan))
    members = membership.enrolled(plan, known).members
    return judged(requests.read(Path(plan.state_dir)), known, members)


def grant(plan: HubPlan, now: int) -> list[Verdict]:
    """Grant what the rule allows, and give all that waited; raises `PermanentError`.

    The running hub sends the answers.
    """
    found = waiting(plan)
    if all(one.refused for one in found):
        return found
    if admitting.signer(plan) is None:
        raise PermanentError(
            "the hub file names no key that signs certificates",
            where="[broker] ca_key",
            mend="set it; or sign by hand what `sidestream hub admit FINGERPRINT` prints",
        )
    return [one if one.refused else _granted(plan, one, now) for one in found]


def _granted(plan: HubPlan, one: Verdict, now: int) -> Verdict:
    """Grant one; what keeps it from that does not keep others."""
    try:
        admitting.admit(plan, one.pending, admitting.Terms(), now)
    except PermanentError as error:
        return replace(one, refused=error.what)
    return one


def overdue(plan: HubPlan, now: int) -> list[str]:
    """Tell of renewals that have waited long; `plan` has the members as they are now.

    What cannot be read is told by who needs it.
    """
    try:
        asked = [one for one in requests.read(Path(plan.state_dir)) if now - one.received > LONG]
        known = registry.read(registry.path_of(plan)) if asked else Registry()
    except PermanentError:
        return []
    return [
        f"{one.member} waits for a new certificate since {rfc3339(one.pending.received)}: "
        "`sudo sidestream hub renew`"
        for one in judged(asked, known, plan.members)
        if not one.refused
    ]
