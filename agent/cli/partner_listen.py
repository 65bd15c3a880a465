"""`sidestream partner listen`: hear what is sealed to a partner, and print it as it comes."""

import asyncio
import csv
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import json_option
from agent.cli.partner_open import terms, terms_options

if TYPE_CHECKING:
    from config.plan import BrokerPlan
    from gateway.mqtt import LinkState
    from gateway.partner import Detail
    from gateway.partner_opening import DetailRefusedError


@click.command()
@click.option("--broker", required=True, metavar="URL", help="The cluster's broker, mqtts://….")
@click.option("--cluster", required=True, help="The cluster's name.")
@click.option("--ca", help="Certificates of the authorities to trust; else the system's.")
@click.option("--certificate", help="The partner's certificate, where the broker asks for one.")
@click.option("--certificate-key", help="Private key of the certificate.")
@click.option("--username", help="User name; else the key's fingerprint where there is a password.")
@click.option("--password-file", help="File with the password alone in it.")
@click.option("--seen", type=click.Path(path_type=Path), help="File of details had; else KEY.seen.")
@click.option("--count", type=click.IntRange(1), help="End after so many details.")
@terms_options
@json_option
def listen(
    key_file: Path,
    senders: tuple[str, ...],
    contract: str | None,
    until: int | None,
    seen: Path | None,
    count: int | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Listen for detail until stopped, and print what opens: CSV, or a JSON document a line.

    The broker keeps what comes while nobody listens. A detail is printed before it is remembered
    and acknowledged: after a crash the last one may be printed again.

    \b
    Example:
      sidestream partner listen --broker mqtts://hub.example.org --cluster ora \\
          --ca ca.crt --certificate me.crt --certificate-key me.key \\
          --from ssplant1_… --contract 2026-17 >> cement.csv
    """
    from agent.cli.signals import stop_on_signals  # noqa: PLC0415
    from agent.running.partner_listener import Listener, Seen  # noqa: PLC0415
    from gateway.partner_inbox import Inbox  # noqa: PLC0415
    from gateway.partner_keys import load  # noqa: PLC0415

    key = load(key_file)
    inbox = Inbox(key, terms(senders, contract, until))
    broker = _broker(given, key.public.fingerprint)
    had = Seen.read(seen or key_file.with_name(f"{key_file.name}.seen"))
    take = _print_json if as_json else _Csv()
    listener = Listener(str(given["cluster"]), inbox, had, take, _refused, _link, count)

    async def serve() -> None:
        await listener.run(broker, stop_on_signals())

    asyncio.run(serve())


def _broker(given: dict[str, str | None], account: str) -> "BrokerPlan":
    """Read how to reach the broker, as a plant file's [hub] is read; raises `ConfigError`."""
    from dataclasses import replace  # noqa: PLC0415

    from adapters.fields import Place  # noqa: PLC0415
    from config.locate import Findings, validated  # noqa: PLC0415
    from config.tables import BrokerTable, broker  # noqa: PLC0415
    from config.toml import Document  # noqa: PLC0415

    findings = Findings(Document("the command line", {}))
    login = given["username"] or (account if given["password_file"] else None)
    tls = {"ca": given["ca"], "certificate": given["certificate"], "key": given["certificate_key"]}
    told = {name: path for name, path in tls.items() if path is not None}
    table = {
        "cluster": given["cluster"],
        "broker": given["broker"],
        "username": login,
        "password_file": given["password_file"],
        **({"tls": told} if told else {}),
    }
    asked = {name: value for name, value in table.items() if value is not None}
    read = validated(BrokerTable, asked, (), findings, Place(Path.cwd(), os.environ))
    plan = broker(read, (), findings) if read is not None else None
    findings.settle()
    if plan is None:
        raise AssertionError  # what was wrong has been noted, so settle has raised
    return replace(plan, client_id=account)


class _Csv:
    """Prints a detail as rows of CSV, with the columns' names above the first."""

    def __init__(self) -> None:
        from gateway.partner_inbox import COLUMNS  # noqa: PLC0415

        self._writer = csv.writer(sys.stdout, lineterminator="\n")
        self._writer.writerow(COLUMNS)
        sys.stdout.flush()

    def __call__(self, detail: "Detail", _: dict[str, Any]) -> None:
        from gateway.partner_inbox import cells, rows  # noqa: PLC0415

        self._writer.writerows(cells(row) for row in rows(detail))
        sys.stdout.flush()


def _print_json(_: "Detail", content: dict[str, Any]) -> None:
    click.echo(json.dumps(content, ensure_ascii=False))
    sys.stdout.flush()


def _refused(error: "DetailRefusedError") -> None:
    click.echo(f"refused, {error.reason}: {error.detail}", err=True)


def _link(state: "LinkState") -> None:
    click.echo("connected" if state.connected else f"not connected: {state.detail}", err=True)
