"""Keeps what the engine hands out, whatever the disk does: one commit at a time, none forgotten.

A full disk gets the reserve, then room within the file; a damaged file is set aside and begun anew
with what is in memory; what a failing disk refuses is held back and tried again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from adapters.errors import TransientError
from agent.keeping.outbox import Outbox
from agent.keeping.recount import recount
from agent.keeping.remake import remake_details
from agent.keeping.tables import Commit, Depth, Storage
from agent.measuring.total import Event, EventKind
from agent.running.engine import Engine
from agent.running.troubles import Troubles
from config.plan import OutboxPlan
from gateway import changes
from gateway.database import CorruptError, FullError
from gateway.reserve import Reserve

_log = logging.getLogger("sidestream.agent")
STATE = "state file"
DISK = "disk"
ROOM = 1_048_576
"""Bytes to spare within the state file while its disk is full."""


class Keeper:
    """Between the engine and the outbox; `kept` is called when records may have been added."""

    def __init__(
        self,
        outbox: Outbox,
        reserve: Reserve,
        engine: Engine,
        troubles: Troubles,
        clock: Callable[[], int],
        kept: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._reserve = reserve
        self._engine = engine
        self._troubles = troubles
        self._clock = clock
        self._kept = kept
        self._unwritten = Commit()
        self._writing = asyncio.Lock()
        self._damage = ""
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
                if self._damage:
                    await self._begin_anew()
                await asyncio.to_thread(self._store)
            except CorruptError as error:
                self._damage = error.what
                self._troubles.tell(STATE, str(error))
                return
            except TransientError as error:
                self._troubles.tell(STATE, str(error))
                return
            kept, self._unwritten = self._unwritten, Commit()
            self._troubles.tell(STATE, "")
        for event in kept.events:
            _tell(event)
        self._kept()

    def _store(self) -> None:
        while True:
            try:
                self._outbox.commit(self._unwritten, self.committed)
            except FullError:
                if not self._reserve.give():
                    raise
            else:
                return

    async def _begin_anew(self) -> None:
        """Go on with a new file: it gets the engine's whole state, and what was not written."""
        now, run = self._clock(), self._engine.run
        event = await asyncio.to_thread(self._outbox.renew, self._damage, now, run)
        self._damage = ""
        if event is not None:
            _log.error("%s", event.detail)
        self._engine.forget_written()
        whole = self._unwritten.followed_by(self._engine.commit())
        self._unwritten = await asyncio.to_thread(self._outbox.without_known, whole)

    async def damaged(self, error: CorruptError) -> None:
        """Take word from others who use the file that it is damaged."""
        self._damage = self._damage or error.what
        await self.commit()

    @property
    def pending(self) -> bool:
        """Whether something was handed out that the disk has not taken."""
        return self._unwritten != Commit()

    async def set_aside(self, now: int) -> bool:
        """Begin anew at `now`, which is right, whatever a clock that was ahead has measured.

        Tells whether it could be done: the disk must take what was measured so far.
        """
        await self.commit()
        if self.pending:
            return False
        start = self._engine.release_start(now)
        try:
            later = await asyncio.to_thread(self._outbox.windows.totals, start, 2**63 - 1)
            receipted_to = await asyncio.to_thread(self._outbox.receipted_to, start)
            tallies = await asyncio.to_thread(
                recount, self._outbox, self._engine.plan, receipted_to
            )
        except CorruptError as error:
            await self.damaged(error)
            return False
        except TransientError as error:
            self._troubles.tell(STATE, str(error))
            return False
        self._engine.set_aside(now, later, receipted_to, tallies)
        await self.commit()
        return True

    async def upkeep(self, bounds: OutboxPlan, now: int) -> None:
        """Keep the outbox within its bounds and the disk's; every drop is logged."""
        try:
            events, short = await asyncio.to_thread(self._upkeep, bounds, now)
        except CorruptError as error:
            await self.damaged(error)
            return
        except TransientError as error:
            self._troubles.tell(STATE, str(error))
            return
        for event in events:
            _log.error("%s", event.detail)
        self._troubles.tell(DISK, _SHORT if short else "")

    def _upkeep(self, bounds: OutboxPlan, now: int) -> tuple[list[Event], bool]:
        events = self._outbox.withhold(now)[1] + self._outbox.trim(bounds, now)
        for record in self._outbox.unmade():
            self._outbox.remade(self._engine.remake(record))
        if self._engine.contracts is not None:
            events += self._outbox.details.end(*self._engine.contracts.ending(), now)
            remake_details(self._outbox, self._engine.contracts)
        whole = self._reserve.fill()
        if not whole and self._outbox.free() < 2 * ROOM:
            events += self._outbox.give_way(ROOM, now)
        return events, not whole

    def measure(self) -> tuple[Depth, Storage]:
        """Measure the outbox and its disk; blocks. Raises `TransientError`."""
        return self._outbox.depth(), self._outbox.storage(self._reserve)


def _tell(event: Event) -> None:
    """Log what changed at a meter; what may come with every window is in the state file alone."""
    if event.kind in _TOLD:
        _log.log(
            _TOLD[event.kind], "stream %s: %s: %s", event.stream, event.kind, event.detail,
            extra={"stream": event.stream, "event": event.kind, "change": changes.EVENT},
        )  # fmt: skip


_TOLD: Mapping[EventKind, int] = {
    "meter-silent": logging.WARNING,
    "meter-back": logging.INFO,
    "meter-changed": logging.WARNING,
    "may-have-turned": logging.WARNING,
    "reclassified": logging.INFO,
}
_SHORT = (
    "nearly full: the reserve cannot be made whole; when it is used up, the oldest detail of what "
    "was released makes room\n  → free space on the disk of the state directory"
)
