"""`sidestream partner list`: a plant's contracts, whether they are in force, and what they name."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agent.cli.output import json_option, plant_argument, print_json, print_table, utc

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
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415

    plan = load_plant(Path(plant_file), for_operator(os.environ))
    found = [_document(one, time.time_ns()) for one in plan.partners]
    if as_json:
        print_json(found)
        return
    print_table(
        "Partners",
        ("name", "state", "until (UTC)", "windows", "contract", "streams", "fingerprint"),
        [
            (
                one["name"],
                one["state"],
                one["until"],
                f"{one['window_s']:g} s",
                one["contract"],
                ", ".join(f"{name} as {label}" for name, label in one["streams"].items()),
                one["fingerprint"],
            )
            for one in found
        ],
    )


def _document(one: "PartnerPlan", now: int) -> dict[str, Any]:
    from gateway.partner_keys import PartnerPublic  # noqa: PLC0415

    return {
        "name": one.name,
        "state": "in force" if now < one.until else "over",
        "contract": one.contract,
        "streams": dict(one.streams),
        "until": utc(one.until),
        "window_s": one.window / _NANOSECONDS,
        "fingerprint": PartnerPublic.parse(one.key).fingerprint,
    }
