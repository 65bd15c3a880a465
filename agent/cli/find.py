"""`sidestream probe --profile --url`: which nodes of an OPC UA server are a profile's points."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.output import print_json, print_list, print_table

if TYPE_CHECKING:
    from adapters.opcua.match import Choice, Match
    from adapters.opcua.settings import OpcUaPoint, OpcUaSource
    from adapters.opcua.survey import Survey
    from config.profile import Profile

_SHOWN = 20
"""Other nodes that a person is shown."""


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is reached, as a source's table says it, and below which node to look."""

    table: Mapping[str, Any]
    under: str = ""
    base: Path = field(default_factory=Path.cwd)
    """Folder whose `profiles` are looked at first."""


def found(name: str, server: Server, as_json: bool) -> bool:
    """Find the nodes of a profile's points, and print them; tells whether that is sure."""
    document = asyncio.run(found_out(name, server))
    if as_json:
        print_json(document)
    else:
        _show(document)
    return bool(document["certainty"] == "sure")


async def found_out(name: str, server: Server) -> dict[str, Any]:
    """Find the nodes of a profile's points; gives the `--json` document.

    Raises `TransientError` when the server does not answer, and `PermanentError` when there is no
    such profile, the connection is refused, or the server has nothing of the profile's types.
    """
    from adapters.opcua.match import matched  # noqa: PLC0415
    from adapters.opcua.survey import survey  # noqa: PLC0415
    from config.profile import folders, profile  # noqa: PLC0415

    chosen = profile(name, folders(server.base))
    settings = _settings(chosen, server)
    points = _points(chosen)
    seen = await survey(settings, points, server.under, time.time_ns())
    match = matched(points, seen.seen, _is_unit)
    if not match.found:
        raise PermanentError(
            f"nothing of this profile among {seen.looked} nodes; namespaces: "
            + ", ".join(seen.spaces[1:]),
            where=f"{settings.url}, {chosen.file.title}",
            mend="check `--url` and `--under`, or choose another profile",
        )
    return described(chosen, server, seen, match)


def _settings(chosen: "Profile", server: Server) -> "OpcUaSource":
    from pydantic import ValidationError  # noqa: PLC0415

    from adapters.fields import Place  # noqa: PLC0415
    from adapters.opcua.settings import OpcUaSource  # noqa: PLC0415

    if "opcua" not in chosen.file.protocols:
        raise PermanentError(
            f"{chosen.name} is not for opcua but for {', '.join(chosen.file.protocols)}",
            mend="give --host or --serial instead of --url, or choose another profile",
        )
    table = {**chosen.file.settings, "protocol": "opcua", **server.table, "points": {}}
    try:
        return OpcUaSource.model_validate(table, context=Place(Path.cwd(), os.environ))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = "--" + "-".join(str(part) for part in first["loc"][:1]).replace("_", "-")
        text = first["msg"].removeprefix("Value error, ")
        raise PermanentError(text, where=option.rstrip("-"), mend="see --help") from error


def _points(chosen: "Profile") -> dict[str, "OpcUaPoint"]:
    from adapters.opcua.match import TO_FIND  # noqa: PLC0415
    from adapters.opcua.settings import OpcUaPoint  # noqa: PLC0415

    return {
        name: OpcUaPoint.model_validate({"node": TO_FIND, **keys})
        for name, keys in chosen.probed().items()
    }


def _is_unit(text: str) -> bool:
    from config.units import Units  # noqa: PLC0415

    try:
        Units().dimension(text)
    except ValueError:
        return False
    return True


def described(chosen: "Profile", server: Server, seen: "Survey", match: "Match") -> dict[str, Any]:
    """Say what was found, as the `--json` document."""
    return {
        "profile": chosen.name,
        "title": chosen.file.title,
        "url": server.table["url"],
        "server": dict(seen.server),
        "certainty": match.certainty,
        "looked_at": seen.looked,
        "cut": seen.cut,
        "points": [
            {"point": name, "choices": [_choice(one) for one in choices]}
            for name, choices in match.choices.items()
        ],
        "why": _why(seen, match),
        "notes": list(chosen.file.notes),
        "toml": _toml(chosen, server, match),
    }


def _choice(one: "Choice") -> dict[str, Any]:
    return {
        "node": one.seen.node,
        "path": one.seen.path,
        "type": str(one.seen.line[0]) if one.seen.line else "",
        "value": one.value,
        "unit": one.seen.unit,
        "unit_told": one.seen.unit_told,
        "quality": one.quality.name.lower(),
        "against": list(one.against),
    }


def _why(seen: "Survey", match: "Match") -> list[str]:
    why = [f"{name}: {text}" for name, one in match.found.items() for text in one.against]
    for name, choices in match.choices.items():
        if not choices:
            why.append(f"{name}: nothing of its type")
        elif len(choices) > 1:
            why.append(
                f"{name}: {len(choices)} nodes are of its type; choose one, or narrow --under"
            )
    if seen.cut:
        why.append(f"only {seen.looked} nodes were looked at: narrow it by --under")
    return why or ["each point has one node of its type, a good value and a unit"]


def _toml(chosen: "Profile", server: Server, match: "Match") -> list[str]:
    """Write the lines of the source for a plant file; further choices are comments."""
    lines = ["[sources.meter]", 'protocol = "opcua"', f'profile = "{chosen.name}"']
    lines += [
        f"{key} = {_value(value)}" for key, value in server.table.items() if key != "protocol"
    ]
    lines.append("[sources.meter.points]")
    for name, choices in match.choices.items():
        for rank, one in enumerate(choices[:_SHOWN]):
            keys = [] if one.seen.point else [f"node = {_value(one.seen.node)}"]
            needs = chosen.file.points[name].needs
            if "unit" in needs:
                unit = _value(one.seen.unit) if _is_unit(one.seen.unit) else "…"
                keys.append(f"unit = {unit}")
            if keys:
                open_ = "# " if rank or "unit = …" in keys else ""
                lines.append(f"{open_}{name} = {{ {', '.join(keys)} }}")
    return lines


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _show(document: Mapping[str, Any]) -> None:
    told = ", ".join(f"{name} {text}" for name, text in document["server"].items())
    click.echo(f"{document['certainty']}: {document['looked_at']} nodes looked at; {told}\n")
    rows = [
        (
            row["point"], one["value"], one["unit"] or one["unit_told"], one["quality"],
            "; ".join(one["against"]), one["path"],
        )
        for row in document["points"]
        for one in row["choices"][:_SHOWN]
    ]  # fmt: skip
    columns = ("point", "value", "unit", "quality", "against", "path")
    print_table(document["title"], columns, rows)
    print_list("Why", document["why"])
    print_list("Know that", document["notes"])
    click.echo("For plant.toml, once the values agree with the display:\n")
    click.echo("\n".join(document["toml"]))
