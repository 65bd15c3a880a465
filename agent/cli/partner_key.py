"""`sidestream partner key`: the key of a contract partner, made on the partner's own computer."""

from pathlib import Path

import click

from agent.cli.options import json_option
from agent.cli.output import print_json


@click.command()
@click.argument("key_file", type=click.Path(path_type=Path), default="partner.key")
@click.option("--create", is_flag=True, help="Make the key file (mode 0600) when there is none.")
@json_option
def key(key_file: Path, create: bool, as_json: bool) -> None:
    """Show the public key of KEY_FILE, for plants to seal detail to.

    The private key stays in the file, and opens all that was ever sealed to it: keep it as you keep
    the contract.

    \b
    Example:
      sidestream partner key partner.key --create
    """
    from gateway.partner_keys import load  # noqa: PLC0415

    public = load(key_file, create=create).public
    if as_json:
        print_json({"key": str(public), "fingerprint": public.fingerprint})
        return
    click.echo(f"fingerprint  {public.fingerprint}")
    click.echo("give this key to the plant, and the fingerprint by another way; the hub's operator")
    click.echo("needs the fingerprint alone, for [broker] partners:\n")
    click.echo(str(public))
