"""`sidestream report`: the plant's own yearly figures, from its local totals."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from adapters.errors import PermanentError
from agent.cli.output import plant_argument, print_json

if TYPE_CHECKING:
    from agent.localtime import Calendar
    from agent.report import Report
    from config.plan import PlantPlan

_FORMATS = ("table", "csv", "xlsx", "json")
_PRIVATE = 0o600


@click.command()
@plant_argument
@click.option("--year", type=click.IntRange(1970, 2200), required=True, help="Local year.")
@click.option("--month", type=click.IntRange(1, 12), help="One month of it, told by days.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True,
    help="How to write it: csv has a row for each stream and month, xlsx everything.",
)  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False), help="File to write it to.")
def report(plant_file: str, year: int, month: int | None, form: str, output: str | None) -> None:
    """Report the quantities of PLANT_FILE's streams, by what they are, in the plant's local time.

    Made from the totals in the plant's own state, beside a running agent if there is one. Nothing
    of it leaves the plant. What was not measured shows as coverage below 100 % and is never
    estimated.

    \b
    Example:
      sidestream report plant.toml --year 2026
      sidestream report plant.toml --year 2026 --format xlsx --output 2026.xlsx
    """
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    if form == "xlsx" and output is None:
        raise click.UsageError("--format xlsx needs --output FILE")
    plan = load_plant(Path(plant_file), for_operator(os.environ))
    _write(_made(plan, year, month), form, output)


def _made(plan: "PlantPlan", year: int, month: int | None) -> "Report":
    from agent import localtime  # noqa: PLC0415
    from agent.outbox import Outbox  # noqa: PLC0415
    from agent.report import report as made  # noqa: PLC0415

    zone = ZoneInfo(plan.timezone)
    calendar: Calendar = (
        localtime.year(year, zone) if month is None else localtime.month(year, month, zone)
    )
    with Outbox.look_at(Path(plan.state_dir)) as outbox:
        totals = outbox.totals_by_stream(calendar.whole.start, calendar.whole.end)
        return made(plan, calendar, totals, time.time_ns())


def _write(found: "Report", form: str, output: str | None) -> None:
    from agent import sheets  # noqa: PLC0415
    from agent.cli import sheetfile  # noqa: PLC0415
    from agent.cli.reportscreen import show  # noqa: PLC0415

    if form == "xlsx" and output is not None:
        _save(output, sheetfile.workbook(sheets.sheets(found)))
    elif form == "csv":
        _give(sheetfile.csv_text(sheets.periods(found)), output)
    elif form == "json":
        _give_json(found, output)
    elif output is not None:
        raise click.UsageError("a table is for the screen: choose --format csv, xlsx or json")
    else:
        show(found)


def _give(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        _save(output, text.encode())


def _give_json(found: "Report", output: str | None) -> None:
    import json  # noqa: PLC0415

    from agent.sheets import document  # noqa: PLC0415

    if output is None:
        print_json(document(found))
    else:
        _save(output, (json.dumps(document(found), indent=2, ensure_ascii=False) + "\n").encode())


def _save(output: str, content: bytes) -> None:
    """Write a file that only its owner can read."""
    try:
        held = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        with os.fdopen(held, "wb") as file:
            file.write(content)
    except OSError as error:
        raise PermanentError(
            f"the report cannot be written ({error.strerror})",
            where=output,
            mend="give --output a file that this user can write",
        ) from error
    click.echo(f"Written to {output}.", err=True)
