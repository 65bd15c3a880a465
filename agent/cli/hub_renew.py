"""`sidestream hub renew`: members' new certificates, given by the rule that admitted them once."""

import os
import time
from pathlib import Path

import click

from agent.cli.options import hub_argument, json_option
from agent.cli.output import print_json, print_table, utc


@click.command()
@hub_argument
@click.option("--dry-run", is_flag=True, help="Show what would be granted and change nothing.")
@json_option
def renew(hub_file: str, dry_run: bool, as_json: bool) -> None:
    """Give a new certificate to each member of HUB_FILE's hub that asks for one.

    Only to whoever asks with the key that was admitted, under its own account,
    and is not leaving. It reads [broker] ca_key, which the running hub need not:
    let a timer run it each day, or run it when `hub status` names it.

    Exit code 1 means that the key cannot be used, and nothing was granted.

    \b
    Example:
      sidestream hub renew hub.toml --dry-run
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.hub import renewals  # noqa: PLC0415

    plan = load_hub(Path(hub_file), for_operator(os.environ))
    found = renewals.waiting(plan) if dry_run else renewals.grant(plan, time.time_ns())
    if as_json:
        print_json(
            [
                {
                    "name": one.member, "fingerprint": one.pending.fingerprint,
                    "received": one.pending.received, "granted": not (one.refused or dry_run),
                    "refused": one.refused,
                }
                for one in found
            ]
        )  # fmt: skip
        return
    good = "would be granted" if dry_run else "granted"
    print_table(
        "Renewals",
        ("name", "fingerprint", "received (UTC)", "certificate"),
        [
            (
                one.member, one.pending.fingerprint, utc(one.pending.received),
                f"refused: {one.refused}" if one.refused else good,
            )
            for one in found
        ],
    )  # fmt: skip
    if any(not one.refused for one in found) and not dry_run:
        click.echo("The running hub sends them within seconds; agents take them by themselves.")
