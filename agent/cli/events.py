"""`sidestream events`: what happened to meters and records, and what to do about it."""

from dataclasses import asdict

import click

from adapters.errors import PermanentError
from agent.cli.options import instant_option, json_option, some_plant_argument
from agent.cli.output import print_json, print_list, print_table, utc
from agent.cli.places import state_directory
from agent.running.kinds import KINDS


@click.command()
@some_plant_argument
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many, newest first.",
)
@instant_option("--since", "Show events from this day or instant (UTC) on.")
@click.option("--kind", "kinds", multiple=True, help="Show this kind only; may be repeated.")
@click.option(
    "--explain", metavar="KIND", help="Say what a kind means and what to do; `all`: each."
)
@json_option
def events(
    plant_file: str | None,
    limit: int,
    since: int | None,
    kinds: tuple[str, ...],
    explain: str | None,
    as_json: bool,
) -> None:
    """Show rollovers, resets, late readings and dropped records of PLANT_FILE's plant.

    \b
    Example:
      sidestream events plant.toml --since 2026-03-01 --kind reset
      sidestream events --explain reset
    """
    if explain is not None:
        _explain(explain, as_json)
        return
    for kind in kinds:
        _known(kind)
    from agent.keeping.outbox import Outbox  # noqa: PLC0415

    with Outbox.look_at(state_directory(plant_file)) as outbox:
        found = outbox.events(limit, since or 0, kinds)
    if as_json:
        print_json([asdict(event) for event in found])
        return
    print_table(
        "Events",
        ("time (UTC)", "stream", "event", "detail"),
        [(utc(event.time), event.stream, event.kind, event.detail) for event in found],
    )


def _known(kind: str) -> None:
    if kind not in KINDS:
        raise PermanentError(
            f"no kind of event is called {kind!r}",
            where="events",
            mend=f"take one of: {', '.join(KINDS)}",
        )


def _explain(kind: str, as_json: bool) -> None:
    if kind != "all":
        _known(kind)
    wanted = {name: words for name, words in KINDS.items() if kind in ("all", name)}
    if as_json:
        print_json({name: words._asdict() for name, words in wanted.items()})
        return
    for name, words in wanted.items():
        print_list(name, [words.means, f"do: {words.do}"])
