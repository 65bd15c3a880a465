"""`sidestream report`: the plant's own yearly figures, from its local totals."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from adapters.errors import PermanentError
from agent.cli.options import plant_argument
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.keeping.outbox import Outbox
    from agent.measuring.localtime import Calendar
    from agent.reporting.report import Report
    from agent.reporting.sheets import Sheet
    from config.plan import PlantPlan

_FORMATS = ("table", "csv", "xlsx", "json")
_TABLES = (
    "streams", "waste", "parts", "periods", "heat", "stocks", "groups", "continuity",
    "composition", "about",
)  # fmt: skip
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a report is to be of: a year, a month of it, or local days; and which streams."""

    year: int | None
    month: int | None
    first: date | None
    last: date | None
    streams: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what is no period."""
        days = (self.first, self.last)
        if (self.year is None) == (days == (None, None)) or (None in days and any(days)):
            raise click.UsageError("give --year YEAR, or --from DATE and --to DATE")
        if self.month is not None and self.year is None:
            raise click.UsageError("--month is one of --year")
        if self.first is not None and self.last is not None and self.first >= self.last:
            raise click.UsageError("--to must be a later day than --from")


def _day(name: str, about: str) -> Callable[[Any], Any]:
    return click.option(
        name,
        type=click.DateTime(["%Y-%m-%d"]),
        metavar="DATE",
        callback=lambda _, __, moment: None if moment is None else moment.date(),
        help=about,
    )


@click.command()
@plant_argument
@click.option("--year", type=click.IntRange(1970, 2200), help="Local year.")
@click.option("--month", type=click.IntRange(1, 12), help="One month of it, told by days.")
@_day("--from", "In place of --year: first local day, such as 2026-03-01.")
@_day("--to", "Local day to stop before.")
@click.option("--stream", "streams", multiple=True, help="Stream to report; else all.")
@click.option(
    "--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True,
    help="How to write it: csv has one table, xlsx and json have all of them.",
)  # fmt: skip
@click.option(
    "--table", "sheet", type=click.Choice(_TABLES), default="periods", show_default=True,
    metavar="TABLE", help=f"Which table csv has ({', '.join(_TABLES)}): periods is a row for each"
    " stream and month.",
)  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False), help="File to write it to.")
def report(
    plant_file: str, year: int | None, month: int | None, streams: tuple[str, ...], form: str,
    sheet: str, output: str | None, **days: date | None,
) -> None:  # fmt: skip
    """Report the quantities of PLANT_FILE's streams, by what they are, in the plant's local time.

    Made from the totals in the plant's own state, beside a running agent if there is one. Nothing
    of it leaves the plant. What was not measured shows as missing hours and is never estimated.

    \b
    Example:
      sidestream report plant.toml --year 2026
      sidestream report plant.toml --year 2026 --format xlsx --output 2026.xlsx
      sidestream report plant.toml --from 2026-04-01 --to 2026-07-01 --format csv
    """
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    wanted = Wanted(year, month, days["from"], days["to"], tuple(dict.fromkeys(streams)))
    if form == "xlsx" and output is None:
        raise click.UsageError("--format xlsx needs --output FILE")
    plan = load_plant(Path(plant_file), for_operator(os.environ))
    _write(_made(plan, wanted), form, sheet, output)


def _made(plan: "PlantPlan", wanted: Wanted) -> "Report":
    from agent.keeping.outbox import Outbox  # noqa: PLC0415
    from agent.measuring.series import histories  # noqa: PLC0415
    from agent.reporting.report import report as made  # noqa: PLC0415

    calendar = _calendar(plan, wanted)
    _, start, end = calendar.whole
    with Outbox.look_at(Path(plan.state_dir)) as outbox:
        _refuse_nothing(plan, wanted, outbox, calendar)
        totals = outbox.windows.totals_by_stream(start, end, wanted.streams)
        until = time.time_ns() - plan.windows.grace
        series = histories(plan.streams, outbox.series())
        return made(plan, calendar, totals, until, wanted.streams, series)


def _calendar(plan: "PlantPlan", wanted: Wanted) -> "Calendar":
    from agent.measuring import localtime  # noqa: PLC0415

    zone = ZoneInfo(plan.timezone)
    if wanted.first is not None and wanted.last is not None:
        return localtime.period(wanted.first, wanted.last, zone)
    year = wanted.year or 0
    return (
        localtime.year(year, zone)
        if wanted.month is None
        else localtime.month(year, wanted.month, zone)
    )


def _refuse_nothing(
    plan: "PlantPlan", wanted: Wanted, outbox: "Outbox", calendar: "Calendar"
) -> None:
    """Raise `PermanentError` for a stream that is not known, and where there is no total."""
    known = dict.fromkeys([*(one.name for one in plan.streams), *outbox.windows.streams()])
    unknown = [name for name in wanted.streams if name not in known]
    if unknown:
        raise PermanentError(
            f"there is no stream {', '.join(unknown)}",
            where=plan.name,
            mend=f"choose from: {', '.join(known) or 'none'}",
        )
    if not outbox.windows.has_totals(calendar.whole.start, calendar.whole.end, wanted.streams):
        years = ", ".join(map(str, _years(plan, wanted, outbox)))
        raise PermanentError(
            f"there are no totals in {calendar.whole.name}",
            where=plan.state_dir,
            mend=f"choose a year with totals, by --year: {years}"
            if years
            else "start the agent (`sidestream run`), or fill the time before (`sidestream"
            " backfill`)",
        )


def _years(plan: "PlantPlan", wanted: Wanted, outbox: "Outbox") -> list[int]:
    """Name the local years that have totals."""
    from agent.measuring import localtime  # noqa: PLC0415

    bounds = outbox.windows.bounds(wanted.streams)
    if bounds is None:
        return []
    zone = ZoneInfo(plan.timezone)
    first, last = (localtime.local_day(at, zone).year for at in bounds)
    spans = {year: localtime.year(year, zone).whole for year in range(first, last + 1)}
    return [
        year
        for year, (_, start, end) in spans.items()
        if outbox.windows.has_totals(start, end, wanted.streams)
    ]


def _write(found: "Report", form: str, sheet: str, output: str | None) -> None:
    from agent.cli import sheetfile  # noqa: PLC0415
    from agent.cli.reportscreen import show  # noqa: PLC0415
    from agent.reporting import sheets  # noqa: PLC0415

    if form == "xlsx" and output is not None:
        _save(output, sheetfile.workbook(sheets.sheets(found)))
    elif form == "csv":
        _give(sheetfile.csv_text(_table(sheets.sheets(found), sheet)), output)
    elif form == "json":
        _give_json(found, output)
    elif output is not None:
        raise click.UsageError("a table is for the screen: choose --format csv, xlsx or json")
    else:
        show(found)


def _table(every: "Iterable[Sheet]", name: str) -> "Sheet":
    return next(one for one in every if one.name.lower() == name)


def _give(text: str, output: str | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        _save(output, text.encode())


def _give_json(found: "Report", output: str | None) -> None:
    import json  # noqa: PLC0415

    from agent.reporting.sheets import document  # noqa: PLC0415

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
