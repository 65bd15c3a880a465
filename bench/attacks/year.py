"""A cluster's time through the shipped code: plants' records, the hub's ledger, what was told.

Each plant's day goes through the disclosure policy, is sealed, judged, stored and decided; only
the instants are made up. What an attacker may see is `Seen`; the rest is what it is judged by.
"""

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.disclosing.figure import disclose
from agent.disclosing.record import SealedRecord, Sealer
from agent.measuring.total import Total
from config.hub_plan import Calendar, HubLimits, Member, Rules
from config.plan import BrokerPlan, InputPlan, MeterPlan, StreamPlan, UplinkPlan
from gateway.contract import Cell
from gateway.hub.book import Book, cell_of
from gateway.hub.calendar import DAY, Window
from gateway.hub.database import Database
from gateway.hub.intake import Gate
from gateway.hub.ledger import Ledger
from gateway.hub.release import Calendars, release_due
from gateway.hub.table import Atom, Table
from gateway.keys import HubKey, PlantKey
from gateway.wire import records_topic
from simulation.clusteryear import Stream, World, streams, tables

CLUSTER = "ora"
WAIT = 2 * 3_600_000_000_000
"""How long the hub waits for records."""
METER = MeterPlan("total", {"total": InputPlan("total", "s", "p", 1.0)}, DAY)


def instant(year: int, month: int, day: int = 1) -> int:
    """Give a day's beginning (UTC) in nanoseconds."""
    return int(datetime(year, month, day, tzinfo=UTC).timestamp()) * 1_000_000_000


def days(first: int, last: int) -> list[Window]:
    """List the days of a span."""
    return [Window(at, at + DAY) for at in range(first, last, DAY)]


HUB = HubKey(Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))


@dataclass(frozen=True)
class Plant:
    """A plant: how it is on the roster, what it signs with, its streams."""

    member: Member
    sealer: Sealer
    streams: tuple[StreamPlan, ...]


def key(number: int) -> PlantKey:
    """Give a plant's key, the same each time."""
    return PlantKey(Ed25519PrivateKey.from_private_bytes((1000 + number).to_bytes(32, "big")))


def plants(found: Sequence[Stream]) -> list[Plant]:
    """Make the plants that have streams."""
    uplink = UplinkPlan(CLUSTER, BrokerPlan("127.0.0.1", 1, None), str(HUB.public))
    by_member: dict[str, list[Stream]] = {}
    for stream in found:
        by_member.setdefault(stream.member, []).append(stream)
    made = []
    for number, (name, own) in enumerate(by_member.items()):
        own_key = key(number)
        member = Member(name, str(own_key.public), own[0].owner, own[0].atom.place)
        plans = tuple(
            StreamPlan(f"s{n}", "material", "t", METER, code=s.atom.code, share="cluster")
            for n, s in enumerate(own)
        )
        made.append(Plant(member, Sealer(own_key, HUB.public, uplink), plans))
    return made


@dataclass(frozen=True)
class Events:
    """What disturbs a run; days are counted from its first.

    `joins` says from which day a member is on the roster, `late` how many days later than others'
    a member's record of a day comes, `calendars` which windows are decided from which day on.
    """

    joins: Mapping[str, int] = field(default_factory=dict)
    late: Mapping[tuple[str, int], int] = field(default_factory=dict)
    calendars: Mapping[int, Calendar] = field(default_factory=lambda: {0: "week"})

    def calendar(self, day: int) -> Calendar:
        """Give the calendar in force on a day."""
        return self.calendars[max(since for since in self.calendars if since <= day)]


Unit = tuple[str, Atom, int]
"""Whose, of what, and the start of the day: the finest thing a sum is made of."""


@dataclass(frozen=True)
class Told:
    """A sum that was told, and what it is made of: who and when is known, how much is not."""

    name: str
    window: Window
    quantity: float
    parts: Mapping[Unit, float]


@dataclass(frozen=True)
class Year:
    """A run: what was told, each cell as published, and the truth."""

    first: int
    told: tuple[Told, ...]
    withheld: tuple[Told, ...]
    cells: tuple[Cell, ...]
    truth: Mapping[Unit, float]
    owner: Mapping[str, str]
    streams: tuple[Stream, ...]
    rows: tuple[tuple[Window, Table], ...] = ()


