"""A report for the screen: what a person looks at first, in as few columns as it takes."""

from collections.abc import Iterable, Sequence

from agent.cli.output import print_table, quantity
from agent.reporting.accounts import Stated
from agent.reporting.groups import Declared, Group
from agent.reporting.lines import UNSTATED, Line, What
from agent.reporting.report import Report
from agent.reporting.sheets import marks_text

NOT_MEASURED = "not measured"
_LEAST_SHARE = 0.0005
_Row = tuple[object, ...]


def show(found: Report) -> None:
    """Print a report; tables without a row are left out, but for that of the streams."""
    print_table(
        f"{found.plant}: {found.whole.name}, {found.timezone}",
        ("stream", "what", "quantity", "±", "measured", "missing", "how, and what happened"),
        [_stream(line) for line in found.lines],
        empty="no streams",
    )
    _table(
        "Waste to declare",
        ("code", "NS 9431", "treated", "quantity", "±", "hours missing", "how"),
        _waste(found),
    )
    _table("Periods", ("period", "stream", "quantity", "±", "covered", "doubtful"), _parts(found))
    _table("Heat by band", ("stream", "Cel", "quantity", "±", "share", "hours"), _bands(found))
    _table(
        "Stocks (means and levels, never added up)",
        ("period", "stream", "mean", "±", "first", "last", "closing", "covered"),
        _stocks(found),
    )
    _table("Added up", ("by", "value", "what", "quantity", "±", "covered"), _groups(found))
    _table(
        "Continuity (each hour's quantity)",
        ("month", "stream", "hours", "firm", "reached", "P10", "P50", "P90"),
        _continuity(found),
    )
    _table("Composition", ("stream", "component", "quantity"), _components(found))


def _table(title: str, columns: Sequence[str], rows: Iterable[_Row]) -> None:
    if held := list(rows):
        print_table(title, columns, held)


def _unit(of: What | Group | Declared) -> str:
    return of.unit if of.basis == "wet" else f"{of.unit} dry"


def _share(share: float | None) -> str:
    if share is not None and 0 < share < _LEAST_SHARE:
        return "<0.1%"
    return "" if share is None else f"{share:.1%}"


def _doubt(uncertainty: float | None, unit: str, stated: Stated | None) -> str:
    if stated == "some":
        return "in part"
    return quantity(None if uncertainty is None else float(f"{uncertainty:.2g}"), unit)


def _of(measured: int, stating: int) -> Stated:
    """Say how many of the streams that measured something state an uncertainty."""
    if not stating:
        return "none"
    return "all" if stating == measured else "some"


def _stream(line: Line) -> _Row:
    one, each = line.what, line.whole
    marks = marks_text(each.marks)
    batches = f"{each.tickets} batches" if each.tickets else ""
    shares = (("spread", each.spread), ("doubtful", each.doubtful))
    doubt = ", ".join(f"{_share(share)} of the time {name}" for name, share in shares if share)
    dates = " ".join(
        f"{word} {text[:10]}" for word, text in (("since", one.since), ("until", one.until)) if text
    )
    said = (dates, one.method, batches, doubt, f"marks: {marks}" if marks else "")
    return (
        one.stream, one.code or one.kind, quantity(each.quantity, _unit(one)) or NOT_MEASURED,
        _doubt(each.uncertainty, one.unit, each.stated), _share(each.measured),
        _share(each.missing),
        "; ".join(text for text in said if text),
    )  # fmt: skip


def _waste(found: Report) -> Iterable[_Row]:
    for one in found.declared:
        yield (
            one.code, one.ns9431, one.treatment,
            quantity(one.quantity, _unit(one)) or NOT_MEASURED,
            _doubt(one.uncertainty, one.unit, _of(one.measured, one.stating)),
            "" if one.hours_missing is None else f"{one.hours_missing:.1f}",
            "; ".join(one.methods),
        )  # fmt: skip


def _parts(found: Report) -> Iterable[_Row]:
    """Give the parts in which something was measured, in time order."""
    for number, part in enumerate(found.parts):
        for line in found.lines:
            each = line.parts[number]
            if each.quantity is not None:
                yield (
                    part.name, line.what.stream, quantity(each.quantity, _unit(line.what)),
                    _doubt(each.uncertainty, line.what.unit, each.stated),
                    _share(each.coverage), _share(each.uncertain),
                )  # fmt: skip


def _bands(found: Report) -> Iterable[_Row]:
    for line in found.lines:
        whole = line.whole.quantity
        for one in line.bands:
            yield (
                line.what.stream, one.band or UNSTATED, quantity(one.quantity, line.what.unit),
                _doubt(one.uncertainty, line.what.unit, one.stated),
                _share(one.quantity / whole if whole else None), f"{one.hours:.1f}",
            )  # fmt: skip


def _stocks(found: Report) -> Iterable[_Row]:
    for line in found.stocks:
        unit = _unit(line.what)
        for one in (line.whole, *line.parts):
            if one.mean is not None:
                first, last = (None if at is None else at.value for at in (one.first, one.last))
                yield (
                    one.name, line.what.stream, quantity(one.mean, unit),
                    _doubt(one.uncertainty, unit, one.stated), quantity(first, unit),
                    quantity(last, unit), quantity(one.closing, unit), _share(one.coverage),
                )  # fmt: skip


def _groups(found: Report) -> Iterable[_Row]:
    for each in found.groups:
        kind = each.kind if each.direction == "surplus" else f"{each.kind} {each.direction}"
        yield (
            each.by, each.value, kind,
            quantity(each.quantity, _unit(each)) or NOT_MEASURED,
            _doubt(each.uncertainty, each.unit, _of(each.measured, each.stating)),
            _share(each.coverage),
        )  # fmt: skip


def _components(found: Report) -> Iterable[_Row]:
    for line in found.lines:
        for each in line.components:
            yield line.what.stream, each.name, quantity(each.quantity, line.what.unit)


def _continuity(found: Report) -> Iterable[_Row]:
    for line in found.lines:
        unit = f"{line.what.unit}/h"
        for each in line.continuity:
            yield (
                each.name, line.what.stream, each.hours, quantity(each.firm, unit),
                _share(each.firm_share), *(f"{at:.4g}" for at in (each.p10, each.p50, each.p90)),
            )  # fmt: skip
