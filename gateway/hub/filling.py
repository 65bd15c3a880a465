"""From the ledger to the store: released cells written, read back, and written again when lost."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from adapters.errors import SidestreamError
from config.hub_plan import HubPlan
from gateway.hub.vault import Open
from gateway.stores.contract import Store, open_store

_log = logging.getLogger("sidestream.hub")
READ_BACK = 5.0
"""Seconds between looks for confirmed cells to be read back."""
BACKOFF = (0.5, 60.0)
"""First and longest wait in seconds before a store, or a full disk, is tried again."""
_STORE = 500

Insist = Callable[[Callable[[Open], Any]], Awaitable[Any]]


def wait(attempt: int) -> float:
    """Give how many seconds to wait before an attempt is repeated, with jitter."""
    longest = min(BACKOFF[1], BACKOFF[0] * 2.0 ** min(attempt, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 jitter is no secret


class Filler:
    """Keeps the store filled; `up` is None before it was first tried, `detail` why it is not."""

    def __init__(
        self,
        plan: HubPlan,
        insist: Insist,
        clock: Callable[[], int],
        say: Callable[[str, str], None],
    ) -> None:
        self._plan = plan
        self._insist = insist
        self._clock = clock
        self._say = say
        self.wake = asyncio.Event()
        self.up: bool | None = None
        self.detail = ""

    async def run(self) -> None:
        """Write what is released, for good; what the store refuses is tried again."""
        attempt = 0
        store: Store | None = None
        try:
            while True:
                self.wake.clear()
                try:
                    if store is None:
                        store = await asyncio.to_thread(
                            open_store, self._plan.store, self._plan.state_dir
                        )
                    more = await self._write(store) or await self._read_back(store)
                except SidestreamError as error:
                    self.up, self.detail = False, str(error)
                    self._say("store", str(error))
                    await asyncio.sleep(wait(attempt))
                    attempt += 1
                    continue
                attempt = 0
                if not more:
                    await self._rest(store.settling)
        finally:
            if store is not None:
                store.close()

    async def _write(self, store: Store) -> bool:
        cells = await self._insist(lambda opened: opened.book.unwritten(_STORE))
        if not cells:
            return False
        await asyncio.to_thread(store.write, [cell for _, cell in cells])
        self.up, self.detail = True, ""
        self._say("store", "")
        numbers = [number for number, _ in cells]
        await self._insist(partial(_mark_written, numbers=numbers, now=self._clock()))
        return True

    async def _read_back(self, store: Store) -> bool:
        """Look for cells that a killed store has lost; they are then written again."""
        until = self._clock() - store.settling
        cells = await self._insist(lambda opened: opened.book.unsettled(until, _STORE))
        if not cells:
            return False
        missing = await asyncio.to_thread(store.missing, [cell for _, cell in cells])
        if missing:
            _log.warning("the store has lost %d cells: they are written again", len(missing))
        # Equal cells are one cell: each is of another name or window.
        lost = [number for number, cell in cells if cell in missing]
        numbers = [number for number, _ in cells]
        await self._insist(lambda opened: opened.book.settle(numbers, lost))
        return True

    async def _rest(self, settling: int) -> None:
        """Wait for new cells, or for confirmed ones to have settled."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_BACK if settling else None):
                await self.wake.wait()


def _mark_written(opened: Open, numbers: Sequence[int], now: int) -> None:
    opened.book.mark_written(numbers, now)
