"""`sidestream probe`: every point read once, as it came and as it is understood."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from adapters.errors import SidestreamError, TransientError
from agent.cli.output import json_option, plant_argument, print_json, print_table

if TYPE_CHECKING:
    from adapters.adapter import Source


@click.command()
@plant_argument
@click.argument("sources", nargs=-1)
@click.option("--profile", help="Find out how a device of this profile is to be read.")
@click.option("--host", help="With --profile: name or address of the device or gateway.")
@click.option("--port", type=click.IntRange(1, 65_535), help="With --host: its port.")
@click.option("--serial", help="With --profile: serial port of the device.")
@click.option("--baudrate", type=click.IntRange(50), help="With --serial: bits a second.")
@click.option("--parity", type=click.Choice(["none", "even", "odd"]), help="With --serial.")
@click.option("--device-id", type=click.IntRange(0, 255), default=1, show_default=True)
@click.option("--protocol", help="Where it is neither modbus-tcp nor modbus-rtu.")
@click.option("--reads", type=click.IntRange(1, 100), default=3, show_default=True)
@click.option("--pause", type=click.FloatRange(0, 60), default=1.0, help="Seconds between reads.")
@json_option
def probe(
    plant_file: str,
    sources: tuple[str, ...],
    as_json: bool,
    profile: str | None,
    **device: Any,
) -> None:
    """Read every point of PLANT_FILE (or of the named SOURCES) once.

    Shows each value raw, decoded and with its quality. Exit code 0: every point is good; 1: some
    are not; 2: a source did not answer.

    With --profile and --host (or --serial) no plant file is needed: byte order and address shift
    are found by plausibility, and the lines for plant.toml printed. Exit code 0: sure; 1: not
    sure, or another device; 2: no answer.

    \b
    Example:
      sidestream probe plant.toml slag_belt
      sidestream probe --profile kamstrup-multical-603 --host 192.0.2.11
    """
    if profile is not None:
        _probe_profile(profile, as_json, **device)
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


def _probe_profile(
    profile: str,
    as_json: bool,
    *,
    host: str | None,
    port: int | None,
    serial: str | None,
    baudrate: int | None,
    parity: str | None,
    device_id: int,
    protocol: str | None,
    reads: int,
    pause: float,
) -> NoReturn:
    from agent.cli.fit import Device, fitted  # noqa: PLC0415

    if (host is None) == (serial is None):
        raise click.UsageError("--profile goes with either --host or --serial")
    given = {
        "protocol": protocol or ("modbus-rtu" if host is None else "modbus-tcp"),
        "host": host,
        "port": port,
        "device": serial,
        "baudrate": baudrate,
        "parity": parity,
        "device_id": device_id,
    }
    table = {key: value for key, value in given.items() if value is not None}
    try:
        sure = fitted(profile, Device(table, reads, pause), as_json)
    except TransientError as error:
        click.echo(f"sidestream: {error}", err=True)
        sys.exit(2)
    sys.exit(not sure)


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
