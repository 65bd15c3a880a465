"""What the demo tells: one document, and the same as tables."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gateway.wire import records_topic, rfc3339
from simulation.check import Check
from simulation.check_rules import delivery, faults, leaks, owners, stored
from simulation.check_sums import cells, conservation, coverage, figures, measured
from simulation.evidence import CellRow, PlantEvidence, TotalRow
from simulation.plants import SimPlant
from simulation.stage import CLUSTER, Outcome


def checks(outcome: Outcome) -> list[Check]:
    """Run every check on a run."""
    plants, line, evidence = outcome.plants, outcome.line, outcome.evidence
    return [
        *conservation(plants, line, evidence),
        *measured(plants, line, evidence),
        *coverage(plants, line, evidence),
        *figures(plants, line, evidence),
        *cells(plants, line, evidence),
        *owners(plants, evidence),
        *delivery(plants, line, evidence),
        stored(line, evidence),
        *leaks(plants, evidence),
        *faults(line, evidence),
    ]


def document(outcome: Outcome) -> dict[str, Any]:
    """Give everything a run has shown as one document, fit for JSON."""
    found = checks(outcome)
    return {
        "passed": all(check.passed for check in found),
        "seconds": round(outcome.seconds, 1),
        "window": {"start": rfc3339(outcome.line.start), "end": rfc3339(outcome.line.end)},
        "measured": [row for plant in outcome.plants for row in _measured(plant, outcome)],
        "left": [_left(plant, outcome) for plant in outcome.plants],
        "cells": [_cell(cell) for cell in outcome.evidence.hub.cells if _inside(cell, outcome)],
        "incidents": _incidents(outcome),
        "checks": [asdict(check) for check in found],
        "folder": str(outcome.folder),
    }


def _measured(plant: SimPlant, outcome: Outcome) -> Iterable[dict[str, Any]]:
    line, totals = outcome.line, outcome.evidence.plants[plant.member].totals
    for stream in plant.streams:
        rows = [row for row in totals if row.stream == stream.name]
        rows = [row for row in rows if line.start <= row.start and row.end <= line.end]
        yield {
            "plant": plant.name,
            "member": plant.member,
            "stream": stream.name,
            "what": stream.code or stream.kind,
            "share": "never" if stream.never_publish else stream.share,
            "windows": len(rows),
            "quantity": math.fsum(row.quantity for row in rows),
            "unit": stream.unit,
            "coverage": _mean(rows),
            "marks": sorted({mark for row in rows for mark in row.marks}),
        }


def _mean(rows: Sequence[TotalRow]) -> float:
    return round(math.fsum(row.coverage for row in rows) / len(rows), 3) if rows else 0.0


def _left(plant: SimPlant, outcome: Outcome) -> dict[str, Any]:
    found = outcome.evidence.plants[plant.member]
    texts = [json.loads(row.plain) for row in found.records]
    names = {text["pseudonym"] for text in texts}
    topics = {records_topic(CLUSTER, name) for name in names}
    sizes = {len(passed.payload) for passed in outcome.evidence.passed if passed.topic in topics}
    return {
        "plant": plant.name,
        "member": plant.member,
        "records": len(found.records),
        "received": sum(row.status == "receipted" for row in found.records),
        "figures": sum(len(text["figures"]) for text in texts),
        "pseudonyms": sorted(names),
        "bytes": sorted(sizes),
        "example": _example(found, outcome),
    }


def _example(found: PlantEvidence, outcome: Outcome) -> Mapping[str, Any] | None:
    inside = [row for row in found.records if row.start >= outcome.line.start]
    return json.loads(inside[0].plain) if inside else None


def _inside(cell: CellRow, outcome: Outcome) -> bool:
    return outcome.line.start < cell.end <= outcome.line.end


def _cell(cell: CellRow) -> dict[str, Any]:
    told = asdict(cell)
    del told["parts"], told["released"]
    told["status"] = "released" if cell.released else "withheld"
    span = {"start": rfc3339(cell.start), "end": rfc3339(cell.end)}
    return {**told, **span, "marks": list(cell.marks)}


def _incidents(outcome: Outcome) -> list[dict[str, str]]:
    made = [(time, "simulation", text) for time, text in outcome.incidents]
    line = outcome.line
    seen = [
        (event.time, plant.member, f"{event.stream}: {event.kind}, {event.detail}")
        for plant in outcome.plants
        for event in outcome.evidence.plants[plant.member].events
        if line.start < event.time <= line.end
    ]
    return [
        {"time": rfc3339(time), "who": who, "what": what} for time, who, what in sorted(made + seen)
    ]


# -- as tables -----------------------------------------------------------------------------------


def show(told: Mapping[str, Any]) -> None:
    """Print a document as tables and a verdict."""
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second

    from agent.cli.output import print_table  # noqa: PLC0415

    console = Console(highlight=False)
    console.print()
    print_table("1  What each agent measured (this stays in the plant)", *_measured_table(told))
    print_table("2  What left each plant: sealed records of one size", *_left_table(told))
    example = next((row for row in told["left"] if row["example"]), None)
    if example:
        console.print(f"One record of {example['member']}, in plain text:", style="bold")
        console.print_json(data=example["example"])
        console.print()
    print_table("3  What the hub made of it (the reason is its operator's)", *_cell_table(told))
    print_table("4  What happened", *_incident_table(told))
    print_table("5  Checked against the simulated truth", *_check_table(told))
    console.print(verdict(told), style="bold green" if told["passed"] else "bold red")


def verdict(told: Mapping[str, Any]) -> str:
    """Say in one line how the checks went."""
    failed = sum(not check["passed"] for check in told["checks"])
    count, seconds = len(told["checks"]), told["seconds"]
    if failed:
        return (
            f"{failed} of {count} checks FAILED ({seconds:g} s); files and logs: {told['folder']}"
        )
    return f"all {count} checks passed in {seconds:g} s"


Table = tuple[tuple[str, ...], list[tuple[object, ...]]]


def _measured_table(told: Mapping[str, Any]) -> Table:
    columns = ("plant", "stream", "what", "share", "windows", "quantity", "covered", "marks")
    return columns, [
        (
            f"{row['member']} {row['plant']}", row["stream"], row["what"], row["share"],
            row["windows"], f"{row['quantity']:.6g} {row['unit']}", f"{row['coverage']:.0%}",
            ", ".join(row["marks"]),
        )
        for row in told["measured"]
    ]  # fmt: skip


def _left_table(told: Mapping[str, Any]) -> Table:
    columns = ("plant", "records", "received", "figures", "bytes each", "pseudonym at the broker")
    return columns, [
        (
            row["member"], row["records"], row["received"], row["figures"],
            ", ".join(map(str, row["bytes"])), ", ".join(row["pseudonyms"]),
        )
        for row in told["left"]
    ]  # fmt: skip


def _cell_table(told: Mapping[str, Any]) -> Table:
    columns = ("cell", "window", "status", "quantity", "owners", "covered", "marks", "reason")
    return columns, [
        (
            row["name"], f"{row['start'][11:19]}-{row['end'][11:19]}", row["status"],
            f"{row['quantity']:.4g} {row['unit']}" if row["status"] == "released" else "",
            row["owners"], f"{row['coverage']:.0%}", ", ".join(row["marks"]), row["reason"],
        )
        for row in told["cells"]
    ]  # fmt: skip


def _incident_table(told: Mapping[str, Any]) -> Table:
    rows: list[tuple[object, ...]] = [
        (row["time"][11:19], row["who"], row["what"]) for row in told["incidents"]
    ]
    return ("UTC", "who", "what"), rows


def _check_table(told: Mapping[str, Any]) -> Table:
    columns = ("check", "of what", "expected", "got", "tolerance", "")
    return columns, [
        (
            row["name"], row["subject"], row["expected"], row["got"], row["tolerance"],
            "ok" if row["passed"] else "bad",
        )
        for row in told["checks"]
    ]  # fmt: skip
