"""What a run left behind, gathered from the agents' files, the hub's files and the broker.

Reading only. The rows are taken from the files with plain SQL, apart from the code that wrote them.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.keys import HubKey
from gateway.seal import open_record
from gateway.signing import RefusalError
from gateway.wire import records_topic
from simulation.witness import Passed


@dataclass(frozen=True, slots=True)
class TotalRow:
    """A closed total of a plant; instants in nanoseconds since 1970, `unit` as the quantity's."""

    stream: str
    start: int
    end: int
    quantity: float
    unit: str
    coverage: float
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordRow:
    """A record in a plant's release log, with its plain text."""

    id: str
    sequence: int
    start: int
    end: int
    status: str
    plain: str


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event in a plant's log."""

    time: int
    stream: str
    kind: str
    detail: str


@dataclass(frozen=True, slots=True)
class PlantEvidence:
    """What one plant's state file holds."""

    totals: tuple[TotalRow, ...] = ()
    records: tuple[RecordRow, ...] = ()
    events: tuple[EventRow, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A record in the hub's ledger."""

    id: str
    member: str
    sequence: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A figure in the hub's ledger; `counted` is the start of the window it was decided in."""

    member: str
    kind: str
    code: str | None
    place: str
    band: str | None
    unit: str
    quantity: float
    coverage: float
    marks: tuple[str, ...]
    start: int
    end: int
    counted: int | None

    @property
    def atom(self) -> tuple[str | None, str, str | None]:
        """Name the finest thing a cell is made of."""
        return (self.code, self.place, self.band)


@dataclass(frozen=True, slots=True)
class Part:
    """What one member has in a cell."""

    member: str
    atom: tuple[str | None, str, str | None]
    quantity: float


@dataclass(frozen=True, slots=True)
class CellRow:
    """A decided cell in the hub's ledger, with what only its operator sees."""

    name: str
    start: int
    end: int
    kind: str
    unit: str
    code: str | None
    place: str
    band: str | None
    released: bool
    listed: bool
    quantity: float
    coverage: float
    owners: int
    marks: tuple[str, ...]
    reason: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class StoreRow:
    """A cell as the time-series store has it; instants as RFC 3339."""

    cell: str
    start: str
    quantity: float


@dataclass(frozen=True, slots=True)
class HubEvidence:
    """What the hub's ledger and store hold, as rows and as bytes."""

    records: tuple[LedgerRow, ...] = ()
    figures: tuple[FigureRow, ...] = ()
    cells: tuple[CellRow, ...] = ()
    store: tuple[StoreRow, ...] = ()
    content: Mapping[str, bytes] = field(default_factory=dict)
    """Bytes of each of the hub's files, by name."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of a run: plants by member, the hub, what passed the broker, and records opened again."""

    plants: Mapping[str, PlantEvidence]
    hub: HubEvidence
    passed: tuple[Passed, ...] = ()
    opened: tuple[str, ...] = ()
    """Plain texts of the sealed records that passed the broker."""


def _rows(path: Path, query: str) -> Iterator[sqlite3.Row]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        yield from db.execute(query).fetchall()


def _named(row: sqlite3.Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def plant_evidence(path: Path) -> PlantEvidence:
    """Read a plant's state file."""
    totals = _rows(path, "SELECT * FROM totals ORDER BY start, stream")
    records = _rows(path, "SELECT * FROM records ORDER BY sequence")
    events = _rows(path, "SELECT * FROM events ORDER BY id")
    return PlantEvidence(
        tuple(map(_total, totals)),
        tuple(
            RecordRow(**_named(row, "id", "sequence", "start", "end", "status", "plain"))
            for row in records
        ),
        tuple(EventRow(**_named(row, "time", "stream", "kind", "detail")) for row in events),
    )


def _total(row: sqlite3.Row) -> TotalRow:
    marks = tuple(json.loads(row["marks"]))
    names = ("stream", "start", "end", "quantity", "unit", "coverage")
    return TotalRow(**_named(row, *names), marks=marks)


def hub_evidence(state: Path) -> HubEvidence:
    """Read the hub's ledger and store in its state folder."""
    ledger, store = state / "hub-ledger.db", state / "cells.db"
    return HubEvidence(
        tuple(
            LedgerRow(**_named(row, "id", "member", "sequence", "start", "end"))
            for row in _rows(ledger, "SELECT * FROM records ORDER BY member, start")
        ),
        tuple(
            map(_figure, _rows(ledger, "SELECT * FROM figures WHERE superseded = 0 ORDER BY start"))
        ),
        tuple(map(_cell, _rows(ledger, "SELECT * FROM cells ORDER BY start, name"))),
        tuple(
            StoreRow(row["cell"], row["window_start"], row["quantity"])
            for row in _rows(store, "SELECT * FROM sidestream_cell")
        ),
        {path.name: path.read_bytes() for path in sorted(state.iterdir()) if path.is_file()},
    )


_LABEL = ("kind", "code", "place", "band", "unit", "quantity", "coverage", "start", "end")


def _figure(row: sqlite3.Row) -> FigureRow:
    marks = tuple(json.loads(row["marks"]))
    return FigureRow(**_named(row, *_LABEL, "member", "counted"), marks=marks)


def _cell(row: sqlite3.Row) -> CellRow:
    found: list[list[Any]] = json.loads(row["parts"])
    return CellRow(
        **_named(row, *_LABEL, "name", "owners", "reason"),
        released=row["status"] == "released",
        listed=bool(row["listed"]),
        marks=tuple(json.loads(row["marks"])),
        parts=tuple(
            Part(member, (atom[0], atom[1], atom[2]), quantity)
            for member, _, atom, quantity, _ in found
        ),
    )


def opened(passed: Iterable[Passed], cluster: str, key: HubKey) -> tuple[str, ...]:
    """Open every record that passed the broker, with the hub's key, to see what it says."""
    prefix = records_topic(cluster, "")
    texts = []
    for message in passed:
        if message.topic.startswith(prefix):
            pseudonym = message.topic.removeprefix(prefix)
            try:
                content = open_record(message.payload, cluster, pseudonym, key)
            except RefusalError as error:
                texts.append(f"unreadable: {error}")
            else:
                texts.append(json.dumps(content, ensure_ascii=False, sort_keys=True))
    return tuple(texts)
