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


def within(days: int) -> Callable[[click.Context, click.Parameter, str], float]:
    """Make what reads an option that is a duration of at most so many days; gives seconds."""

    def read(_: click.Context, __: click.Parameter, text: str) -> float:
        from adapters.fields import seconds  # noqa: PLC0415 # pydantic takes long to import

        try:
            length = seconds(text)
        except ValueError as error:
            raise click.BadParameter(f"give {error}") from error
        if not 0 < length <= days * 86_400:
            raise click.BadParameter(f"give a duration of at most {days} d")
        return length

    return read


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
