"""`sidestream events`: what happened to meters and records."""

from dataclasses import asdict

import click

from agent.cli.output import json_option, print_json, print_table, some_plant_argument, utc
from agent.cli.places import state_directory


@click.command()
@some_plant_argument
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many, newest first.",
)
@json_option
def events(plant_file: str | None, limit: int, as_json: bool) -> None:
    """Show rollovers, resets, late readings and dropped records of PLANT_FILE's plant.

    \b
    Example:
      sidestream events plant.toml --limit 20
    """
    from agent.outbox import Outbox  # noqa: PLC0415

    with Outbox.look_at(state_directory(plant_file)) as outbox:
        found = outbox.events(limit)
    if as_json:
        print_json([asdict(event) for event in found])
        return
    print_table(
        "Events",
        ("time (UTC)", "stream", "event", "detail"),
        [(utc(event.time), event.stream, event.kind, event.detail) for event in found],
    )
