"""`sidestream probe`: every point read once, as it came and as it is understood."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import SidestreamError
from agent.cli.output import json_option, plant_argument, print_json, print_table

if TYPE_CHECKING:
    from adapters.adapter import Source


@click.command()
@plant_argument
@click.argument("sources", nargs=-1)
@json_option
def probe(plant_file: str, sources: tuple[str, ...], as_json: bool) -> None:
    """Read every point of PLANT_FILE (or of the named SOURCES) once.

    Shows each value raw, decoded and with its quality. Exit code 0: every point is good; 1: some
    are not; 2: a source did not answer.

    \b
    Example:
      sidestream probe plant.toml slag_belt
    """
    from config.load import load_plant  # noqa: PLC0415

    plan = load_plant(Path(plant_file), os.environ)
    known = {source.name: source for source in plan.sources}
    for name in sources:
        if name not in known:
            raise click.BadParameter(f"no source {name!r}; there are {', '.join(known)}")
    chosen = [known[name] for name in sources] or list(known.values())
    document = asyncio.run(_probe_all(chosen))
    if as_json:
        print_json(document)
    else:
        _show(document)
    rows = [row for source in document for row in source["points"]]
    if any(source["error"] for source in document):
        sys.exit(2)
    sys.exit(any(row["quality"] != "good" for row in rows))


async def _probe_all(sources: Sequence["Source"]) -> list[dict[str, Any]]:
    """Probe one source after another: two on one serial line must not speak at once."""
    return [await _probe(source) for source in sources]


async def _probe(source: "Source") -> dict[str, Any]:
    from adapters.adapter import adapter  # noqa: PLC0415

    reads = adapter(source.settings.protocol)
    document: dict[str, Any] = {
        "source": source.name,
        "protocol": source.settings.protocol,
        "connection": reads.lane(source),
        "error": "",
        "points": [],
    }
    try:
        found = await reads.probe(source)
    except SidestreamError as error:
        return {**document, "error": str(error)}
    rows = [
        {
            "point": one.point,
            "address": one.address,
            "raw": one.raw,
            "value": one.value,
            "unit": one.unit,
            "quality": one.quality.name.lower(),
            "reason": one.reason,
        }
        for one in found
    ]
    return {**document, "points": rows}


def _show(document: Sequence[dict[str, Any]]) -> None:
    columns = ("point", "value", "unit", "quality", "reason", "raw", "address")
    for source in document:
        title = f"{source['source']} ({source['protocol']}, {source['connection']})"
        if source["error"]:
            click.echo(f"{title}\n  {source['error']}\n", err=True)
            continue
        rows = [[row[column] for column in columns] for row in source["points"]]
        print_table(title, columns, rows, empty="no points")
