"""`sidestream probe`: every point read once, as it came and as it is understood."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from adapters.errors import SidestreamError, TransientError
from agent.cli.options import json_option, plant_argument
from agent.cli.output import print_json, print_table

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
@click.option("--url", help="With --profile: address of an OPC UA server.")
@click.option("--under", default="", help="With --url: node or browse path below which to look.")
@click.option("--security", default="None", help="With --url: security policy, as in a plant file.")
@click.option("--message-mode", type=click.Choice(["Sign", "SignAndEncrypt"]), help="With --url.")
@click.option("--certificate", help="With --url: file of this client's certificate.")
@click.option("--private-key", help="With --url: file of that certificate's key.")
@click.option("--server-certificate", help="With --url: file of the one server to trust.")
@click.option("--trusted", help="With --url: folder of servers and authorities to trust.")
@click.option("--trust-any", is_flag=True, help="With --url: take any server's certificate.")
@click.option("--username", help="With --url: user to log in as.")
@click.option("--password-file", help="With --url: file with the user's password.")
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
    are found by plausibility, and the lines for plant.toml printed. With --profile and --url the
    server is browsed for the profile's types, and the nodes, values and units found are printed.
    With --profile and one of PLANT_FILE's SOURCES its connection is used. Exit code 0: sure; 1:
    not sure, or another device; 2: no answer.

    \b
    Example:
      sidestream probe plant.toml slag_belt
      sidestream probe --profile kamstrup-multical-603 --host 192.0.2.11
      sidestream probe --profile opcua-pa-dim --url opc.tcp://192.0.2.20:4840
      sidestream probe --profile opcua-scales plant.toml scale
    """
    if profile is not None:
        base = Path(plant_file).resolve().parent if sources else Path.cwd()
        _probe_profile(profile, as_json, base, *_connection(plant_file, sources, device))
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


_OPCUA = (
    "url", "security", "message_mode", "certificate", "private_key", "server_certificate",
    "trusted", "trust_any", "username", "password_file",
)  # fmt: skip
_MODBUS = {
    "host": "host", "port": "port", "serial": "device", "baudrate": "baudrate", "parity": "parity",
    "device_id": "device_id",
}  # fmt: skip
"""Keys of a Modbus source by option."""
_WAY = {*_OPCUA, *_MODBUS.values(), "protocol", "application_uri", "stopbits", "bytesize"} | {
    "ca", "key", "server_name",
}  # fmt: skip
"""What a source's table says of the way to its device, of any protocol."""


def _connection(
    plant_file: str, sources: tuple[str, ...], device: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the source's table by the options, or that of a plant file's source; and the options."""
    given = [name for name in ("host", "serial", "url") if device[name] is not None]
    if len(given) > 1 or (bool(given) and bool(sources)) or (not given and len(sources) != 1):
        raise click.UsageError(
            "--profile goes with one of --host, --serial and --url, or one source of a plant file"
        )
    if sources:
        return _of_source(plant_file, sources[0]), device
    if given == ["url"]:
        table = {"protocol": "opcua", **{key: device[key] for key in _OPCUA if device[key]}}
        return table, device
    default = "modbus-rtu" if device["host"] is None else "modbus-tcp"
    table = {"protocol": device["protocol"] or default}
    table |= {key: device[option] for option, key in _MODBUS.items() if device[option] is not None}
    return table, device


def _of_source(plant_file: str, name: str) -> dict[str, Any]:
    from config.load import load_plant  # noqa: PLC0415

    plan = load_plant(Path(plant_file), os.environ)
    found = next((source for source in plan.sources if source.name == name), None)
    if found is None:
        known = ", ".join(source.name for source in plan.sources)
        raise click.BadParameter(f"no source {name!r}; there are {known}")
    return found.settings.model_dump(by_alias=True, exclude_unset=True, include=_WAY)


def _probe_profile(
    profile: str, as_json: bool, base: Path, table: dict[str, Any], device: dict[str, Any]
) -> NoReturn:
    from agent.cli.find import Server, found  # noqa: PLC0415
    from agent.cli.fit import Device, fitted  # noqa: PLC0415

    try:
        if table["protocol"] == "opcua":
            sure = found(profile, Server(table, device["under"], base), as_json)
        else:
            sure = fitted(profile, Device(table, device["reads"], device["pause"], base), as_json)
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
