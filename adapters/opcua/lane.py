"""The sources of one server: one session for all of them, rebuilt for good after every failure."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from adapters.adapter import Link
from adapters.errors import PermanentError, SidestreamError
from adapters.opcua.connect import connect
from adapters.opcua.feed import Clocks, Feed
from adapters.opcua.tasks import obey, together
from adapters.reading import NANOSECONDS

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaSource

FIRST_SECONDS = 0.1
SOUND_SECONDS = 5.0
"""A session that lived so long was sound: the pauses between attempts start anew."""
SLOW_SECONDS = 30.0
"""How long to wait after an error that a person must mend."""


@dataclass(slots=True)
class Lane:
    """The feeds that share one session."""

    feeds: Sequence[Feed]
    clocks: Clocks
    slow: float = SLOW_SECONDS
    _failed: int = field(init=False, default=0)

    async def run(self) -> None:
        """Serve the sources until cancelled."""
        for feed in self.feeds:
            feed.report(Link.CONNECTING)
        while True:
            error = await self._session()
            obey()
            await asyncio.sleep(self._pause(error))

    async def _session(self) -> SidestreamError:
        """Open a session and use it to its end; gives what ended it."""
        session = None
        begun = self.clocks.mono()
        try:
            session = await connect(self._settings, self.clocks.wall(), self._keep_seconds)
            begun = self.clocks.mono()
            await together(session.keep(), *(feed.serve(session) for feed in self.feeds))
        except SidestreamError as error:
            for feed in self.feeds:
                await feed.lost(str(error))
            return error
        finally:
            if self.clocks.mono() - begun > SOUND_SECONDS * NANOSECONDS:
                self._failed = 0
            if session is not None:
                await session.close()
        raise AssertionError("a session that is kept ends with an error")

    def _pause(self, error: SidestreamError) -> float:
        """Seconds to the next attempt: growing to one interval, with jitter.

        The longest pause is short, so that values flow again soon after a link has healed; only
        what a person must mend is tried slowly.
        """
        self._failed += 1
        longest = max(min(feed.settings.every for feed in self.feeds), FIRST_SECONDS)
        pause: float = min(FIRST_SECONDS * 2.0 ** min(self._failed - 1, 16), longest)
        if isinstance(error, PermanentError):
            pause = max(self.slow, longest)
        return pause * random.uniform(0.5, 1)  # noqa: S311  # jitter, no secret

    @property
    def _settings(self) -> "OpcUaSource":
        widest = max(feed.settings.timeout for feed in self.feeds)
        chosen = SimpleNamespace(**{**vars(self.feeds[0].settings), "timeout": widest})
        return cast("OpcUaSource", chosen)

    @property
    def _keep_seconds(self) -> float:
        return 3 * max(feed.settings.every for feed in self.feeds)
