"""`sidestream hub backup` and `restore`: copies of the ledger, and a ledger made anew of one."""

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agent.cli.options import hub_argument, json_option
from agent.cli.output import print_json, print_table

if TYPE_CHECKING:
    from config.hub_plan import HubPlan


@click.command()
@hub_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File of the copy."
)
@json_option
def backup(hub_file: str, output: Path, as_json: bool) -> None:
    """Copy the ledger of HUB_FILE's hub into a file (mode 0600).

    The hub may run meanwhile. A copy holds what every plant has reported: keep it
    as you keep the hub's key.

    \b
    Example:
      sidestream hub backup hub.toml --output /srv/backup/ledger.db
    """
    from gateway.hub import copies  # noqa: PLC0415

    size = copies.backup(_plan(hub_file), output)
    if as_json:
        print_json({"file": str(output), "bytes": size})
    else:
        click.echo(f"{output}: {size} bytes")


@click.command()
@hub_argument
@click.option(
    "--copy", type=click.Path(path_type=Path), help="File that `sidestream hub backup` has made."
)
@json_option
def restore(hub_file: str, copy: Path | None, as_json: bool) -> None:
    """Make the ledger of HUB_FILE's hub anew after damage, from what can be read.

    The hub must be stopped. The damaged ledger stays beside the new one. What can
    be read of it goes first, for it is newer than the copy; the copy completes it.

    \b
    Example:
      sidestream hub restore hub.toml --copy /srv/backup/ledger.db
    """
    from gateway.claim import claimed  # noqa: PLC0415
    from gateway.hub import copies  # noqa: PLC0415

    plan = _plan(hub_file)
    with claimed(Path(plan.state_dir), "hub"):
        found = copies.restore(plan, copy, time.time_ns())
    if as_json:
        print_json(asdict(found))
        return
    tables = dict.fromkeys([*found.damaged, *found.copied])
    rows = [
        (
            name,
            found.damaged[name].rows if name in found.damaged else 0,
            "yes" if name in found.damaged and found.damaged[name].whole else "no",
            found.copied[name].rows if name in found.copied else 0,
        )
        for name in tables
    ]
    print_table("Rows", ("table", "of the damaged", "all of them", "added of the copy"), rows)
    if found.presumed:
        click.echo(
            f"{found.presumed} figures of windows that were due are taken as released: the damaged "
            "ledger no longer tells which were."
        )
    click.echo("The hub may be started.")


def _plan(hub_file: str) -> "HubPlan":
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    return load_hub(Path(hub_file), for_operator(os.environ))
