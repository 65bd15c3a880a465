"""The hub's state for its operator: a file the hub keeps, and the ledger read beside it."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from config.hub_plan import HubPlan
from gateway.contract import Cell
from gateway.hub.book import cell_of
from gateway.hub.database import Database

LEDGER = "hub-ledger.db"
FILE = "hub-status.json"


@dataclass(frozen=True, slots=True)
class Live:
    """What only the running hub knows: its links, who is online or limited, what is wrong."""

    updated: int
    started: int
    broker_up: bool
    broker: str
    store_up: bool | None
    store: str
    problem: str = ""
    online: Mapping[str, bool] = field(default_factory=dict)
    limited: Sequence[str] = ()
    upkeep: Sequence[str] = ()
    pool_up: bool | None = None
    pool: str = ""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """One member: presence (None: never heard), its last record, and sequences never received."""

    name: str
    owner: str
    place: str
    online: bool | None
    records: int
    last_received: int | None
    last_window_end: int | None
    gaps: int


@dataclass(frozen=True, slots=True)
class HubStatus:
    """The hub as a whole; instants in nanoseconds since 1970 UTC, `live` None when never run."""

    cluster: str
    live: Live | None
    members: tuple[MemberStatus, ...]
    quarantine: Mapping[str, int]
    quarantine_dropped: int
    duplicates: int
    superseded: int
    records: int
    undecided_figures: int
    decided_cells: int
    unwritten_cells: int
    unpublished_cells: int
    set_aside: str | None
    limited: Mapping[str, int] = field(default_factory=dict)
    """Messages not taken for their sender's rate or day; `""` is all who are no members."""
    restored: str | None = None
    """When the ledger was made anew, and after which damage."""


@dataclass(frozen=True, slots=True)
class DecidedCell:
    """A cell with what only the operator sees: why it is withheld, its sum, how far it got."""

    cell: Cell
    listed: bool
    reason: str
    quantity: float
    owners: int
    written: int | None
    published: int | None


def write_live(plan: HubPlan, live: Live) -> None:
    """Replace the status file at once; raises OSError."""
    path = Path(plan.runtime_dir) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(live)))
    draft.replace(path)


def read_live(plan: HubPlan) -> Live | None:
    """Read the status file; None when the hub has never run or the file is not whole."""
    try:
        return Live(**json.loads((Path(plan.runtime_dir) / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def hub_status(plan: HubPlan) -> HubStatus:
    """Tell the hub's state, whether it runs or not; raises `PermanentError` without a ledger."""
    path = Path(plan.state_dir) / LEDGER
    live = read_live(plan)
    with closing(Database.read(path)) as database, database.look() as cursor:
        return summary(cursor, plan, live)


def summary(cursor: sqlite3.Cursor, plan: HubPlan, live: Live | None) -> HubStatus:
    """Count what is in the ledger; cheap enough to be asked every few seconds."""
    counters: dict[str, int] = dict(_rows(cursor, "SELECT name, value FROM counters"))
    senders = {row[0]: row for row in _rows(cursor, _SENDERS)}
    notes = dict(_rows(cursor, "SELECT key, value FROM meta"))
    return HubStatus(
        cluster=plan.cluster,
        live=live,
        members=_members(plan, senders, live),
        quarantine=_under("quarantined:", counters),
        quarantine_dropped=counters.get("quarantine-dropped", 0),
        duplicates=counters.get("duplicates", 0),
        superseded=counters.get("superseded", 0),
        records=sum(row[1] for row in senders.values()),
        undecided_figures=_number(cursor, _UNDECIDED),
        decided_cells=_number(cursor, "SELECT coalesce(max(number), 0) FROM cells"),
        unwritten_cells=_number(cursor, _UNWRITTEN),
        unpublished_cells=_number(cursor, _UNPUBLISHED),
        set_aside=notes.get("set_aside"),
        limited=_under("limited:", counters),
        restored=notes.get("restored"),
    )


def _under(prefix: str, counters: Mapping[str, int]) -> dict[str, int]:
    return {
        name.removeprefix(prefix): value
        for name, value in counters.items()
        if name.startswith(prefix)
    }


# What a member writes as its sequence may be anything: its sum may not overflow.
_SENDERS = (
    'SELECT member, sum(records), max(received), max("end"), '
    "CAST(min(total(last - first + 1 - records), 9e15) AS INTEGER) FROM senders GROUP BY member"
)
_UNDECIDED = "SELECT coalesce(sum(count), 0) FROM sheets WHERE counted IS NULL AND superseded = 0"
_UNWRITTEN = "SELECT count(*) FROM cells WHERE status = 'released' AND written IS NULL"
_UNPUBLISHED = "SELECT count(*) FROM cells WHERE listed = 1 AND published IS NULL"


def _rows(cursor: sqlite3.Cursor, query: str) -> list[Any]:
    return cursor.execute(query).fetchall()


def _number(cursor: sqlite3.Cursor, query: str) -> int:
    return int(cursor.execute(query).fetchone()[0])


def _members(
    plan: HubPlan, senders: Mapping[str, Any], live: Live | None
) -> tuple[MemberStatus, ...]:
    online = {} if live is None else live.online
    nothing = (None, 0, None, None, 0)
    rows = ((member, senders.get(member.name, nothing)) for member in plan.members)
    return tuple(
        MemberStatus(
            member.name,
            member.owner,
            member.place,
            online.get(member.name),
            row[1],
            row[2],
            row[3],
            max(0, row[4]),
        )
        for member, row in rows
    )


def hub_cells(plan: HubPlan, *, since: int = 0, limit: int = 1000) -> list[DecidedCell]:
    """List decided cells whose windows start at `since` or later, newest first.

    Holds sums and reasons of withheld cells: for the hub's operator only. Raises
    `PermanentError` without a ledger.
    """
    path = Path(plan.state_dir) / LEDGER
    query = "SELECT * FROM cells WHERE start >= ? ORDER BY start DESC, name LIMIT ?"
    with closing(Database.read(path)) as database, database.look() as cursor:
        return [_decided(row, plan.cluster) for row in cursor.execute(query, (since, limit))]


def _decided(row: sqlite3.Row, cluster: str) -> DecidedCell:
    return DecidedCell(
        cell=cell_of(row, cluster),
        listed=bool(row["listed"]),
        reason=row["reason"],
        quantity=row["quantity"],
        owners=row["owners"],
        written=row["written"],
        published=row["published"],
    )
