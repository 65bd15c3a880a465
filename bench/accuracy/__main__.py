"""Run with `python -m bench.accuracy`, or `make accuracy`: a year, or as many days as wanted."""

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from bench.accuracy.cases import CASES
from bench.accuracy.year import Outcome, measure

_TELL_EVERY = 30


def _tell(case: str, done: int) -> None:
    if done % _TELL_EVERY == 0:
        print(f"{case}: day {done}", file=sys.stderr, flush=True)


def _one(task: tuple[str, int, int]) -> Outcome:
    return measure(*task, told=_tell)


def show(found: Sequence[Outcome]) -> None:
    """Print the table."""
    table = Table(show_edge=False)
    for column in (
        "meter", "readings", "windows", "restarts", "wraps", "resets", "off by", "curve off by",
        "bound", "coverage off by", "memory, MB", "s",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "meter" else "right")
    for one in found:
        table.add_row(
            one.case, f"{one.readings:,}", f"{one.windows:,}", f"{one.restarts}",
            f"{one.rollovers}", f"{one.resets}", _small(one.error), _small(one.curve_error),
            _small(one.curve_bound), _small(one.coverage_error),
            f"{one.first_mb:.0f} to {one.last_mb:.0f}", f"{one.seconds:.0f}",
        )  # fmt: skip
    Console(highlight=False, width=150).print(table)


def _small(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"


@click.command()
@click.option("--days", default=365, show_default=True, help="Days of readings each second.")
@click.option("--window", default=900, show_default=True, help="Window length in seconds.")
@click.option("--case", "wanted", multiple=True, type=click.Choice(list(CASES)), help="Meter; all.")
@click.option("--jobs", default=2, show_default=True, help="Meters at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(days: int, window: int, wanted: Sequence[str], jobs: int, as_json: bool) -> None:
    """Feed each kind of meter readings each second and compare its windows with sums of our own."""
    tasks = [(name, days, window) for name in wanted or CASES]
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(_one, tasks))
    if as_json:
        click.echo(json.dumps([{**asdict(one), "sound": one.sound} for one in found]))
    else:
        show(found)
    if not all(one.sound for one in found):
        raise SystemExit("figures are further off than they may be")


if __name__ == "__main__":
    main()
