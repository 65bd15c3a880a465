"""A run of the demo as it would be if nothing went wrong, made from the truth alone."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.wire import cells_topic, records_topic, rfc3339
from simulation.check import Timeline, shared
from simulation.evidence import (
    CellRow,
    EventRow,
    Evidence,
    FigureRow,
    HubEvidence,
    LedgerRow,
    Part,
    PlantEvidence,
    RecordRow,
    StoreRow,
    TotalRow,
)
from simulation.plants import LONE_CODE, RESTARTED, SILENCED, WRAPPING, SimPlant, cluster
from simulation.stage import Outcome
from simulation.truth import SECOND
from simulation.witness import Passed

START = 1_800_000_000 * SECOND
LINE = Timeline(
    start=START,
    end=START + 36 * SECOND,
    measure=3 * SECOND,
    release=6 * SECOND,
    killed=START + 13 * SECOND,
    restarted=START + 17 * SECOND,
    silenced=START + 24 * SECOND,
)
PLANTS = cluster(START - 5 * SECOND, START + 7 * SECOND)


def rounded(value: float) -> float:
    return round(value, 2 - math.floor(math.log10(abs(value)))) if value else 0.0


def _dead(plant: SimPlant, position: int, start: int) -> bool:
    return plant.member == SILENCED and position == 0 and start >= LINE.silenced


def _totals(plant: SimPlant) -> tuple[TotalRow, ...]:
    rows = []
    for start in range(LINE.start, LINE.end, LINE.measure):
        end = start + LINE.measure
        for position, stream in enumerate(plant.streams):
            dead = _dead(plant, position, start)
            marks = ["rollover"] * (plant.member == WRAPPING and start == START + 6 * SECOND)
            marks += ["spread"] * (plant.member == RESTARTED and start == START + 12 * SECOND)
            amount = 0.0 if dead else stream.course.amount(start, end)
            rows.append(
                TotalRow(
                    stream.name, start, end, amount, stream.unit, float(not dead), tuple(marks)
                )
            )
    return tuple(rows)


def _figures(plant: SimPlant) -> list[FigureRow]:
    return [
        FigureRow(
            member=plant.member,
            kind=stream.kind,
            code=stream.code,
            place=plant.place,
            band="60-90" if stream.kind == "heat" else None,
            unit=stream.unit,
            quantity=rounded(stream.course.amount(start, start + LINE.release)),
            coverage=1.0,
            marks=(),
            start=start,
            end=start + LINE.release,
            counted=start,
        )
        for start in range(LINE.start, LINE.end, LINE.release)
        for position, stream in enumerate(plant.streams)
        if shared(stream) and not _dead(plant, position, start)
    ]


def _plain(plant: SimPlant, sequence: int, figures: list[FigureRow]) -> str:
    told: dict[str, Any] = {
        "id": f"{plant.member}-{sequence}",
        "pseudonym": f"{int(plant.member[1:]):032x}",
        "sequence": sequence,
        "figures": [
            {"kind": row.kind, "code": row.code, "quantity": row.quantity} for row in figures
        ],
    }
    return json.dumps(told)


def _plant(plant: SimPlant) -> PlantEvidence:
    records = []
    figures = _figures(plant)
    for number, start in enumerate(range(LINE.start, LINE.end, LINE.release), 1):
        own = [row for row in figures if row.start == start]
        plain = _plain(plant, number, own)
        name = f"{plant.member}-{number}"
        records.append(RecordRow(name, number, start, start + LINE.release, "receipted", plain))
    events: tuple[EventRow, ...] = ()
    if plant.member == SILENCED:
        stream = plant.streams[0].name
        events = (EventRow(LINE.silenced + 3 * SECOND, stream, "meter-silent", "no readings"),)
    return PlantEvidence(_totals(plant), tuple(records), events)


def _cells(figures: list[FigureRow]) -> list[CellRow]:
    found: dict[tuple[Any, ...], list[FigureRow]] = {}
    for row in figures:
        code = row.code[:5] if row.code and row.code.startswith("10 08") else row.code
        found.setdefault((row.start, row.kind, code, row.unit), []).append(row)
    return [
        CellRow(
            name=f"{kind}-{code or 'heat'}".replace(" ", "-").replace("*", ""),
            start=start,
            end=start + LINE.release,
            kind=kind,
            unit=unit,
            code=code,
            place="all",
            band=None,
            released=code != LONE_CODE,
            listed=True,
            quantity=math.fsum(row.quantity for row in rows),
            coverage=1.0,
            owners=len(rows),
            marks=(),
            reason="" if code != LONE_CODE else "1 owners, 3 needed",
            parts=tuple(Part(row.member, row.atom, row.quantity) for row in rows),
        )
        for (start, kind, code, unit), rows in sorted(found.items(), key=repr)
    ]


def good_evidence() -> Evidence:
    """Give what a run leaves behind in which everything is as it should be."""
    plants = {plant.member: _plant(plant) for plant in PLANTS}
    figures = [row for plant in PLANTS for row in _figures(plant)]
    cells = _cells(figures)
    ledger = [
        LedgerRow(row.id, member, row.sequence, row.start, row.end)
        for member, plant in plants.items()
        for row in plant.records
    ]
    store = [StoreRow(c.name, rfc3339(c.start), c.quantity) for c in cells if c.released]
    opened = [row.plain for plant in plants.values() for row in plant.records]
    hub = HubEvidence(
        tuple(ledger), tuple(figures), tuple(cells), tuple(store), {"hub-ledger.db": b"rows"}
    )
    passed = [Passed(row.start, records_topic("demo", f"{1:032x}"), b"{}") for row in ledger]
    passed.append(Passed(LINE.end, cells_topic("demo", cells[0].name), b"{}"))
    return Evidence(plants, hub, tuple(passed), tuple(opened))


def outcome(evidence: Evidence) -> Outcome:
    """Give a run with some evidence."""
    return Outcome(PLANTS, LINE, evidence, ((LINE.killed, "killed"),), Path("demo-run"), 60.0)


def with_hub(evidence: Evidence, **changes: Any) -> Evidence:
    """Give the evidence with other parts of the hub's."""
    return replace(evidence, hub=replace(evidence.hub, **changes))


def with_plant(evidence: Evidence, member: str, **changes: Any) -> Evidence:
    """Give the evidence with other parts of a plant's."""
    changed = replace(evidence.plants[member], **changes)
    return replace(evidence, plants={**evidence.plants, member: changed})
