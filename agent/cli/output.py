"""What commands print: a table for people, one JSON document for programs."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from adapters.reading import NANOSECONDS

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
plant_argument = click.argument(
    "plant_file",
    type=click.Path(dir_okay=False),
    envvar="SIDESTREAM_PLANT",
    default="/etc/sidestream/plant.toml",
)
hub_argument = click.argument(
    "hub_file",
    type=click.Path(dir_okay=False),
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
    """Print rows as a table, or a line saying that there are none."""
    from rich.console import Console  # noqa: PLC0415 (a tenth of a second, for tables only)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell), _style(cell)) for cell in row))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    if table.row_count:
        console.print(table)
    else:
        console.print(Text(f"{title}: {empty}"))
    console.print()


_STYLES = {
    "ok": "green", "good": "green", "up": "green", "released": "green", "receipted": "green",
    "warning": "yellow", "uncertain": "yellow", "connecting": "yellow", "withheld": "yellow",
    "critical": "red", "bad": "red", "down": "red", "refused": "red", "dropped": "red",
}  # fmt: skip


def _style(cell: object) -> str:
    return _STYLES.get(cell, "") if isinstance(cell, str) else ""


def utc(instant: int | None) -> str:
    """Write an instant for a table, in UTC to the second."""
    if instant is None:
        return ""
    moment = datetime.fromtimestamp(instant // NANOSECONDS, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def span(seconds: float) -> str:
    """Write a duration in seconds as people say it."""
    for unit, length in (("d", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.1f} s"


def quantity(value: float | None, unit: str) -> str:
    """Write a quantity with its unit, to six significant figures."""
    return "" if value is None else f"{value:.6g} {unit}"


def instant_option(name: str, text: str) -> Callable[[Any], Any]:
    """Make an option that takes a day or an instant in UTC and gives nanoseconds."""
    return click.option(
        name,
        type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
        callback=lambda _, __, moment: (
            None if moment is None else int(moment.replace(tzinfo=UTC).timestamp()) * NANOSECONDS
        ),
        help=text,
    )
