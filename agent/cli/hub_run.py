"""`sidestream hub run`, `check` and `key`: a hub from its file to a running service."""

import asyncio
import logging
import os
import re
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from adapters.errors import PermanentError
from agent.cli.log import log_to_stderr
from agent.cli.options import hub_argument, json_option, log_option
from agent.cli.output import print_json, print_table
from agent.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from config.hub_plan import HubPlan
    from gateway.hub.proof import Proof


@click.command()
@hub_argument
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
@log_option
def run(hub_file: str, verbose: bool, form: str) -> None:
    """Run the hub of HUB_FILE until stopped.

    It stops cleanly on SIGTERM and SIGINT, and connects to the broker anew on SIGHUP. Exit code
    78 means that the file must be mended.

    \b
    Example:
      sidestream hub run /etc/sidestream/hub.toml
    """
    from config.hub import load_hub  # noqa: PLC0415
    from gateway import changes  # noqa: PLC0415
    from gateway.claim import claimed  # noqa: PLC0415
    from gateway.hub.service import run_hub  # noqa: PLC0415
    from gateway.notify import notify  # noqa: PLC0415

    log_to_stderr(verbose, form)
    plan = load_hub(Path(hub_file), os.environ)
    os.umask(0o077)

    async def serve() -> None:
        logging.getLogger("sidestream.hub").info(
            "hub of cluster %s starts", plan.cluster, extra={"change": changes.STARTED}
        )
        anew = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, anew.set)
        await run_hub(plan, time.time_ns, stop_on_signals(), notify, anew)

    with claimed(Path(plan.state_dir), "hub"):
        asyncio.run(serve())


@click.command()
@hub_argument
@click.option("--keys", "keys_too", is_flag=True, help="Check too that the hub opens records.")
@json_option
def check(hub_file: str, keys_too: bool, as_json: bool) -> None:
    """Check HUB_FILE and show its members, rules and calendars.

    With --keys it tries the hub's keys and its members' on the newest record of
    each in the ledger, as after `sidestream hub restore`; exit code 1 when one
    would not be taken.

    \b
    Example:
      sidestream hub check hub.toml --keys
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.hub.membership import enrolled  # noqa: PLC0415

    written = load_hub(Path(hub_file), for_operator(os.environ))
    plan = enrolled(written)
    proof = _proof(written) if keys_too else None
    rows = [(one.name, one.owner, one.place, one.waives) for one in plan.members]
    rules = plan.rules
    if as_json:
        keys = ("name", "owner", "place", "waives")
        print_json(
            {
                "cluster": plan.cluster,
                "members": [dict(zip(keys, row, strict=True)) for row in rows],
                "k": rules.k,
                "p": rules.p,
                "q": rules.q,
                "dominance": rules.dominance,
                "calendars": dict(plan.calendars),
                "wait_s": plan.wait / 1e9,
                "store": plan.store.kind,
                "state": plan.state_dir,
                **({} if proof is None else {"proof": asdict(proof)}),
            }
        )
        sys.exit(1 if proof is not None and proof.problems else 0)
    click.echo(f"{hub_file} is good.\n")
    members = [(name, owner, place, "yes" if waives else "") for name, owner, place, waives in rows]
    print_table("Members", ("name", "owner", "place", "waives"), members)
    owners = len({one.owner for one in plan.members})
    known = f", known before to within {rules.q:g} %" if rules.q < 100 else ""  # noqa: PLR2004 percent
    click.echo(
        f"A cell needs {rules.k} owners and the p% rule at {rules.p:g} %{known}; "
        f"the roster has {owners} owners."
    )
    if proof is not None:
        _show_proof(proof)


def _proof(plan: "HubPlan") -> "Proof":
    from gateway.hub.proof import prove  # noqa: PLC0415

    return prove(plan)


def _show_proof(proof: "Proof") -> None:
    many = "key" if proof.keys == 1 else "keys"
    click.echo(
        f"The hub's {proof.keys} {many} and its members' open the newest record of "
        f"{len(proof.opened)} members in the ledger."
    )
    if proof.problems:
        raise PermanentError(
            "\n".join(("records would not be taken:", *proof.problems)),
            mend="put back members and keys: `sidestream hub restore --copy FILE`",
        )


@click.command()
@hub_argument
@click.option("--create", is_flag=True, help="Make the key file (mode 0600) when there is none.")
@click.option("--rotate", is_flag=True, help="Make the next key, and announce it to the plants.")
@click.option("--from", "since", metavar="QUARTER", help="With --rotate: from then on (the next).")
@json_option
def key(hub_file: str, create: bool, rotate: bool, since: str | None, as_json: bool) -> None:
    """Show the public key of HUB_FILE's hub, which every plant puts into its [hub] table.

    With --rotate the hub's next key is made and announced, signed by the one it
    has: plants take it by themselves when its quarter begins.

    \b
    Example:
      sidestream hub key hub.toml --create
    """
    from config.hub import load_hub  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway import keys  # noqa: PLC0415
    from gateway.hub import membership, registry  # noqa: PLC0415
    from gateway.wire import quarter  # noqa: PLC0415

    plan, now = load_hub(Path(hub_file), for_operator(os.environ)), time.time_ns()
    keys.load(Path(plan.key_file), create=create)
    if rotate:
        _rotate(plan, since, now, as_json)
        return
    ring = membership.ring(plan, registry.read(registry.path_of(plan)))
    public = ring.at(quarter(now)).public
    if as_json:
        print_json({"key": str(public), "fingerprint": public.fingerprint})
        return
    click.echo(f"fingerprint  {public.fingerprint}")
    click.echo("give these lines to each plant, and the fingerprint by another way:\n")
    click.echo(f'[hub]\ncluster = "{plan.cluster}"\nkey = "{public}"')


def _rotate(plan: "HubPlan", since: str | None, now: int, as_json: bool) -> None:
    from gateway.hub.admitting import rotate  # noqa: PLC0415

    if since is not None and not re.fullmatch(r"\d{4}Q[1-4]", since):
        raise click.BadParameter("give a quarter, such as 2027Q1", param_hint="--from")
    holds, made = rotate(plan, now, since)
    if as_json:
        print_json(
            {"key": str(made.public), "fingerprint": made.public.fingerprint, "since": holds}
        )
        return
    click.echo(f"fingerprint  {made.public.fingerprint}")
    click.echo(f"holds        from {holds} on; the running hub announces it within seconds")
    click.echo(f"keep a copy  {plan.state_dir}/hub-key-{holds}.pem, as of the first key")
    click.echo("next         sidestream hub broker-config, as in every quarter")
