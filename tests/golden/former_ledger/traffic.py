"""Seeded traffic of a cluster and of a pool, in two halves: in time, late and revised."""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from config.hub_plan import HubLimits, Rules
from gateway.hub.book import Book
from gateway.hub.database import Database
from gateway.hub.ledger import Ledger
from gateway.hub.pool import Taken, store
from gateway.hub.release import Calendars, release_due
from tests.hubkit import CLUSTER, HOUR, MONDAY, Plant, figure, gate, heat, plant
from tests.unit.test_pool import Site, leftover

PLANTS = (
    plant(1, place="ora/north"),
    plant(2, place="ora/north"),
    plant(3, place="ora/south", waives=True),
    plant(4, owner="owner 2", place="ora/south"),
    plant(5, place="mo"),
)
GATE = gate(*PLANTS)
CODES = ("10 09 03", "10 09 06", "19 01 13*")
BANDS = ("60-90", "90-120")
MARKS = ((), (), ("spread",), ("late", "reclassified"))
HALF = 6
"""Hours of traffic in each half."""
HOURS = range(2 * HALF + 10)
FIRST, THEN = HOURS[:HALF], HOURS[HALF:]
"""What comes late is in by the end."""


def _figures(draw: Random) -> list[dict[str, Any]]:
    """Draw figures of two kinds and directions, mixed, with quantities of all digits."""
    found = [
        figure(
            draw.uniform(-0.1, 1) * 10.0 ** draw.randint(-6, 9),
            draw.choice(CODES),
            coverage=draw.random(),
            marks=list(draw.choice(MARKS)),
            direction="need" if draw.random() < 0.2 else "surplus",
        )
        for _ in range(3)
    ]
    found += [heat(draw.uniform(5, 15), band=draw.choice(BANDS)) for _ in range(2)]
    draw.shuffle(found)
    return found


def _record(draw: Random, one: Plant, hour: int, revision: int) -> bytes:
    start, sequence = MONDAY + hour * HOUR, 10 * hour + revision + 1
    return one.record(start, figures=_figures(draw), sequence=sequence, revision=revision)


def records() -> list[list[tuple[Plant, bytes]]]:
    """Give what arrives in each hour: most of it in time, some hours later, some of it revised."""
    draw = Random(7)
    arriving: list[list[tuple[Plant, bytes]]] = [[] for _ in HOURS]
    for hour in range(2 * HALF):
        for one in PLANTS:
            late = draw.choice((0, 0, 0, 0, 1, 4))
            arriving[hour + late].append((one, _record(draw, one, hour, 0)))
            if draw.random() < 0.2:
                after = late + draw.choice((0, 1, 5))
                arriving[hour + after].append((one, _record(draw, one, hour, 1)))
    return arriving


def hub(path: Path, hours: Sequence[int]) -> None:
    """Let a cluster's hub take what arrives in some hours, and decide what is due after each."""
    arriving, database = records(), Database.open(path, MONDAY)
    ledger, book = Ledger(database, HubLimits()), Book(database, CLUSTER)
    members = tuple(one.member for one in PLANTS)
    plan = Calendars({"heat": "hour", "material": 2 * HOUR}, HOUR, Rules(k=2), members)
    for hour in hours:
        now = MONDAY + (hour + 1) * HOUR
        verdicts = [GATE.judge(one.topic, payload, now) for one, payload in arriving[hour]]
        ledger.store(verdicts, now)
        release_due(book, plan, 0, now)
    database.close()


def pool(folder: Path, hours: Sequence[int]) -> None:
    """Let a pool take what three hubs leave over in some hours, several owners in each message."""
    site, draw = Site(folder), Random(hours[0])
    site.number = 100 * hours[0]
    for hour in hours:
        for name in ("ora", "mo", "lista"):
            owners = [draw.choice("abcdef") for _ in range(6)]
            figures = [
                leftover(owner, draw.uniform(1, 100))
                | {"code": draw.choice(CODES), "waives": owner in "ab"}
                for owner in owners
            ]
            start = MONDAY + (hour - draw.choice((0, 0, 3))) * HOUR
            now = MONDAY + (hour + 1) * HOUR
            taken = site.judge(name, site.content(name, start, {}, figures=figures), now)
            assert isinstance(taken, Taken)
            store(site.database, [taken], now)
        site.release(MONDAY + hour * HOUR)
    site.database.close()


def cells(path: Path, *, in_order: bool = True) -> str:
    """Give a digest of all decisions; without order, cells and what is in them are sorted."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute(f"SELECT {_CELLS} FROM cells ORDER BY number").fetchall()  # noqa: S608
    told = [[*row, json.loads(parts)] for *row, parts in rows]
    if not in_order:
        told = sorted(([*row, sorted(parts, key=repr)] for *row, parts in told), key=repr)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


_CELLS = (
    'name, start, "end", kind, direction, unit, code, place, band, status, listed, quantity, '
    "coverage, owners, marks, reason, decided, told, noise, magnitude, parts"
)
