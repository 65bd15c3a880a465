"""Run with `python -m bench.attacks`, or `make attacks`: known attacks, and how far they came."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from bench.attacks.trials import Finding, all_of, infinite
from bench.attacks.year import instant


def show(found: Sequence[Finding]) -> None:
    """Print the table."""
    table = Table(show_edge=False)
    for column in ("attack", "knows", "measure", "shipped", "allowed", "broken variant", "on it"):
        table.add_column(column, justify="right" if column in {"shipped", "on it"} else "left")
    for one in found:
        allowed = "" if one.allowed is None else f"{one.bound} {one.allowed:.3g}"
        table.add_row(
            one.attack, one.knows, one.measure, _number(one.shipped, one.holds), allowed,
            one.variant, _number(one.broken, one.bites),
        )  # fmt: skip
    Console(highlight=False, width=170).print(table)


def _number(figure: float, good: bool) -> str:
    text = "nothing" if math.isinf(figure) else f"{figure:.3g}"
    return text if good else f"{text} !"


def _document(one: Finding) -> dict[str, object]:
    figures = {"shipped": infinite(one.shipped), "broken": infinite(one.broken)}
    return {**asdict(one), **figures, "holds": one.holds, "bites": one.bites}


@click.command()
@click.option("--seeds", default=3, show_default=True, help="Clusters of 20 plants.")
@click.option("--seed", default=1, show_default=True, help="Seed of the first cluster.")
@click.option("--weeks", default=52, show_default=True, help="Weeks of records to subtract in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(seeds: int, seed: int, weeks: int, as_json: bool) -> None:
    """Attack simulated clusters with all cells, all traffic and the public yearly tonnages.

    Exit code 1 when an attack comes further than is allowed, or does not succeed on its broken
    variant.

    \b
    Example:
      python -m bench.attacks --seeds 10 --json
    """  # noqa: D301 click reads the \b
    begin = instant(2026, 1, 5)
    end = begin + weeks * 7 * 86_400_000_000_000

    def told(what: str) -> None:
        if sys.stderr.isatty() or not what.startswith("seed"):
            print(what, file=sys.stderr, flush=True)

    found = list(all_of(range(seed, seed + seeds), begin, end, told))
    if as_json:
        print(json.dumps([_document(one) for one in found], indent=2))
    else:
        show(found)
    sys.exit(not all(one.holds and one.bites for one in found))


if __name__ == "__main__":
    main()
