"""A report as tables of plain cells, and as one document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from agent.measuring.localtime import local_text
from agent.reporting.accounts import BandSum, Sum
from agent.reporting.explained import COLUMNS, MARKS, RULES
from agent.reporting.levels import Level, Stock
from agent.reporting.lines import UNSTATED, Line, What
from agent.reporting.report import Report
from gateway.wire import rfc3339

Cell = str | float | int | None
_IDENTITY = (
    "stream", "kind", "code", "title", "ns9431", "status", "treatment", "treatment class",
    "direction",
)  # fmt: skip
_SUM = (
    "quantity", "unit", "uncertainty", "relative", "uncertainty of", "coverage", "uncertain",
    "measured", "spread", "doubtful", "missing", "hours missing", "batches", "windows", "marks",
    "basis", "dry", "since", "until",
)  # fmt: skip
_HOW = ("method", "points")


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
        waste(report),
        parts(report),
        periods(report),
        heat(report),
        stocks(report),
        groups(report),
        steadiness(report),
        makeup(report),
        about(report),
    )


def streams(report: Report) -> Sheet:
    """Give one row a stream: what it is, its sum, and how it was measured."""
    rows = ((*_identity(one.what), *_sum(one.whole, one.what), *_how(one)) for one in report.lines)
    return Sheet("Streams", (*_IDENTITY, *_SUM, *_HOW), tuple(rows))


def waste(report: Report) -> Sheet:
    """Give what a yearly report on waste asks for: a row for all that is declared alike."""
    columns = (
        "code", "title", "hazardous", "ns9431", "status", "treatment", "treatment class",
        "direction", "quantity", "unit", "uncertainty", "relative", "methods", "batches",
        "lowest coverage", "hours missing", "spread", "doubtful", "streams", "streams measured",
        "streams stating", "basis",
    )  # fmt: skip
    rows = (
        (
            one.code, one.title, "yes" if one.hazardous else "no", one.ns9431,
            one.status or UNSTATED, one.treatment, one.treatment_class, one.direction,
            one.quantity, one.unit, one.uncertainty, relative(one.uncertainty, one.quantity),
            "; ".join(one.methods), one.tickets, one.coverage, one.hours_missing, one.spread,
            one.doubtful, ", ".join(one.streams), one.measured, one.stating, one.basis,
        )
        for one in report.declared
    )  # fmt: skip
    return Sheet("Waste", columns, tuple(rows))


def parts(report: Report) -> Sheet:
    """Give the quantities with a column for each month of the year, or day of the month."""
    columns = ("stream", "unit", *(part.name for part in report.parts), report.whole.name)
    rows = (
        (
            line.what.stream,
            line.what.unit,
            *(part.quantity for part in line.parts),
            line.whole.quantity,
        )
        for line in report.lines
    )
    return Sheet("Parts", columns, tuple(rows))


def periods(report: Report) -> Sheet:
    """Give one row a stream and part: the long form, for programs to group as they like."""
    rows = (
        (each.name, *_identity(line.what), *_sum(each, line.what), *_how(line))
        for line in report.lines
        for each in line.parts
    )
    return Sheet("Periods", ("period", *_IDENTITY, *_SUM, *_HOW), tuple(rows))


def heat(report: Report) -> Sheet:
    """Give a row for each temperature band of each stream of heat, over the whole and each part."""
    columns = (
        "period", "stream", "direction", "band", "quantity", "unit", "uncertainty", "relative",
        "uncertainty of", "share of heat", "hours observed", "windows",
    )  # fmt: skip
    rows = tuple(
        _band(one, line, of.quantity)
        for line in report.lines
        for of in (line.whole, *line.parts)
        for one in (line.bands if of is line.whole else line.band_parts)
        if one.name == of.name
    )
    return Sheet("Heat", columns, rows)


def _band(one: BandSum, line: Line, whole: float | None) -> tuple[Cell, ...]:
    return (
        one.name, line.what.stream, line.what.direction, one.band or UNSTATED, one.quantity,
        line.what.unit, one.uncertainty, relative(one.uncertainty, one.quantity), one.stated,
        one.quantity / whole if whole else None, one.hours, one.windows,
    )  # fmt: skip


def stocks(report: Report) -> Sheet:
    """Give a row for each stock, over the whole and each part."""
    columns = (
        "period", "stream", "kind", "code", "title", "status", "mean", "unit", "uncertainty",
        "uncertainty of", "closing", "first level", "first at", "last level", "last at",
        "coverage", "hours missing", "windows", "method", "points", "basis",
    )  # fmt: skip
    zone = ZoneInfo(report.timezone)
    rows = (
        _stock(one, line.what, zone)
        for line in report.stocks
        for one in (line.whole, *line.parts)
    )  # fmt: skip
    return Sheet("Stocks", columns, tuple(rows))


def _stock(one: Stock, what: What, zone: ZoneInfo) -> tuple[Cell, ...]:
    return (
        one.name, what.stream, what.kind, what.code, what.title, what.status, one.mean, what.unit,
        one.uncertainty, one.stated, one.closing, *_level(one.first, zone),
        *_level(one.last, zone), one.coverage, one.hours_missing, one.windows, what.method,
        ", ".join(what.points), what.basis,
    )  # fmt: skip


def _level(level: Level | None, zone: ZoneInfo) -> tuple[Cell, Cell]:
    return (None, None) if level is None else (level.value, local_text(level.time, zone))


def groups(report: Report) -> Sheet:
    """Give the sums of streams that have something in common."""
    columns = (
        "by", "value", "kind", "direction", "quantity", "unit", "uncertainty", "relative",
        "lowest coverage", "highest uncertain", "hours missing", "streams", "streams measured",
        "streams stating", "basis",
    )  # fmt: skip
    rows = (
        (
            one.by, one.value, one.kind, one.direction, one.quantity, one.unit, one.uncertainty,
            relative(one.uncertainty, one.quantity), one.coverage, one.uncertain,
            one.hours_missing, one.streams, one.measured, one.stating, one.basis,
        )
        for one in report.groups
    )  # fmt: skip
    return Sheet("Groups", columns, tuple(rows))


def steadiness(report: Report) -> Sheet:
    """Give how steady each stream was in each month."""
    columns = ("stream", "month", "unit", "hours", "firm", "share at firm", "P10", "P50", "P90")
    rows = (
        (
            line.what.stream, each.name, f"{line.what.unit}/h", each.hours, each.firm,
            each.firm_share, each.p10, each.p50, each.p90,
        )
        for line in report.lines
        for each in line.continuity
    )  # fmt: skip
    return Sheet("Continuity", columns, tuple(rows))


def makeup(report: Report) -> Sheet:
    """Give what the streams were made of, by the analyses that the plant file has."""
    rows = (
        (line.what.stream, each.name, each.quantity, line.what.unit)
        for line in report.lines
        for each in line.components
    )
    return Sheet("Composition", ("stream", "component", "quantity", "unit"), tuple(rows))


def about(report: Report) -> Sheet:
    """Say whose report it is, of what time, what its columns mean and by which rules it is made."""
    whose = {
        "plant": report.plant,
        "owner": report.owner,
        "report of": report.whole.name,
        "time zone of days and months": report.timezone,
        "code list": report.codes or "none",
        "time counted up to": rfc3339(report.until),
    }
    return Sheet(
        "About",
        ("", " "),
        (
            *whose.items(),
            ("", ""),
            ("Rules", ""),
            *RULES.items(),
            ("", ""),
            ("Columns", ""),
            *COLUMNS.items(),
            ("", ""),
            ("Marks", ""),
            *MARKS.items(),
        ),
    )


def _identity(one: What) -> tuple[Cell, ...]:
    return (
        one.stream, one.kind, one.code, one.title, one.ns9431, one.status, one.treatment,
        one.treatment_class, one.direction,
    )  # fmt: skip


def _sum(each: Sum, of: What) -> tuple[Cell, ...]:
    return (
        each.quantity, of.unit, each.uncertainty, relative(each.uncertainty, each.quantity),
        each.stated, each.coverage, each.uncertain, each.measured, each.spread, each.doubtful,
        each.missing, each.hours_missing, each.tickets, each.windows, marks_text(each.marks),
        of.basis, each.dry, of.since, of.until,
    )  # fmt: skip


def _how(line: Line) -> tuple[Cell, ...]:
    return line.what.method, ", ".join(line.what.points)


def relative(uncertainty: float | None, quantity: float | None) -> float | None:
    """Give an uncertainty as a share of its quantity; None of nothing."""
    return None if uncertainty is None or not quantity else uncertainty / abs(quantity)


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
    return {
        **found,
        "whole": spans[0],
        "parts": spans[1:],
        "until": rfc3339(report.until),
        "lines": [{**line.pop("what"), **line} for line in found["lines"]],
        "stocks": [_levels({**line.pop("what"), **line}) for line in found["stocks"]],
    }


def _levels(stock: dict[str, Any]) -> dict[str, Any]:
    for one in (stock["whole"], *stock["parts"]):
        for level in (one["first"], one["last"]):
            if level is not None:
                level["time"] = rfc3339(level["time"])
    return stock
