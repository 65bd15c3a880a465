"""Who is a member now: the hub file, the registry beside the ledger, and what the ledger knows."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from config.hub_plan import HubPlan
from gateway.hub import registry
from gateway.hub.database import Database
from gateway.hub.status import LEDGER
from gateway.keys import HubKey, load
from gateway.roster import Ring


def first_release(cursor: sqlite3.Cursor) -> int | None:
    """Give when the first cell was released, None before."""
    row = cursor.execute(
        "SELECT decided FROM cells WHERE status = 'released' ORDER BY number LIMIT 1"
    ).fetchone()
    return None if row is None else int(row[0])


def first_records(cursor: sqlite3.Cursor) -> dict[str, int]:
    """Give when the first record of each member came."""
    rows = cursor.execute("SELECT member, min(received) FROM records GROUP BY member").fetchall()
    return {str(name): int(at) for name, at in rows}


def released(plan: HubPlan) -> int | None:
    """Give when the first cell was released; beside a running hub, or before it ever ran."""
    path = Path(plan.state_dir) / LEDGER
    if not path.exists():
        return None
    with closing(Database.read(path, former=True)) as database, database.look() as cursor:
        return first_release(cursor)


def enrolled(plan: HubPlan, known: registry.Registry | None = None) -> HubPlan:
    """Give the plan with its members as they are now; raises `PermanentError`."""
    known = registry.read(registry.path_of(plan)) if known is None else known
    return replace(plan, members=registry.enrolled(plan.members, known, released(plan)))


def ring(plan: HubPlan, known: registry.Registry) -> Ring:
    """Load the hub's keys, the one of the hub file first; raises `PermanentError`."""
    keys = [("", HubKey(load(Path(plan.key_file))))]
    keys += [(one.since, HubKey(load(Path(plan.state_dir) / one.file))) for one in known.keys]
    return Ring(tuple(keys))
