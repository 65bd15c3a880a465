"""The pool: what a peer's message is worth, its rows in the ledger, and what peers are told.

To the ledger a peer is a member and an owner's token an owner, so that windows are decided, cells
published and late figures counted as in any hub. The place of a figure is its cluster.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from config.hub_plan import Calendar, HubLimits, HubPlan, Member, Peer, Rules
from config.plan import Kind
from gateway.canonical import canonical
from gateway.contract import Cell
from gateway.federation import PoolRules, Remainder, open_remainder, remainders_topic
from gateway.hub.book import cell_of
from gateway.hub.calendar import Window, window_of
from gateway.hub.database import Database
from gateway.hub.federated import strictest
from gateway.hub.intake import Refused
from gateway.hub.sheet import INSERT_NEW, Whose, row_of, sheets_of
from gateway.hub.table import Group
from gateway.keys import HubKey, HubPublic
from gateway.signing import RefusalError
from gateway.wire import nanoseconds

AGAIN = 600_000_000_000
"""Nanoseconds after which a peer that lacks what it was told is told again."""


class Taken(NamedTuple):
    """A verified remainder and its window."""

    remainder: Remainder
    window: Window


@dataclass(frozen=True, slots=True)
class Door:
    """What a pool judges messages by: its name, key, peers by fingerprint, windows and limits."""

    federation: str
    key: HubKey
    peers: Mapping[str, tuple[Peer, HubPublic]]
    calendars: Mapping[Kind, Calendar]
    limits: HubLimits

    @classmethod
    def of(cls, plan: HubPlan, key: HubKey) -> Self:
        """Build a door; raises ValueError when a peer's key is not a hub's public key."""
        keys = [(peer, HubPublic.parse(peer.key_text)) for peer in plan.peers]
        peers = {public.fingerprint: (peer, public) for peer, public in keys}
        return cls(plan.cluster, key, peers, plan.calendars, plan.limits)

    def members(self) -> tuple[Member, ...]:
        """Give the peers as the members that windows are decided over."""
        return tuple(Member(peer.cluster, "", "", peer.cluster) for peer, _ in self.peers.values())

    def sender(self, topic: str) -> str | None:
        """Give the peer's fingerprint when it is a peer's topic."""
        name = topic.rpartition("/")[2]
        ours = topic == remainders_topic(self.federation, name) and name in self.peers
        return name if ours else None

    def judge(self, topic: str, payload: bytes, now: int) -> Taken | Refused:
        """Judge one message on a peer's topic; nothing that arrives raises."""
        name = self.sender(topic)
        if name is None:
            return Refused("misaddressed", "no peer's topic", topic, payload)
        peer, public = self.peers[name]
        try:
            found = open_remainder(payload, self.federation, public, self.key)
            return Taken(found, self._window(found, peer, now))
        except RefusalError as error:
            known = error.record_id if error.reason != "future" else None
            return Refused(error.reason, error.detail, topic, payload, name, peer.cluster, known)

    def _window(self, found: Remainder, peer: Peer, now: int) -> Window:
        if found.cluster != peer.cluster:
            raise RefusalError("misaddressed", "the peer is of another cluster", found.id)
        try:
            window = Window(nanoseconds(found.window.start), nanoseconds(found.window.end))
        except ValueError as error:
            raise RefusalError("bad-window", "no such instant", found.id) from error
        if window != window_of(self.calendars[found.kind], window.start):
            raise RefusalError("bad-window", "no window of the pool's calendar", found.id)
        if window.start < now - self.limits.oldest:
            raise RefusalError("bad-window", "older than this pool takes", found.id)
        if window.end > now + self.limits.future:
            raise RefusalError("future", "ends ahead of this pool's clock", found.id)
        return window


def store(database: Database, taken: Sequence[Taken], now: int) -> None:
    """Commit remainders, each once, with the rules their senders have now."""
    with database.change() as cursor:
        for remainder, window in taken:
            known = "SELECT 1 FROM records WHERE id = ?"
            if cursor.execute(known, (remainder.id,)).fetchone() is None:
                _insert(cursor, remainder, window, now)
            _meet(cursor, remainder, now)


def _insert(cursor: sqlite3.Cursor, remainder: Remainder, window: Window, now: int) -> None:
    content = canonical(remainder.model_dump(mode="json", exclude_none=True))
    cursor.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, '', ?, ?, 0, ?, ?, ?, ?)",
        (remainder.id, remainder.id, remainder.hub, remainder.cluster, remainder.hub,
         remainder.number, *window, content, now),
    )  # fmt: skip
    cluster = remainder.cluster
    figures = (
        (
            Whose(cluster, one.owner, one.waives, cluster),
            Group(remainder.kind, one.direction, one.unit),
            (position, one.code, one.band, one.quantity, one.coverage, one.marks),
        )
        for position, one in enumerate(remainder.figures)
    )
    cursor.executemany(INSERT_NEW, map(row_of, sheets_of(remainder.id, window, figures)))


def _meet(cursor: sqlite3.Cursor, remainder: Remainder, now: int) -> None:
    """Note a peer's rules, and tell it again what it was told long ago and does not have."""
    cursor.execute(
        "INSERT INTO peers VALUES (?, ?, ?, 0, 0) ON CONFLICT (hub) DO UPDATE SET "
        "cluster = excluded.cluster, rules = excluded.rules",
        (remainder.hub, remainder.cluster, remainder.rules.model_dump_json()),
    )
    cursor.execute(
        "UPDATE peers SET told = ?1 WHERE hub = ?2 AND told > ?1 AND told_at < ?3",
        (remainder.have, remainder.hub, now - AGAIN),
    )


def rules_in_force(database: Database, own: Rules) -> Rules:
    """Give what the pool decides by: the strictest of its own rules and of all it heard of."""
    with database.look() as cursor:
        rows = cursor.execute("SELECT rules FROM peers").fetchall()
    return strictest((own, *(_rules(PoolRules.model_validate_json(row[0])) for row in rows)))


def _rules(told: PoolRules) -> Rules:
    owners, percent = told.dominance_owners, told.dominance_percent
    limit = None if owners is None or percent is None else (owners, percent)
    return Rules(told.k, told.p, limit, told.waived_below_k, told.q)


def told_rules(rules: Rules) -> PoolRules:
    """Write rules for a remainder."""
    owners, percent = rules.dominance or (None, None)
    return PoolRules(
        k=rules.k,
        p=rules.p,
        q=rules.q,
        dominance_owners=owners,
        dominance_percent=percent,
        waived_below_k=rules.waived_below_k,
    )


def untold(
    database: Database, cluster: str, hub: str, limit: int
) -> tuple[int, list[tuple[int, Cell]]]:
    """Give the number of the cell a peer was told last, and the next ones."""
    with database.look() as cursor:
        row = cursor.execute("SELECT told FROM peers WHERE hub = ?", (hub,)).fetchone()
        if row is None:
            return 0, []
        rows = cursor.execute(
            "SELECT * FROM cells WHERE listed = 1 AND number > ? ORDER BY number LIMIT ?",
            (row[0], limit),
        ).fetchall()
    return int(row[0]), [(one["number"], cell_of(one, cluster)) for one in rows]


def mark_told(database: Database, hub: str, number: int, now: int) -> None:
    """Note that the broker has what a peer is told, up to a cell's number."""
    with database.change() as cursor:
        cursor.execute("UPDATE peers SET told = ?, told_at = ? WHERE hub = ?", (number, now, hub))
