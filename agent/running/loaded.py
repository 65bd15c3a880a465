"""Load a plant file in a child process, so that what loading takes ends with it.

To read, check and resolve a file of 10 000 points takes half a second of processor time and 13 MB
that would lie idle beside the plan for good; meanwhile this process imports the rest of the agent.
The child is a copy of this process, made before there are threads, and sends the finished plan.
"""

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from config.plan import PlantPlan


def loading(path: Path) -> Callable[[], PlantPlan]:
    """Begin to load a plant file; the function given waits for its plan.

    It raises `ConfigError` naming every problem with its line, and `PermanentError` for a medium
    without properties: whatever keeps the child from its end, the file is then loaded here.
    """
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        os.close(receiving)
        _send(path, sending)
    os.close(sending)
    return lambda: _received(child, receiving) or _plan(path)


def _plan(path: Path) -> PlantPlan:
    from agent.measuring.sampling import equipped  # noqa: PLC0415 # the child alone needs them
    from config.load import load_plant  # noqa: PLC0415

    plan = equipped(load_plant(path, os.environ))
    return replace(plan, sources=tuple(source.resolved() for source in plan.sources))


def _send(path: Path, sending: int) -> NoReturn:
    """Load in the child. Its errors are not told: the parent finds the same ones again."""
    try:
        content = pickle.dumps(_plan(path), pickle.HIGHEST_PROTOCOL)
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(content)
    finally:
        os._exit(0)


def _received(child: int, receiving: int) -> PlantPlan | None:
    """Give the child's plan; None when it sent none that is whole."""
    with os.fdopen(receiving, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    try:
        plan = pickle.loads(content)  # noqa: S301 # this process made it
    except (EOFError, pickle.UnpicklingError):
        return None
    return plan if isinstance(plan, PlantPlan) else None
