"""Keeps what the engine hands out: one commit at a time, held back while the disk refuses."""

import asyncio
import logging
from collections.abc import Callable

from adapters.errors import TransientError
from agent.engine import Engine
from agent.outbox import Outbox
from agent.tables import Commit
from agent.troubles import Troubles
from config.plan import OutboxPlan

_log = logging.getLogger("sidestream.agent")
STATE = "state file"


class Keeper:
    """Between the engine and the outbox; `kept` is called when records may have been added."""

    def __init__(
        self,
        outbox: Outbox,
        engine: Engine,
        troubles: Troubles,
        clock: Callable[[], int],
        kept: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._engine = engine
        self._troubles = troubles
        self._clock = clock
        self._kept = kept
        self._unwritten = Commit()
        self._writing = asyncio.Lock()
        self.committed = clock()
        """When the last commit was tried."""

    async def commit(self) -> None:
        """Write everything that changed; what the disk refuses is kept and tried again.

        A caller that is cancelled leaves the write to its end: half-known commits would be doubled.
        """
        await asyncio.shield(asyncio.create_task(self._write()))

    async def _write(self) -> None:
        async with self._writing:
            self._unwritten = self._unwritten.followed_by(self._engine.commit())
            self.committed = self._clock()
            try:
                await asyncio.to_thread(self._outbox.commit, self._unwritten, self.committed)
            except TransientError as error:
                self._troubles.tell(STATE, str(error))
                return
            self._unwritten = Commit()
            self._troubles.tell(STATE, "")
        self._kept()

    async def trim(self, bounds: OutboxPlan, now: int) -> None:
        """Keep the outbox within its bounds; every record dropped is logged."""
        try:
            events = await asyncio.to_thread(self._outbox.trim, bounds, now)
        except TransientError as error:
            self._troubles.tell(STATE, str(error))
            return
        for event in events:
            _log.error("%s", event.detail)
