"""What the operator of a peer or a pool sees of its federation, from the ledger, beside the hub."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.hub_plan import HubPlan, Rules
from gateway.hub import pooled
from gateway.hub.database import Database
from gateway.hub.membership import enrolled
from gateway.hub.pool import rules_in_force
from gateway.hub.status import LEDGER, read_live
from gateway.keys import HubPublic


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What a pool has had of a peer; instants in nanoseconds since 1970 UTC."""

    cluster: str
    hub: str
    messages: int
    figures: int
    last_received: int | None
    last_window_end: int | None
    told: int


@dataclass(frozen=True, slots=True)
class KindStatus:
    """What a peer has left to its pool of a kind: messages, and up to which window's end."""

    kind: str
    messages: int
    waiting: int
    refused: int
    last_window_end: int


@dataclass(frozen=True, slots=True)
class FederationStatus:
    """A hub's federation: `role` is peer or pool; `cells` counts the pool's by status."""

    federation: str
    role: str
    connected: bool | None
    detail: str
    peers: tuple[PeerStatus, ...]
    kinds: tuple[KindStatus, ...]
    cells: dict[str, int]
    rules: Rules | None
    unnumbered: tuple[str, ...]
    """Owners without a number, whose figures stay withheld."""


def federation_status(plan: HubPlan) -> FederationStatus | None:
    """Tell how a hub pools, or what pools there; None where neither is so.

    Raises `PermanentError` without a ledger.
    """
    if plan.federation is None and not plan.peers:
        return None
    with closing(Database.read(Path(plan.state_dir) / LEDGER)) as database:
        return _pool(database, plan) if plan.peers else _peer(database, plan)


def _pool(database: Database, plan: HubPlan) -> FederationStatus:
    live = read_live(plan)
    with database.look() as cursor:
        peers = tuple(
            _of_peer(cursor, peer.cluster, HubPublic.parse(peer.key_text).fingerprint)
            for peer in plan.peers
        )
        cells = dict(cursor.execute(_CELLS, ("%",)).fetchall())
    return FederationStatus(
        plan.cluster,
        "pool",
        None if live is None else live.broker_up,
        "" if live is None else live.broker,
        peers,
        (),
        cells,
        rules_in_force(database, plan.rules),
        (),
    )


_CELLS = "SELECT status, count(*) FROM cells WHERE listed = 1 AND name LIKE ? GROUP BY status"


def _of_peer(cursor: sqlite3.Cursor, cluster: str, hub: str) -> PeerStatus:
    messages, received, end = cursor.execute(
        'SELECT count(*), max(received), max("end") FROM records WHERE plant = ?', (hub,)
    ).fetchone()
    figures = cursor.execute(
        "SELECT coalesce(sum(count), 0) FROM sheets "
        "WHERE record IN (SELECT id FROM records WHERE plant = ?)",
        (hub,),
    ).fetchone()[0]
    told = cursor.execute("SELECT told FROM peers WHERE hub = ?", (hub,)).fetchone()
    return PeerStatus(cluster, hub, messages, figures, received, end, told[0] if told else 0)


def _peer(database: Database, plan: HubPlan) -> FederationStatus:
    live, terms = read_live(plan), plan.federation
    if terms is None:
        raise AssertionError  # asked for peers only
    with database.look() as cursor:
        kinds = tuple(
            KindStatus(*row)
            for row in cursor.execute(
                "SELECT kind, count(*), sum(settled IS NULL), sum(refused IS NOT NULL), "
                'max("end") FROM remainders GROUP BY kind ORDER BY kind'
            )
        )
        cells = dict(cursor.execute(_CELLS, (f"{pooled.PREFIX}-{terms.name}-%",)).fetchall())
    owners = {member.owner for member in enrolled(plan).members}
    return FederationStatus(
        terms.name,
        "peer",
        None if live is None else live.pool_up,
        "" if live is None else live.pool,
        (),
        kinds,
        cells,
        None,
        tuple(sorted(owners - terms.owners.keys())),
    )
