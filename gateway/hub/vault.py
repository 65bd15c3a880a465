"""The ledger behind one thread: every use waits its turn and never holds up the event loop."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from config.hub_plan import HubPlan
from gateway.database import CorruptError
from gateway.hub.book import Book
from gateway.hub.database import Database
from gateway.hub.ledger import Ledger
from gateway.hub.status import LEDGER

T = TypeVar("T")
_log = logging.getLogger("sidestream.hub")
_STEP = 2_000
"""Records after which it is told how far a ledger of an older version is."""
_PATIENCE = "EXTEND_TIMEOUT_USEC=300000000"
"""Lets systemd wait five minutes for the next word before it takes the start as failed."""


def upgrading(notify: Callable[[str], object], done: int, count: int) -> None:
    """Tell how far a ledger of an older version is brought up to date, and ask for the time."""
    if done % _STEP == 0:
        _log.info("the ledger is brought up to date: %d of %d records", done, count)
        notify(_PATIENCE)


@dataclass(slots=True)
class Open:
    """The ledger as it is open now."""

    database: Database
    ledger: Ledger
    book: Book

    @classmethod
    def at(cls, plan: HubPlan, now: int, told: Callable[[int, int], object]) -> Self:
        """Open the plan's ledger; raises `PermanentError`, or `TransientError` when it is busy."""
        database = Database.open(Path(plan.state_dir) / LEDGER, now, told)
        return cls(database, Ledger(database, plan.limits), Book(database, plan.cluster))


class Vault:
    """Runs what is asked on the open ledger; one that is damaged is closed, and opened no more.

    `told` hears, from the ledger's thread, how much of a ledger of an older version is done.
    """

    def __init__(
        self, plan: HubPlan, clock: Callable[[], int], told: Callable[[int, int], object]
    ) -> None:
        self._plan = plan
        self._clock = clock
        self._told = told
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._open: Open | None = None

    async def run(self, work: Callable[[Open], T]) -> T:
        """Run work in the ledger's thread; raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[Open], T]) -> T:
        if self._open is None:
            self._open = Open.at(self._plan, self._clock(), self._told)
        try:
            return work(self._open)
        except CorruptError:
            damaged, self._open = self._open, None
            damaged.database.close()
            raise

    def close(self) -> None:
        """Close the ledger after what is running has ended."""
        self._thread.submit(self._close).result()
        self._thread.shutdown()

    def _close(self) -> None:
        if self._open is not None:
            self._open.database.close()
            self._open = None
