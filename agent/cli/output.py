"""What commands print: a table for people, one JSON document for programs."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from adapters.reading import NANOSECONDS
from agent.cli.table import table, text, wrapped

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
plant_argument = click.argument(
    "plant_file",
    type=click.Path(),
    envvar="SIDESTREAM_PLANT",
    default="/etc/sidestream/plant.toml",
)
some_plant_argument = click.argument(
    "plant_file", type=click.Path(), envvar="SIDESTREAM_PLANT", required=False
)
"""For commands that also do without a file: then the service's own folders are looked at."""
hub_argument = click.argument(
    "hub_file",
    type=click.Path(),
    envvar="SIDESTREAM_HUB",
    default="/etc/sidestream/hub.toml",
)

_WIDTH = 160
"""Columns of a table that goes into a file or a pipe."""


def print_json(document: Any) -> None:
    """Print a document as indented JSON."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False, default=str))


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str = "none"
) -> None:
    """Print rows as a table that fits the terminal, or a line saying that there are none."""
    rows = list(rows)
    if not rows:
        _echo(f"{title}: {empty}\n")
        return
    _echo(click.style(title, bold=True))
    _echo("\n".join(table(columns, rows, _width(), _painted)) + "\n")


def print_list(title: str, items: Iterable[str], empty: str = "none") -> None:
    """Print texts under a title, each on lines of its own."""
    items = list(items)
    _echo(click.style(title, bold=True) if items else f"{title}: {empty}")
    for item in items:
        _echo("\n".join(wrapped(text(item), _width(), "  ")))
    _echo("")


def _width() -> int:
    return shutil.get_terminal_size((_WIDTH, 24)).columns


def _echo(line: str) -> None:
    # click leaves colours out where no terminal reads them; NO_COLOR is from no-color.org.
    click.echo(line, color=False if os.environ.get("NO_COLOR") else None)


_STYLES = {
    "ok": "green", "good": "green", "up": "green", "released": "green", "receipted": "green",
    "warning": "yellow", "uncertain": "yellow", "connecting": "yellow", "withheld": "yellow",
    "critical": "red", "bad": "red", "down": "red", "refused": "red", "dropped": "red",
}  # fmt: skip


def _painted(cell: str, padded: str) -> str:
    return click.style(padded, fg=_STYLES[cell]) if cell in _STYLES else padded


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


def instant_option(name: str, about: str) -> Callable[[Any], Any]:
    """Make an option that takes a day or an instant in UTC and gives nanoseconds."""
    return click.option(
        name,
        type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
        metavar="DATE",
        callback=lambda _, __, moment: (
            None if moment is None else int(moment.replace(tzinfo=UTC).timestamp()) * NANOSECONDS
        ),
        help=about,
    )
