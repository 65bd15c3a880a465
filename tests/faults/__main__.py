"""Run the long fault campaigns: `python -m tests.faults --help`."""

import importlib
import json
import os
import sys
from pathlib import Path

import click

from tests.conftest import _absent
from tests.faults.campaign import COLUMNS, Campaign, Progress, Run, Tally, document, row

MODULES = ("kill", "network", "backlog", "meters", "nodes", "disk", "clock", "hang")
"""Modules of this package, each with its campaigns in `CAMPAIGNS`."""


def campaigns() -> list[Campaign]:
    """Give every campaign, in the order in which they run."""
    found: list[Campaign] = []
    for name in MODULES:
        found += importlib.import_module(f"tests.faults.{name}").CAMPAIGNS
    return found


@click.command()
@click.option("--only", default="", help="Names, or beginnings of names, separated by commas.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds of each campaign.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("faults-run"),
    show_default=True,
    help="Where campaigns work and keep what they found.",
)
@click.option("--resume", is_flag=True, help="Go on with what an earlier run has begun there.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def main(
    only: str, rounds: int | None, seed: int, folder: Path, resume: bool, as_json: bool
) -> None:
    r"""Cut, kill and falsify, and check that nothing is lost, doubled or wrong.

    \b
    Example:
      python -m tests.faults --only kill --rounds 50
      python -m tests.faults --resume --json
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, seed, Progress())
    if resume:
        run.resume()
    results: dict[str, Tally] = {}
    for one in campaigns():
        if only and not one.name.startswith(tuple(only.split(","))):
            continue
        lacks = [need for need in one.needs if _absent(need)]
        if lacks:
            click.echo(f"{one.name}: not run, it needs {' and '.join(lacks)}", err=True)
            continue
        results[one.name] = run.go(one, rounds or one.rounds)
    told = document(results, seed)
    (folder / "results.json").write_text(json.dumps(told, indent=1))
    click.echo(json.dumps(told, indent=1) if as_json else table(results))
    sys.exit(0 if results and told["clean"] else 1)


def table(results: dict[str, Tally]) -> str:
    """Write the summary, with what each campaign measured and found below it."""
    rows = [COLUMNS, *(row(name, tally) for name, tally in results.items())]
    wide = [max(len(one[at]) for one in rows) for at in range(len(COLUMNS))]
    lines = [
        "  ".join(text.ljust(wide[at]) for at, text in enumerate(one)).rstrip() for one in rows
    ]
    for name, tally in results.items():
        lines += [f"{name}: {what} {value:.4g}" for what, value in sorted(tally.worst.items())]
        lines += [f"{name}: {problem}" for problem in (tally.problems + tally.late)[:20]]
    return os.linesep.join(lines)


if __name__ == "__main__":
    main()
