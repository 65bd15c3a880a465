"""A report as tables of plain cells, and as one document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.report import Line, Report, Sum
from gateway.contract import rfc3339

Cell = str | float | int | None
_IDENTITY = (
    "stream", "kind", "code", "title", "ns9431", "status", "treatment", "treatment class",
    "direction",
)  # fmt: skip
_SUM = ("quantity", "unit", "coverage", "uncertain", "windows", "marks")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its name, its columns and its rows; shares are from 0 to 1, None is not known."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def sheets(report: Report) -> tuple[Sheet, ...]:
    """Give every table of a report, that of the streams first."""
    return (
        streams(report),
        parts(report),
        periods(report),
        groups(report),
        steadiness(report),
        (about(report)),
    )


def streams(report: Report) -> Sheet:
    """Give one row a stream: what it is, and its sum."""
    rows = ((*_identity(line), *_sum(line.whole, line.unit)) for line in report.lines)
    return Sheet("Streams", (*_IDENTITY, *_SUM), tuple(rows))


def parts(report: Report) -> Sheet:
    """Give the quantities with a column for each month of the year, or day of the month."""
    columns = ("stream", "unit", *(part.name for part in report.parts), report.whole.name)
    rows = (
        (
            line.stream,
            line.unit,
            *(part.quantity for part in line.parts),
            line.whole.quantity,
        )
        for line in report.lines
    )
    return Sheet("Parts", columns, tuple(rows))


def periods(report: Report) -> Sheet:
    """Give one row a stream and part: the long form, for programs to group as they like."""
    rows = (
        (each.name, *_identity(line), *_sum(each, line.unit))
        for line in report.lines
        for each in line.parts
    )
    return Sheet("Periods", ("period", *_IDENTITY, *_SUM), tuple(rows))


def groups(report: Report) -> Sheet:
    """Give the sums of streams that have something in common."""
    columns = (
        "by", "value", "kind", "direction", "quantity", "unit", "lowest coverage",
        "highest uncertain", "streams",
    )  # fmt: skip
    rows = (
        (
            each.by, each.value, each.kind, each.direction, each.quantity, each.unit,
            each.coverage, each.uncertain, each.streams,
        )
        for each in report.groups
    )  # fmt: skip
    return Sheet("Groups", columns, tuple(rows))


def steadiness(report: Report) -> Sheet:
    """Give how steady each stream was in each month."""
    columns = ("stream", "month", "unit", "hours", "firm", "share at firm", "P10", "P50", "P90")
    rows = (
        (
            line.stream, each.name, f"{line.unit}/h", each.hours, each.firm, each.firm_share,
            each.p10, each.p50, each.p90,
        )
        for line in report.lines
        for each in line.continuity
    )  # fmt: skip
    return Sheet("Continuity", columns, tuple(rows))


def about(report: Report) -> Sheet:
    """Say whose report it is, of what time, and by which rules it was made."""
    rows = (
        ("plant", report.plant),
        ("owner", report.owner),
        ("period", report.whole.name),
        ("time zone of days and months", report.timezone),
        ("code list", report.codes or "none"),
        ("made from totals up to", rfc3339(report.until)),
        ("coverage", "share of the period so far that was observed; no quantity was added for it"),
        ("uncertain", "share of the period so far that was observed with doubt"),
        ("marks", "how many windows carry each mark"),
    )
    return Sheet("About", ("", " "), rows)


def _identity(line: Line) -> tuple[Cell, ...]:
    return (
        line.stream, line.kind, line.code, line.title, line.ns9431, line.status, line.treatment,
        line.treatment_class, line.direction,
    )  # fmt: skip


def _sum(each: Sum, unit: str) -> tuple[Cell, ...]:
    return (
        each.quantity, unit, each.coverage, each.uncertain, each.windows, marks_text(each.marks),
    )  # fmt: skip


def marks_text(marks: Mapping[str, int]) -> str:
    """Write marks with how many windows carry them: `reset 1, spread 12`."""
    return ", ".join(f"{mark} {windows}" for mark, windows in marks.items())


def document(report: Report) -> dict[str, Any]:
    """Give a report as one JSON document; instants are RFC 3339 in UTC."""
    found = asdict(report)
    spans: Sequence[dict[str, Any]] = [
        {"name": span.name, "start": rfc3339(span.start), "end": rfc3339(span.end)}
        for span in (report.whole, *report.parts)
    ]
    return {**found, "whole": spans[0], "parts": spans[1:], "until": rfc3339(report.until)}
