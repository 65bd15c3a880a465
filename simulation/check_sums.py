"""Check quantities: totals, figures and released cells against what truly flowed. Pure.

Expected values come from the plants' courses and from nothing the product computed. A tolerance is
the sum of what must be allowed for: the meter's step, three significant figures, the instant of a
reading, water's correlation, and what is not known of a window that was observed in part.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from gateway.wire import rfc3339
from simulation.check import FULL, Check, Timeline, compared, shared, subject_of
from simulation.evidence import CellRow, Evidence, FigureRow, TotalRow
from simulation.files import counts
from simulation.plants import RESTARTED, SILENCED, SimPlant, SimStream
from simulation.truth import HOUR, SECOND

EDGE_SECONDS = 0.05
"""How far a reading's instant may be off at one edge of a window, in seconds."""
HEAT = 0.002
"""Relative difference allowed between the two correlations of water."""
SAMPLING = 0.001
"""Relative difference allowed for integrating straight lines between readings."""


def conservation(plants: Sequence[SimPlant], line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Compare each totaliser's closed totals, summed over the run, with the truth's integral."""
    for plant in plants:
        for stream in counts(plant):
            rows = _whole(evidence.plants[plant.member].totals, stream, line)
            if not rows:
                yield Check(
                    "conserved", subject_of(plant, stream), "totals", "none", "", passed=False
                )
                continue
            start, end = rows[0].start, rows[-1].end
            expected = stream.course.amount(start, end)
            allowed = 2 * stream.step + _edges(stream, start, end)
            got = math.fsum(row.quantity for row in rows)
            gapless = all(a.end == b.start for a, b in pairwise(rows))
            yield compared(
                "conserved", f"{subject_of(plant, stream)}, {(end - start) // SECOND} s",
                expected, got, allowed, stream.unit, also=gapless,
            )  # fmt: skip


def _whole(totals: Iterable[TotalRow], stream: SimStream, line: Timeline) -> list[TotalRow]:
    """Give a stream's totals in the run, up to the first that was not wholly observed."""
    found = []
    for row in totals:
        if row.stream == stream.name and row.start >= line.start and row.end <= line.end:
            if row.coverage < FULL:
                break
            found.append(row)
    return found


def measured(plants: Sequence[SimPlant], line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Compare each rate's and heat meter's wholly observed windows with the truth's integral."""
    for plant in plants:
        for stream in plant.streams:
            if stream not in counts(plant):
                yield _summed(plant, stream, line, evidence.plants[plant.member].totals)


def _summed(
    plant: SimPlant, stream: SimStream, line: Timeline, totals: Iterable[TotalRow]
) -> Check:
    rows = [
        row
        for row in totals
        if row.stream == stream.name and row.coverage >= FULL and line.start <= row.start < line.end
    ]
    runs = 1 + sum(a.end != b.start for a, b in pairwise(rows))
    expected = math.fsum(stream.course.amount(row.start, row.end) for row in rows)
    allowed = runs * _edges(stream, line.start, line.end)
    allowed += HEAT * expected if stream.kind == "heat" else SAMPLING * expected
    got = math.fsum(row.quantity for row in rows)
    seconds = len(rows) * line.measure // SECOND
    subject = f"{subject_of(plant, stream)}, {seconds} s"
    return compared("measured", subject, expected, got, allowed, stream.unit, also=bool(rows))


def _edges(stream: SimStream, start: int, end: int) -> float:
    """Give what may flow while a window's two edges are uncertain."""
    return 2 * EDGE_SECONDS / HOUR * stream.course.bounds(start, end)[1]


def coverage(plants: Sequence[SimPlant], line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Check that every window is there, wholly observed save where something was made to fail."""
    for plant in plants:
        for stream in plant.streams:
            rows = [
                row
                for row in evidence.plants[plant.member].totals
                if row.stream == stream.name and line.start <= row.start < line.end
            ]
            windows = (line.end - line.start) // line.measure
            dim = [row for row in rows if row.coverage < FULL]
            odd = sum(not _excused(plant, stream, row, line) for row in dim)
            got = f"{len(rows)}, {len(dim)} in part, {odd} of them for no reason"
            passed = len(rows) == windows and not odd
            yield Check(
                "observed", subject_of(plant, stream), f"{windows} windows", got, "0", passed
            )


def _excused(plant: SimPlant, stream: SimStream, row: TotalRow, line: Timeline) -> bool:
    """Tell whether a window may have been observed in part: its meter or its agent was away."""
    if plant.member == SILENCED and stream == plant.streams[0]:
        return row.end > line.silenced - SECOND
    counted = stream in counts(plant)
    slack = 3 * SECOND
    away = row.end > line.killed - slack and row.start < line.restarted + slack
    return plant.member == RESTARTED and away and not counted


def figures(plants: Sequence[SimPlant], line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Compare every figure in the hub's ledger with the truth of its window; tells the worst."""
    by_member = {plant.member: plant for plant in plants}
    found: dict[str, list[tuple[float, FigureRow]]] = defaultdict(list)
    for figure in evidence.hub.figures:
        if figure.start < line.start or figure.end > line.end:
            continue
        expected, allowed = _truth(by_member[figure.member], figure, line)
        off = abs(figure.quantity - expected)
        found[figure.member].append((off / allowed if allowed else math.inf, figure))
    for member, rows in sorted(found.items()):
        share, worst = max(rows, key=lambda row: row[0])
        expected, allowed = _truth(by_member[member], worst, line)
        yield compared(
            "figures", f"{member}: worst of {len(rows)}", expected, worst.quantity, allowed,
            worst.unit, also=share <= 1,
        )  # fmt: skip


def _truth(plant: SimPlant, figure: FigureRow, line: Timeline) -> tuple[float, float]:
    """Give what a figure should be, and what it may be off by."""
    expected = allowed = 0.0
    for stream in plant.streams:
        if not shared(stream) or (stream.kind, stream.code) != (figure.kind, figure.code):
            continue
        seen, unknown = _observed(plant, stream, figure, line)
        expected += seen
        allowed += unknown + 2 * stream.step + _edges(stream, figure.start, figure.end)
        allowed += HEAT * seen if stream.kind == "heat" else 0.0
    return expected, allowed + _rounding(figure.quantity)


def _observed(
    plant: SimPlant, stream: SimStream, figure: FigureRow, line: Timeline
) -> tuple[float, float]:
    """Give what flowed in the observed part of a figure's window, and what is not known of it.

    A meter that died was observed until then. Where the agent was away, neither the course over
    the gap nor the place of the gap in the window is known to the meter.
    """
    start, length = figure.start, figure.end - figure.start
    if figure.coverage >= FULL and "spread" not in figure.marks:
        return stream.course.amount(start, figure.end), 0.0
    hours = length / SECOND / HOUR
    coarse = 0.01 * stream.course.bounds(start, figure.end)[1] * hours  # coverage has two decimals
    if plant.member == SILENCED and start <= line.silenced < figure.end:
        return stream.course.amount(start, start + round(figure.coverage * length)), coarse
    low, high = stream.course.bounds(
        min(start, line.killed - SECOND), max(figure.end, line.restarted + 5 * SECOND)
    )
    amount = stream.course.amount(start, figure.end) * figure.coverage
    return amount, (high - low) * hours + coarse


def _rounding(quantity: float) -> float:
    """Give half of the last of three significant figures."""
    return 0.5 * 10 ** (math.floor(math.log10(abs(quantity))) - 2) if quantity else 0.0


def cells(plants: Sequence[SimPlant], line: Timeline, evidence: Evidence) -> Iterable[Check]:
    """Compare each released cell with the sum of its contributors' truth over its window."""
    by_member = {plant.member: plant for plant in plants}
    for cell in evidence.hub.cells:
        if not cell.released or not line.start < cell.end <= line.end:
            continue
        inside = [row for row in evidence.hub.figures if _counted(row, cell)]
        truths = [_truth(by_member[row.member], row, line) for row in inside]
        expected = math.fsum(amount for amount, _ in truths)
        allowed = math.fsum(off for _, off in truths)
        timely = all(row.start >= cell.start for row in inside) or "late" in cell.marks
        complete = {part.member for part in cell.parts} == {row.member for row in inside}
        yield compared(
            "released", f"{cell.name} {rfc3339(cell.start)[11:19]}", expected, cell.quantity,
            allowed, cell.unit, also=timely and complete,
        )  # fmt: skip


def _counted(row: FigureRow, cell: CellRow) -> bool:
    atoms = {(part.member, part.atom) for part in cell.parts}
    same = (row.kind, row.unit, row.counted) == (cell.kind, cell.unit, cell.start)
    return same and (row.member, row.atom) in atoms
