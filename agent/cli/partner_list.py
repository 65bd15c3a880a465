"""`sidestream partner list`: a plant's contracts, whether they are in force, and what they name."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.options import json_option, plant_argument
from agent.cli.output import print_json, print_table, utc

if TYPE_CHECKING:
    from config.partner_plan import PartnerPlan

_NANOSECONDS = 1_000_000_000


@click.command("list")
@plant_argument
@json_option
def list_(plant_file: str, as_json: bool) -> None:
    """List the partners of PLANT_FILE: contract, streams, end, and fingerprint.

    \b
    Example:
      sidestream partner list plant.toml
    """
    from agent.disclosing.withdrawals import ENDED, Withdrawals  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_plant(Path(plant_file), for_operator(os.environ))
    directory = Path(plan.state_dir)
    ended, waiting = Withdrawals(directory, ENDED)(), _waiting(directory)
    found = [_document(one, time.time_ns(), ended, waiting) for one in plan.partners]
    if as_json:
        print_json(found)
        return
    print_table(
        "Partners",
        (
            "name",
            "state",
            "until (UTC)",
            "waiting",
            "windows",
            "contract",
            "streams",
            "fingerprint",
        ),
        [
            (
                one["name"],
                one["state"],
                one["until"],
                one["waiting"],
                f"{one['window_s']:g} s",
                one["contract"],
                ", ".join(f"{name} as {label}" for name, label in one["streams"].items()),
                one["fingerprint"],
            )
            for one in found
        ],
    )


def _waiting(directory: Path) -> Mapping[str, int]:
    """Count what waits by contract; nothing where the agent has never run."""
    from agent.keeping.outbox import FILE, Outbox  # noqa: PLC0415

    if not (directory / FILE).exists():
        return {}
    with Outbox.look_at(directory) as outbox:
        return outbox.details.depth().by_partner


def _document(
    one: "PartnerPlan", now: int, ended: Mapping[str, str], waiting: Mapping[str, int]
) -> dict[str, Any]:
    from agent.disclosing.contracts import name_of  # noqa: PLC0415
    from agent.disclosing.policy import EVERY  # noqa: PLC0415
    from gateway.partner_keys import PartnerPublic  # noqa: PLC0415

    contract = name_of(one)
    state = ended.get(contract) or ended.get(EVERY) or ("in force" if now < one.until else "over")
    return {
        "name": one.name,
        "state": state,
        "contract": one.contract,
        "streams": dict(one.streams),
        "until": utc(one.until),
        "waiting": waiting.get(contract, 0),
        "window_s": one.window / _NANOSECONDS,
        "fingerprint": PartnerPublic.parse(one.key).fingerprint,
    }
