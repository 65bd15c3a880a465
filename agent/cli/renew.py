"""`sidestream renew`: a new client certificate in place of one that ends."""

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.options import json_option, plant_argument, within
from agent.cli.output import print_json

if TYPE_CHECKING:
    from agent.running.renewing import Renewal

_LARGEST = 262_144
_PRIVATE = 0o600
_LATER = 75
"""Exit code of what is to be tried again later (`EX_TEMPFAIL` of sysexits.h)."""


@click.command()
@plant_argument
@click.option("--dry-run", is_flag=True, help="Show what would be renewed and ask nobody.")
@click.option(
    "--wait", default="10 s", callback=within(1), help="How long to wait for the hub (10 s)."
)
@click.option("--offline", is_flag=True, help="Write the request to a file instead of sending it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="That file.")
@click.option("--admission", type=click.Path(path_type=Path), help="The hub's answer, as a file.")
@json_option
def renew(
    plant_file: str, dry_run: bool, wait: float, offline: bool, output: Path | None,
    admission: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Ask the hub for a new client certificate; run it again to fetch it.

    The plant makes a new key, which never leaves it, and asks over its link to
    the broker: a running agent over its own. The old certificate and key stay
    until the broker has taken the new ones. An agent does all this by itself
    from 60 days before the end on ([hub] renew).

    Exit code 75 means that the hub has not answered yet: run it again later.
    For a certificate that has ended, the request and the answer go as files.

    \b
    Example:
      sidestream renew plant.toml --wait "10 min"
    """
    from agent.running.renewing import Renewal  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_plant(Path(plant_file), for_operator(os.environ))
    renewal = Renewal.of(plan)
    told = _introduce(renewal)
    if dry_run:
        _end(told, "nothing was asked: --dry-run", "would ask", as_json)
    if offline:
        target = _to_file(renewal, output or Path("renewal.request"))
        admit = f"sidestream hub admit {renewal.account} --request {target.name} -o admission"
        told |= {"request": str(target), "at the hub": admit}
        _end(told, "sidestream renew --admission admission", "requested", as_json)
    if admission is not None:
        _keep(renewal, admission)
    if not _renewed(renewal, Path(plan.state_dir), wait, told, as_json):
        _end(told, "run it again when the hub's operator has run `sidestream hub renew`",
             "requested", as_json, _LATER)  # fmt: skip
    told |= {"new until": _until(renewal)}
    _end(told, "the running agent connects with it by itself", "renewed", as_json)


def _renewed(
    renewal: "Renewal", state: Path, wait: float, told: dict[str, Any], as_json: bool
) -> bool:
    """Let the running agent ask, which has the account's one link; else ask here."""
    from agent.running.renewing import followed, renewed  # noqa: PLC0415
    from gateway.claim import held  # noqa: PLC0415

    ended = time.time() >= renewal.certificate().not_valid_after_utc.timestamp()
    if ended and not renewal.granted:
        raise PermanentError(
            f"the certificate ended on {_until(renewal)}: no broker takes it any more",
            where=str(renewal.pair.certificate),
            mend="send the hub's operator the file of `sidestream renew --offline -o FILE`",
        )

    def asked() -> None:
        if not as_json:
            click.echo("asked; waiting for the hub", err=True)

    if held(state) and not ended:
        _same_owner(renewal, state)
        told["asked by"] = "the running agent, over its link (see `sidestream status`)"
        return followed(renewal, wait, asked)
    return asyncio.run(renewed(renewal, wait, asked))


def _same_owner(renewal: "Renewal", state: Path) -> None:
    """Refuse files that the running agent cannot replace; raises `PermanentError`."""
    folder = renewal.pair.key.parent
    if state.stat().st_uid not in (folder.stat().st_uid, 0):
        raise PermanentError(
            "the running agent may not replace files here",
            where=str(folder),
            mend="stop the agent, run this again, and start it",
        )


def _introduce(renewal: "Renewal") -> dict[str, Any]:
    broker = renewal.uplink.broker
    return {
        "certificate": str(renewal.pair.certificate),
        "key": str(renewal.pair.key),
        "until": _until(renewal),
        "fingerprint": renewal.account,
        "broker": f"{broker.host}:{broker.port}",
    }


def _until(renewal: "Renewal") -> str:
    return f"{renewal.certificate().not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"


def _end(told: dict[str, Any], following: str, state: str, as_json: bool, code: int = 0) -> None:
    if as_json:
        named = {name.replace(" ", "_"): text for name, text in told.items()}
        print_json({**named, "state": state})
    else:
        for name, text in {**told, "next": following}.items():
            click.echo(f"{name:<12} {text}")
    sys.exit(code)


def _to_file(renewal: "Renewal", target: Path) -> Path:
    from gateway.durable import replace_file  # noqa: PLC0415

    renewal.prepare()
    try:
        replace_file(target, renewal.request(), _PRIVATE)
    except OSError as error:
        raise PermanentError(
            f"the request cannot be written ({error.strerror})",
            where=str(target),
            mend="give -o another file",
        ) from error
    return target


def _keep(renewal: "Renewal", path: Path) -> None:
    from gateway.signing import RefusalError  # noqa: PLC0415

    try:
        with path.open("rb") as file:
            renewal.keep(file.read(_LARGEST))
    except OSError as error:
        raise PermanentError(
            f"the file cannot be read ({error.strerror})", where=str(path), mend="correct its path"
        ) from error
    except RefusalError as error:
        raise PermanentError(
            f"not an answer to this plant's request ({error.detail})",
            where=str(path),
            mend="let the hub's operator admit the newest file of `sidestream renew --offline`",
        ) from error
