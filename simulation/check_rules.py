"""Check rules: each record once, owners enough, nothing leaked, faults marked. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence

from gateway.wire import rfc3339
from simulation.check import Check, Timeline, none_of, shared
from simulation.evidence import Evidence, PlantEvidence
from simulation.plants import RESTARTED, SILENCED, WRAPPING, SimPlant, secrets

OWNERS = 3
"""Owners a released cell needs."""


def owners(plants: Sequence[SimPlant], evidence: Evidence) -> Iterable[Check]:
    """Check that released cells have owners enough and share no contribution."""
    owner = {plant.member: plant.owner for plant in plants}
    released = [cell for cell in evidence.hub.cells if cell.released]
    held = [{owner[part.member] for part in cell.parts if part.quantity} for cell in released]
    fewest = min(map(len, held), default=0)
    subject = f"fewest in {len(released)} released cells"
    yield Check("owners", subject, f"{OWNERS} or more", str(fewest), "0", fewest >= OWNERS)
    taken = Counter(
        (cell.kind, cell.start, part.member, part.atom) for cell in released for part in cell.parts
    )
    double = sorted(f"{key[2]} in {rfc3339(key[1])}" for key, times in taken.items() if times > 1)
    yield none_of("overlap", "contributions in two released cells", double)


def delivery(plants: Sequence[SimPlant], line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Check that each release window of each plant is in the ledger exactly once."""
    windows = set(range(line.start, line.end, line.release))
    for plant in plants:
        rows = evidence.hub.records
        ledger = [row for row in rows if row.member == plant.member and row.end <= line.end]
        sent = {row.id for row in evidence.plants[plant.member].records if row.end <= line.end}
        times = Counter(row.start for row in ledger)
        lost = len(windows - set(times))
        double = sum(count > 1 for count in times.values())
        unknown = len({row.id for row in ledger} ^ sent)
        numbers = sorted(row.sequence for row in ledger)
        gapless = numbers == list(range(1, len(numbers) + 1))
        got = f"{len(windows) - lost}; {lost} lost, {double} double, {unknown} unknown"
        passed = gapless and not (lost or double or unknown)
        yield Check("delivered", plant.member, f"{len(windows)} windows", got, "0", passed)


def stored(line: Timeline, evidence: Evidence) -> Check:
    """Check that the store holds the released cells, each once, and nothing else."""
    end = rfc3339(line.end)
    wanted = Counter(
        (cell.name, rfc3339(cell.start), cell.quantity)
        for cell in evidence.hub.cells
        if cell.released and cell.start < line.end
    )
    rows = ((row.cell, row.start, row.quantity) for row in evidence.hub.store)
    found = Counter(row for row in rows if row[1] < end)
    missing, foreign = sum((wanted - found).values()), sum((found - wanted).values())
    got = f"{sum(found.values())}; {missing} missing, {foreign} foreign"
    passed = bool(wanted) and not (missing or foreign)
    return Check("stored", "cells in the store", str(sum(wanted.values())), got, "0", passed)


def leaks(plants: Sequence[SimPlant], evidence: Evidence) -> Iterable[Check]:
    """Search everything outside the plants for what must stay inside them."""
    places = {
        "what passed the broker": [
            part
            for message in evidence.passed
            for part in (message.topic.encode(), message.payload)
        ],
        "records, opened with the hub's key": [text.encode() for text in evidence.opened],
        "the hub's files": list(evidence.hub.content.values()),
    }
    words = secrets(plants)
    for place, texts in places.items():
        size = sum(map(len, texts))
        found = _found(words, texts) if texts else ["nothing was searched"]
        yield none_of("secret", f"{len(words)} names in {place} ({size} bytes)", found)
    kinds = {stream.kind for plant in plants for stream in plant.streams if shared(stream)}
    held = sorted({row.kind for row in evidence.hub.figures} - kinds)
    yield none_of("consent", "figures of streams that are off", held)


def _found(words: Iterable[str], texts: Sequence[bytes]) -> list[str]:
    lowered = [text.lower() for text in texts]
    return sorted(word for word in words if any(word.lower().encode() in text for text in lowered))


def faults(line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Check that the rollover, the dead meter and the restart took place and were marked."""
    found = evidence.plants
    marks = {member: _marks(plant, line) for member, plant in found.items()}
    silent = [event for event in found[SILENCED].events if event.kind == "meter-silent"]
    for subject, seen in (
        (f"{WRAPPING}: rollover", "rollover" in marks[WRAPPING]),
        (f"{RESTARTED}: spread over the gap", "spread" in marks[RESTARTED]),
        (f"{SILENCED}: meter-silent", any(event.time > line.silenced for event in silent)),
    ):
        yield Check("marked", subject, "seen", "seen" if seen else "not seen", "", seen)
    reset = sorted(member for member, seen in marks.items() if "reset" in seen)
    yield none_of("marked", "counters taken for reset", reset)


def _marks(plant: PlantEvidence, line: Timeline) -> set[str]:
    return {
        mark for row in plant.totals if line.start <= row.start < line.end for mark in row.marks
    }
