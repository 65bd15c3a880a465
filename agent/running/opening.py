"""Opening the state file for a run: on a disk that is full or fails too, without a crash loop."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from adapters.errors import TransientError
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Depth
from agent.running import status, statusfile
from config.plan import PlantPlan
from gateway.database import FullError
from gateway.notify import ALIVE, READY, notify
from gateway.reserve import Reserve

_log = logging.getLogger("sidestream.agent")
AGAIN = (1.0, 15.0)
"""First and longest pause in seconds between two attempts: well below the watchdog's patience."""


def open_with_reserve(directory: Path, reserve: Reserve, now: int) -> Outbox:
    """Open the state file, with the reserve where the disk is full; raises `TransientError`."""
    while True:
        try:
            return Outbox.open(directory, now)
        except FullError:
            if not reserve.give():
                raise


async def opened(plan: PlantPlan, clock: Callable[[], int], stop: asyncio.Event) -> Outbox | None:
    """Open the state file, however long the medium refuses; None when stopped before.

    Without it nothing can be counted on: what the meters' baselines are. So the agent waits, says
    why in its status, and gives signs of life, for a restart would mend nothing.
    """
    directory = Path(plan.state_dir)
    reserve = Reserve(directory, plan.outbox.reserve)
    pause, longest = AGAIN
    told = ""
    while not stop.is_set():
        try:
            return await asyncio.to_thread(open_with_reserve, directory, reserve, clock())
        except TransientError as error:
            if str(error) != told:
                told = str(error)
                _log.error("state file: %s", told)
            _tell(plan, clock(), told)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()
        pause = min(longest, pause * 2)
    return None


def _tell(plan: PlantPlan, now: int, trouble: str) -> None:
    nothing = Depth(0, 0, None, {}, None)
    snapshot = status.Snapshot(
        plan, now, now, status.Board(), [], nothing, None, {"state file": trouble}
    )
    with suppress(TransientError):
        statusfile.write(Path(plan.runtime_dir), status.describe(snapshot))
    notify(READY, ALIVE)
