"""`sidestream key`: the plant's identity towards its hub."""

import os
from pathlib import Path

import click

from agent.cli.options import json_option, plant_argument
from agent.cli.output import print_json


@click.command()
@plant_argument
@click.option("--create", is_flag=True, help="Make the key file (mode 0600) when there is none.")
@json_option
def key(plant_file: str, create: bool, as_json: bool) -> None:
    """Show the public key of PLANT_FILE's plant, for the hub's operator.

    The private key stays in the state directory (plant.key) or in a systemd credential.

    \b
    Example:
      sidestream key plant.toml --create
    """
    from agent.running.assembly import plant_key  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_plant(Path(plant_file), for_operator(os.environ))
    public = plant_key(plan, create=create).public
    if as_json:
        print_json({"key": str(public), "fingerprint": public.fingerprint, "owner": plan.owner})
        return
    click.echo(f"fingerprint  {public.fingerprint}")
    click.echo("give these lines to the hub's operator, and the fingerprint by another way:\n")
    click.echo(
        f'[[members]]\nname = "choose a short name"\nowner = "{plan.owner}"\n'
        f'place = "region/place"\nkey = "{public}"'
    )
