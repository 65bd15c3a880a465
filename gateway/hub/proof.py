"""Whether a hub opens what its members send: tried on the newest record of each in its ledger.

The ledger keeps what members have signed. Sealed again to the key it names, it must come through
the same gate as on the day it came: that takes the hub's keys, and the members' as they are known.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.hub_plan import HubPlan
from gateway.hub import membership, registry
from gateway.hub.database import Database
from gateway.hub.intake import Gate, Refused
from gateway.hub.registry import Registry
from gateway.hub.status import LEDGER
from gateway.keys import PlantPublic
from gateway.roster import Ring
from gateway.signing import seal_plain
from gateway.wire import quarter, records_topic


@dataclass(frozen=True, slots=True)
class Proof:
    """What was tried: keys of the hub, members whose record opened, and what is wrong in words."""

    keys: int
    opened: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    member: str
    plant: str
    pseudonym: str
    start: int
    content: bytes
    received: int


def prove(plan: HubPlan) -> Proof:
    """Try it beside a running hub too; raises `PermanentError` for a key that cannot be read.

    `plan` is as the hub file has it.
    """
    known = registry.read(registry.path_of(plan))
    ring = membership.ring(plan, known)
    members = membership.enrolled(plan, known).members
    first, *others = (key for _, key in ring.keys)
    gate = Gate.of(plan.cluster, first, members, plan.limits, *others)
    tried = [(one, _problem(one, gate, ring, known, plan)) for one in _newest(plan)]
    opened = tuple(one.member for one, problem in tried if problem is None)
    return Proof(len(ring.keys), opened, tuple(text for _, text in tried if text))


def _newest(plan: HubPlan) -> Sequence[_Kept]:
    path = Path(plan.state_dir) / LEDGER
    if not path.exists():
        return []
    with closing(Database.read(path, former=True)) as database, database.look() as cursor:
        plants = cursor.execute("SELECT DISTINCT plant FROM senders ORDER BY plant").fetchall()
        found = [_of(cursor, plant) for (plant,) in plants]
    newest = {one.member: one for one in sorted(filter(None, found), key=lambda one: one.start)}
    return [newest[name] for name in sorted(newest)]


def _of(cursor: sqlite3.Cursor, plant: str) -> _Kept | None:
    row = cursor.execute(
        "SELECT member, plant, pseudonym, start, content, received FROM records "
        "WHERE plant = ? ORDER BY start DESC LIMIT 1",
        (plant,),
    ).fetchone()
    return None if row is None else _Kept(*row)


def _problem(one: _Kept, gate: Gate, ring: Ring, known: Registry, plan: HubPlan) -> str | None:
    """Say why a record would not be taken; "" of a member that has left, None when it is taken."""
    tenure = known.tenures.get(one.member)
    if tenure is not None and tenure.retired is not None:
        return ""
    named = json.loads(one.content).get("hub", "")
    key = ring.named(named)
    if key is None:
        return f"{one.member}: its record is sealed to the key {named}, which this hub has not"
    payload = seal_plain(one.content, plan.cluster, one.pseudonym, key.public, 1)
    topic = records_topic(plan.cluster, one.pseudonym)
    verdict = gate.judge(topic, payload, one.received)
    if isinstance(verdict, Refused):
        return f"{one.member}: {verdict.detail}"
    public = next(public for _, public in gate.members() if public.fingerprint == one.plant)
    return _named(one, ring, public, plan)


def _named(one: _Kept, ring: Ring, public: PlantPublic, plan: HubPlan) -> str | None:
    """See that the hub still knows the plant by the name it had on the broker."""
    names = ring.pseudonyms(public, plan.cluster, [quarter(one.start)])
    return None if one.pseudonym in names else f"{one.member}: its name comes of another key"
