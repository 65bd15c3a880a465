"""What commands print: a table for people, one JSON document for programs. Needs no click."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.reading import NANOSECONDS
from agent.cli.table import table, text, wrapped
from agent.cli.terminal import BOLD, GREEN, RED, YELLOW, echo, styled, width

_WIDTH = 160
"""Columns of a table that goes into a file or a pipe."""


def print_json(document: Any) -> None:
    """Print a document as indented JSON."""
    echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "none"
) -> None:
    """Print rows as a table that fits the terminal, or a line saying that there are none."""
    rows = list(rows)
    if not rows:
        echo(f"{title}: {empty}\n")
        return
    echo(styled(title, BOLD))
    echo("\n".join(table(columns, rows, width(_WIDTH), _painted)) + "\n")


def print_list(title: str, items: Iterable[str], empty: str = "none") -> None:
    """Print texts under a title, each on lines of its own."""
    items = list(items)
    echo(styled(title, BOLD) if items else f"{title}: {empty}")
    for item in items:
        echo("\n".join(wrapped(text(item), width(_WIDTH), "  ")))
    echo("")


_STYLES = {
    "ok": GREEN, "good": GREEN, "up": GREEN, "released": GREEN, "receipted": GREEN,
    "warning": YELLOW, "uncertain": YELLOW, "connecting": YELLOW, "withheld": YELLOW,
    "critical": RED, "bad": RED, "down": RED, "refused": RED, "dropped": RED,
}  # fmt: skip


def _painted(cell: str, padded: str) -> str:
    return styled(padded, _STYLES[cell]) if cell in _STYLES else padded


def utc(instant: int | None) -> str:
    """Write an instant for a table, in UTC to the second."""
    if instant is None:
        return ""
    moment = datetime.fromtimestamp(instant // NANOSECONDS, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def window_text(start: int, end: int) -> str:
    """Write a window in UTC as short as its bounds allow: `2026-03-01 10:00-11:00`."""
    first, last = (datetime.fromtimestamp(at // NANOSECONDS, UTC) for at in (start, end))
    form = "%H:%M" if not first.second and not last.second else "%H:%M:%S"
    until = last.strftime(form)
    if first.date() != last.date():
        until = (
            "24:00"
            if last - first <= timedelta(days=1) and until == "00:00"
            else f" {last:%Y-%m-%d} {until}"
        )
    return f"{first:%Y-%m-%d} {first.strftime(form)}-{until}"


def span(seconds: float) -> str:
    """Write a duration in seconds as people say it."""
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"


def quantity(value: float | None, unit: str) -> str:
    """Write a quantity with its unit, to six significant figures."""
    return "" if value is None else f"{value:.6g} {unit}"
