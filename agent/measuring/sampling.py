"""Give the media of a plan their properties, from the library in a child process."""

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters.errors import PermanentError
from agent.measuring.media.need import Need, need, properties
from config.medium_plan import INSTALL, Properties
from config.plan import PlantPlan

_PATIENCE = 120.0
"""Seconds a slow gateway may take to import the library."""
_NO_LIBRARY = 3


def equipped(plan: PlantPlan) -> PlantPlan:
    """Give the plan with the properties its heat meters need; as it is when they need none.

    Raises `PermanentError` when the library is not installed or refuses.
    """
    wanted = {one.name: need(one.meter) for one in plan.streams if one.meter.kind == "heat"}
    asked = {name: each for name, each in wanted.items() if each is not None}
    if not asked:
        return plan
    found = dict(zip(asked, sampled(list(asked.values())), strict=True))
    streams = [
        replace(one, meter=replace(one.meter, properties=found[one.name]))
        if one.name in found
        else one
        for one in plan.streams
    ]
    return replace(plan, streams=tuple(streams))


def sampled(needs: Sequence[Need]) -> list[Properties]:
    """Ask the library, in a child process that ends with the answer; raises `PermanentError`."""
    import subprocess  # noqa: PLC0415 # most plans need no library

    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "agent.measuring.sampler"],
            input=json.dumps(needs), capture_output=True, text=True, timeout=_PATIENCE,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if done.returncode == _NO_LIBRARY:
        raise PermanentError("the property library is not installed", mend=INSTALL)
    if done.returncode:
        raise _failed(done.stderr.strip().rpartition("\n")[2])
    try:
        return _read(json.loads(done.stdout), len(needs))
    except (KeyError, TypeError, ValueError) as error:
        raise _failed(f"its answer cannot be read: {error}") from error


def _read(answers: list[Any], wanted: int) -> list[Properties]:
    if len(answers) != wanted:
        raise ValueError(f"{len(answers)} answers to {wanted} questions")
    return [properties(answer) for answer in answers]


def _failed(why: str) -> PermanentError:
    return PermanentError(
        f"the property library gave no properties ({why})",
        where="medium",
        mend=f"install it anew: {INSTALL}; `sidestream check` tries it",
    )
