"""`sidestream hub backup` and `restore`: copies of what a hub must not lose, and put back."""

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapters.errors import SidestreamError
from agent.cli.options import hub_argument, json_option
from agent.cli.output import print_json, print_table

if TYPE_CHECKING:
    from config.hub_plan import HubPlan
    from gateway.hub.copies import Restored, SoundError


@click.command()
@hub_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File of the copy."
)
@click.option("--with-keys", is_flag=True, help="Copy the hub's keys too, as they are: secrets.")
@json_option
def backup(hub_file: str, output: Path, with_keys: bool, as_json: bool) -> None:
    """Copy the ledger of HUB_FILE's hub into a file, and the members beside it.

    The hub may run meanwhile. A copy holds what every plant has reported: keep it
    as you keep the hub's key. The members are in FILE.roster.json, and with
    --with-keys the hub's keys in the folder FILE.keys. All is of mode 0600.

    \b
    Example:
      sidestream hub backup hub.toml --output /srv/backup/ledger.db
    """
    from gateway.hub import belongings, copies  # noqa: PLC0415

    plan = _plan(hub_file)
    size = copies.backup(plan, output)
    beside = belongings.backup(plan, output, with_keys=with_keys)
    if as_json:
        print_json({"file": str(output), "bytes": size, "beside": [str(one) for one in beside]})
        return
    click.echo(f"{output}: {size} bytes")
    for one in beside:
        click.echo(f"{one}: {one.stat().st_size} bytes")
    if not with_keys:
        click.echo("Without the hub's keys, which open what members send: keep them elsewhere too.")


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
    Members and keys that lie beside the copy are put back where they are missing;
    what is there is never replaced. Then `sidestream hub check --keys`.

    \b
    Example:
      sidestream hub restore hub.toml --copy /srv/backup/ledger.db
    """
    from gateway.claim import claimed  # noqa: PLC0415
    from gateway.hub import belongings  # noqa: PLC0415

    plan, now = _plan(hub_file), time.time_ns()
    with claimed(Path(plan.state_dir), "hub"):
        found = _ledger(plan, copy, now)
        pieces = [] if copy is None else belongings.restore(plan, copy, now)
    if isinstance(found, SidestreamError) and all(one.state != "put back" for one in pieces):
        raise found
    made = None if isinstance(found, SidestreamError) else found
    if as_json:
        ledger = {} if made is None else asdict(made)
        print_json({**ledger, "beside": [asdict(one) for one in pieces]})
        return
    if pieces:
        rows = [(one.name, _STATES[one.state], one.path) for one in pieces]
        print_table("Beside the ledger", ("file", "", "here"), rows)
    if made is None:
        click.echo("The ledger is sound, and stays.")
    else:
        _show(made)
    click.echo("The hub may be started.")


_STATES = {
    "put back": "put back",
    "as in the copy": "is there, as in the copy",
    "another stays": "stays: another than the copy's. Move it away to have the copy's",
    "not in the copy": "is not in the copy",
    "credential": "left: put the copy's where LoadCredential of the service takes it",
}


def _ledger(plan: "HubPlan", copy: Path | None, now: int) -> "Restored | SoundError":
    """Make the ledger anew; a sound one stays, which is no error where something else was lost."""
    from gateway.hub.copies import SoundError, restore  # noqa: PLC0415

    try:
        return restore(plan, copy, now)
    except SoundError as error:
        return error


def _show(found: "Restored") -> None:
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


def _plan(hub_file: str) -> "HubPlan":
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    return load_hub(Path(hub_file), for_operator(os.environ))