def record(plant: Plant, window: Window, quantities: Sequence[float], number: int) -> SealedRecord:
    """Make a plant's record of a day by the shipped policy."""
    totals = {
        stream.name: [Total(stream.name, *window, quantity, "t", 1.0, 0.0, None, (), {})]
        for stream, quantity in zip(plant.streams, quantities, strict=True)
    }
    figures = disclose(plant.streams, totals, 1).figures
    return plant.sealer.seal(*window, number, figures, run=1)


@dataclass
class _Hub:
    """A hub's ledger, and what it decides by."""

    database: Database
    rules: Rules

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.database, HubLimits())
        self.book = Book(self.database, CLUSTER)

    def take(self, members: Sequence[Plant], sent: Sequence[SealedRecord], now: int) -> None:
        gate = _gate(tuple(plant.member for plant in members))
        judged = [gate.judge(records_topic(CLUSTER, s.pseudonym), s.payload, now) for s in sent]
        self.ledger.store(judged, now)

    def release(self, members: Sequence[Plant], calendar: Calendar, now: int) -> None:
        roster = tuple(plant.member for plant in members)
        plan = Calendars({"material": calendar}, WAIT, self.rules, roster)
        release_due(self.book, plan, 0, now)


_GATES: dict[tuple[Member, ...], Gate] = {}


def _gate(members: tuple[Member, ...]) -> Gate:
    if members not in _GATES:
        _GATES[members] = Gate.of(CLUSTER, HUB, members, HubLimits())
    return _GATES[members]


def run(
    world: World,
    first: int,
    last: int,
    events: Events | None = None,
    rules: Rules | None = None,
    found: Sequence[Stream] | None = None,
    told: Callable[[int], object] = lambda _: None,
) -> Year:
    """Let a cluster report day by day from `first` to `last`, and its hub decide."""
    events, rules = events or Events(), rules or Rules()
    made = tuple(streams(world) if found is None else found)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        with closing(Database.open(path, first)) as database:
            rows = tables(world, days(first, last), made)
            _play(_Hub(database, rules), plants(made), rows, events, told)
        with _read(path) as db:
            return _seen(db, first, made, rows)


def _play(
    hub: _Hub,
    members: Sequence[Plant],
    rows: Sequence[tuple[Window, Table]],
    events: Events,
    told: Callable[[int], object],
) -> None:
    waiting: dict[int, list[SealedRecord]] = {}
    for day, (window, table) in enumerate(rows):
        told(day)
        on = [one for one in members if events.joins.get(one.member.name, 0) <= day]
        for one in on:
            quantities = [part.quantity for part in table if part.member == one.member.name]
            sealed = record(one, window, quantities, day + 1)
            waiting.setdefault(day + events.late.get((one.member.name, day), 0), []).append(sealed)
        hub.take(on, waiting.pop(day, []), window.end + 60_000_000_000)
        hub.release(on, events.calendar(day), window.end + WAIT)


@contextmanager
def _read(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        yield db


def _seen(
    db: sqlite3.Connection,
    first: int,
    made: tuple[Stream, ...],
    rows: Sequence[tuple[Window, Table]],
) -> Year:
    owner = {stream.member: stream.owner for stream in made}
    counted: dict[tuple[int, str, Atom], list[tuple[int, float]]] = {}
    for row in db.execute("SELECT * FROM figures WHERE counted IS NOT NULL"):
        atom = Atom(row["code"], row["place"], row["band"])
        where = counted.setdefault((row["counted"], row["member"], atom), [])
        where.append((row["start"], row["quantity"]))
    cells: list[Cell] = []
    told: list[Told] = []
    withheld: list[Told] = []
    for row in db.execute("SELECT * FROM cells WHERE listed = 1 ORDER BY number"):
        parts = {
            (member, atom, start): quantity
            for member, atom in _parts(row)
            for start, quantity in counted.get((row["start"], member, atom), ())
        }
        window = Window(row["start"], row["end"])
        one = Told(row["name"], window, row["quantity"], parts)
        (told if row["status"] == "released" else withheld).append(one)
        cells.append(cell_of(row, CLUSTER))
    truth = {(p.member, p.atom, w.start): p.quantity for w, table in rows for p in table}
    return Year(first, tuple(told), tuple(withheld), tuple(cells), truth, owner, made, tuple(rows))


def _parts(row: sqlite3.Row) -> list[tuple[str, Atom]]:
    return [(member, Atom(*atom)) for member, _, atom, _, _ in json.loads(row["parts"])]
