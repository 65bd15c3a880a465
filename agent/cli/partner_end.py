"""`sidestream partner end`: end a contract before its day, also while the agent runs."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from adapters.errors import PermanentError
from agent.cli.options import json_option, plant_argument
from agent.cli.output import print_json

if TYPE_CHECKING:
    from config.partner_plan import PartnerPlan


@click.command()
@click.argument("name")
@plant_argument
@click.option("--undo", is_flag=True, help="Let the contract go on as the plant file says.")
@json_option
def end(name: str, plant_file: str, undo: bool, as_json: bool) -> None:
    """End the contract with partner NAME of PLANT_FILE: nothing is told to it from now on.

    It holds at once, also while the agent runs, and wins over the plant file. Messages that wait
    are not sent. When this returns, nothing of the contract is on its way any more. What has left
    before cannot be taken back.

    \b
    Example:
      sidestream partner end cement plant.toml
      sidestream partner end cement plant.toml --undo
    """
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_plant(Path(plant_file), for_operator(os.environ))
    partner = _found(name, plan.partners, plant_file)
    directory = Path(plan.state_dir)
    document = _undone(partner, directory) if undo else _ended(partner, plan.partners, directory)
    if as_json:
        print_json(document)
    else:
        click.echo(_told(document))


def _found(name: str, partners: "tuple[PartnerPlan, ...]", plant_file: str) -> "PartnerPlan":
    from config.errors import meant  # noqa: PLC0415

    for partner in partners:
        if partner.name == name:
            return partner
    names = [partner.name for partner in partners]
    hint = meant(name, names) or f"choose one of: {', '.join(names) or 'none'}"
    raise PermanentError(f"there is no partner {name}", where=plant_file, mend=hint)


def _ended(
    partner: "PartnerPlan", partners: "tuple[PartnerPlan, ...]", directory: Path
) -> dict[str, Any]:
    from agent.disclosing.contracts import name_of  # noqa: PLC0415
    from agent.disclosing.withdrawals import ENDED, Withdrawals, leaving  # noqa: PLC0415
    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415
    from agent.measuring.total import Event  # noqa: PLC0415

    now, contract = time.time_ns(), name_of(partner)
    Withdrawals(directory, ENDED).take_back(contract, now)
    held = 0
    if (directory / FILE).exists():
        with Outbox.join(directory) as outbox:
            held = outbox.details.depth().by_partner.get(contract, 0)
            outbox.details.end(outbox.ended(), {name_of(one) for one in partners}, now)
            text = f"the contract with {partner.name} was ended: nothing is told to it from now on"
            outbox.note(Event(now, "", "partner-ended", text))
    # Whatever was read to be sent before the lines above is on its way, or never will be.
    with leaving(directory, alone=True):
        return {"partner": partner.name, "ended": True, "held_back": held}


def _undone(partner: "PartnerPlan", directory: Path) -> dict[str, Any]:
    from agent.disclosing.contracts import name_of  # noqa: PLC0415
    from agent.disclosing.withdrawals import ENDED, Withdrawals  # noqa: PLC0415
    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415
    from agent.measuring.total import Event  # noqa: PLC0415

    was = Withdrawals(directory, ENDED).undo(name_of(partner))
    if was and (directory / FILE).exists():
        now = time.time_ns()
        with Outbox.join(directory) as outbox:
            text = f"the contract with {partner.name} goes on as the plant file says"
            outbox.note(Event(now, "", "partner-resumed", text))
    return {"partner": partner.name, "ended": False, "was_ended": was}


def _told(document: Mapping[str, Any]) -> str:
    name = document["partner"]
    if not document["ended"]:
        was = "" if document["was_ended"] else " It was not ended."
        return f"The contract with {name} goes on as the plant file says.{was}"
    lines = [f"The contract with {name} is ended: nothing is told to it from now on."]
    if document["held_back"]:
        lines.append(f"{document['held_back']} waiting messages are not sent.")
    return "\n".join([*lines, f"`sidestream partner end {name} --undo` undoes it."])
