"""`sidestream hub federation`: how a hub pools with others, or who pools there."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapters.errors import PermanentError
from agent.cli.options import hub_argument, json_option
from agent.cli.output import print_json, print_list, print_table, utc

if TYPE_CHECKING:
    from gateway.hub.federation_status import FederationStatus


@click.command()
@hub_argument
@json_option
def federation(hub_file: str, as_json: bool) -> None:
    """Show how HUB_FILE's hub pools what it withholds, or which hubs pool there.

    A peer's screen has what it left to the pool and what waits; a pool's has its
    peers, when each was last heard, and the rules in force, the strictest of all.
    Exit code 0: all is well; 1: something is not as it should be.

    \b
    Example:
      sidestream hub federation hub.toml
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.hub.federation_status import federation_status  # noqa: PLC0415

    plan = load_hub(Path(hub_file), for_operator(os.environ))
    found = federation_status(plan)
    if found is None:
        raise PermanentError(
            "the hub is in no federation",
            where=hub_file,
            mend="add [federation], or [[peers]] for a pool: see docs/hub.md",
        )
    problems = _problems(found)
    if as_json:
        print_json({**asdict(found), "problems": problems})
    else:
        _show(found, problems)
    sys.exit(bool(problems))


def _problems(found: "FederationStatus") -> list[str]:
    problems = []
    if not found.connected:
        problems.append(f"not connected: {found.detail or 'the hub has not run'}")
    problems += [
        f"{one.cluster} has never sent anything" for one in found.peers if not one.messages
    ]
    problems += [f"{one.refused} of {one.kind} refused" for one in found.kinds if one.refused]
    problems += [
        f"{owner} has no number in [federation.owners]: its figures are not pooled"
        for owner in found.unnumbered
    ]
    return problems


def _show(found: "FederationStatus", problems: list[str]) -> None:
    print_list(f"Federation {found.federation} ({found.role})", problems, empty="no problems")
    if found.role == "pool":
        print_table(
            "Peers",
            ("cluster", "hub", "messages", "figures", "last received", "up to", "cells told"),
            [
                (one.cluster, one.hub, one.messages, one.figures, utc(one.last_received),
                 utc(one.last_window_end), one.told)
                for one in found.peers
            ],
        )  # fmt: skip
    else:
        print_table(
            "Left to the pool",
            ("kind", "messages", "waiting", "refused", "up to"),
            [
                (one.kind, one.messages, one.waiting, one.refused, utc(one.last_window_end))
                for one in found.kinds
            ],
            empty="nothing yet",
        )
    cells = sorted(found.cells.items())
    print_table("Pooled cells", ("status", "count"), cells, empty="none yet")
    if found.rules is not None:
        limit = found.rules.dominance
        held = f", {limit[0]} owners {limit[1]:g} % at most" if limit else ""
        click.echo(f"Rules: {found.rules.k} owners, p {found.rules.p:g}, q {found.rules.q:g}{held}")
