"""Arguments and options that several commands share."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

import click

from adapters.reading import NANOSECONDS

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
plant_argument = click.argument(
    "plant_file",
    type=click.Path(),
    envvar="SIDESTREAM_PLANT",
    default="/etc/sidestream/plant.toml",
)
some_plant_argument = click.argument(
    "plant_file", type=click.Path(), envvar="SIDESTREAM_PLANT", required=False
)
"""For commands that also do without a file: then the service's own folders are looked at."""
hub_argument = click.argument(
    "hub_file",
    type=click.Path(),
    envvar="SIDESTREAM_HUB",
    default="/etc/sidestream/hub.toml",
)


def instant_option(name: str, about: str) -> Callable[[Any], Any]:
    """Make an option that takes a day or an instant in UTC and gives nanoseconds."""
    return click.option(
        name,
        type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ"]),
        metavar="DATE",
        callback=lambda _, __, moment: (
            None if moment is None else int(moment.replace(tzinfo=UTC).timestamp()) * NANOSECONDS
        ),
        help=about,
    )


def log_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a `run` command take the form of its log."""
    option = click.option(
        "--log",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Write log lines as text, or as JSON objects.",
    )
    return option(command)
