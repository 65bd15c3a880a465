"""`sidestream profiles`: the meter models that are known, and what is known of one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import json_option
from agent.cli.output import print_json, print_list, print_table

if TYPE_CHECKING:
    from config.profile import Profile


@click.command()
@click.argument("name", required=False)
@click.option(
    "--beside",
    type=click.Path(path_type=Path),
    default=Path("/etc/sidestream/plant.toml"),
    envvar="SIDESTREAM_PLANT",
    help="Plant file whose folder's `profiles` are looked at first.",
)
@json_option
def profiles(name: str | None, beside: Path, as_json: bool) -> None:
    """List the device profiles, or show what the profile NAME knows.

    Profiles of your own are TOML files in a folder `profiles` beside the plant file, or in
    /etc/sidestream/profiles. Exit code 78 when one of them must be mended.

    \b
    Example:
      sidestream profiles kamstrup-multical-603
    """
    from config.errors import ConfigError  # noqa: PLC0415
    from config.profile import every, folders, profile  # noqa: PLC0415

    places = folders(beside.parent)
    if name is not None:
        _detail(described(profile(name, places), places), as_json)
        return
    found, problems = every(places)
    document = [described(one, places) for one in found]
    if as_json:
        print_json(document)
    else:
        print_table(
            "Device profiles",
            ("profile", "protocols", "points", "confidence", "origin", "device"),
            [
                (row["name"], _short(row["protocols"]), len(row["points"]), row["confidence"],
                 row["origin"], row["title"])
                for row in document
            ],
        )  # fmt: skip
        for row in document:
            for path in row["hides"]:
                click.echo(f"{row['name']}: {row['file']} hides {path}")
    if problems:
        raise ConfigError(problems)


def _short(protocols: list[str]) -> str:
    return ", ".join(dict.fromkeys(protocol.split("-")[0] for protocol in protocols))


def described(one: "Profile", places: Sequence[Path]) -> dict[str, Any]:
    """Say what a profile knows, where it is and which others it hides, as `--json` has it."""
    from config.profile import hidden, origin  # noqa: PLC0415

    file = one.file
    return {
        "name": one.name,
        "title": file.title,
        "source": file.source,
        "confidence": file.confidence,
        "protocols": list(file.protocols),
        "unsure": list(file.unsure),
        "settings": dict(file.settings),
        "points": [
            {
                "point": name,
                **{key: point.keys.get(key) for key in ("register", "node", "type", "unit")},
                "needs": list(point.needs),
                "confidence": point.confidence or file.confidence,
                "good": list(point.keys.get("good", ())),
                "about": point.about,
                "keys": point.keys,
            }
            for name, point in file.points.items()
        ],
        "notes": list(file.notes),
        "file": str(one.path),
        "origin": origin(one.path),
        "hides": [str(path) for path in hidden(one.name, places)],
    }


def _detail(document: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(document)
        return
    click.echo(f"{document['title']}\n")
    place = "node" if any(row["node"] for row in document["points"]) else "register"
    columns = ("point", place, "type", "unit", "needs", "good", "confidence", "about")
    rows = [[_cell(row[key]) for key in columns] for row in document["points"]]
    print_table("Points", columns, rows)
    settings = document["settings"]
    lines = [f"{key}: {value}" for key, value in settings.items() if key != "identity"]
    lines += [_identity(one) for one in settings.get("identity", [])]
    print_list("Settings", lines)
    unsure = [
        f"{key}: `sidestream probe --profile {document['name']}`" for key in document["unsure"]
    ]
    print_list("To be found out", unsure)
    print_list("Know that", document["notes"])
    click.echo(f"From {document['source']} ({document['confidence']})")
    click.echo(f"{document['file']} ({document['origin']})")
    for path in document["hides"]:
        click.echo(f"It hides {path}")


def _cell(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in value)
    return value


def _identity(one: Mapping[str, Any]) -> str:
    place = f"register {one['register']}" if "register" in one else f"node {one.get('node', '')}"
    accepted = " or ".join(map(str, one.get("accepted", [])))
    kind = f"is of type {one['type']}" if "node" in one and "type" in one else ""
    meant = " and ".join(filter(None, (f"is {accepted}" if accepted else "", kind)))
    return f"identity: {one.get('what', 'identity')} in {place} {meant}"
