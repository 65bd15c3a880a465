"""Runs a part of the agent for good: one that fails or falls silent is started again, by itself."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from adapters.errors import PermanentError, SidestreamError
from adapters.reading import NANOSECONDS
from agent.running.lifeguard import standing
from agent.running.pulse import Pulse

_log = logging.getLogger("sidestream.agent")
RESTART_AFTER = (1.0, 60.0)
"""First and longest pause in seconds before a part that failed is started again."""
SOUND_AFTER = 30.0
"""Seconds a part that was started again runs before its trouble counts as over."""
LOOK = 5.0
"""Longest time in seconds between two looks at a part's promise."""
STUBBORN = 10.0
"""Seconds a part may take to end after it was cancelled for its silence."""


class Supervisor:
    """Starts parts and tells their troubles; `pulse` says which of them are late by `clock`."""

    def __init__(
        self, tell: Callable[[str, str], None], pulse: Pulse, clock: Callable[[], int]
    ) -> None:
        self._tell = tell
        self._pulse = pulse
        self._clock = clock

    async def run(
        self, name: str, start: Callable[[], Awaitable[None]], within: int | None = None
    ) -> None:
        """Run a part until it ends; a part that fails is started again, apart from all others.

        The first sign of life is expected `within` so many nanoseconds (None: its silence is left
        to the watchdog).

        Each run is a task of its own, so that a cancellation nobody asked for counts as a failure.
        A part that gave no sign in time is cancelled and started again; one that does not heed
        the cancellation stays late, which stops the signs of life to the service manager.
        """
        pause, longest = RESTART_AFTER
        while True:
            if within is not None:
                self._pulse.beat(name, self._clock(), within)
            part = asyncio.ensure_future(start())
            sound = asyncio.ensure_future(self._sound(name))
            try:
                silent = "" if within is None else await self._ended(name, part)
                await asyncio.wait({part})
            finally:
                await cancel([part, sound])
            self._pulse.forget(name)
            trouble = silent or _trouble_of(part)
            self._tell(name, trouble)
            if not trouble:
                return
            if not part.cancelled() and isinstance(part.exception(), PermanentError):
                pause = longest
            await asyncio.sleep(pause)
            pause = min(longest, pause * 2)

    async def _sound(self, name: str) -> None:
        """Take a part's trouble back once it has run for a while."""
        await asyncio.sleep(SOUND_AFTER)
        self._tell(name, "")

    async def _ended(self, name: str, part: asyncio.Future[None]) -> str:
        """Wait for a part's end; one that is late is made to end, and what it was is told."""
        late = asyncio.ensure_future(self._late(name))
        try:
            await asyncio.wait({part, late}, return_when=asyncio.FIRST_COMPLETED)
            if part.done() or not late.done():
                return ""
            text = f"{self._pulse.late(self._clock()).get(name, 'silent')}; it is started again"
            self._tell(name, text)
            _log.warning("%s: %s", name, standing())
            part.cancel()
            while not part.done():
                await asyncio.wait({part}, timeout=STUBBORN)
            return text
        finally:
            await cancel([late])

    async def _late(self, name: str) -> None:
        """Return when a part is past its time."""
        while (until := self._pulse.until(name)) is not None:
            left = until - self._clock()
            if left < 0:
                return
            # A later sign may promise the next one sooner.
            await asyncio.sleep(min(left / NANOSECONDS + 0.01, LOOK))
        await asyncio.Event().wait()


def _trouble_of(part: asyncio.Future[None]) -> str:
    """Say why a part ended, or nothing when it ended well."""
    if part.cancelled():
        return "it was cancelled, and nobody stopped it"
    error = part.exception()
    if error is None:
        return ""
    if isinstance(error, SidestreamError):
        return str(error)
    _log.debug("a part of the agent failed", exc_info=error)
    return f"{type(error).__name__}: {error}"


async def cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait until they have ended."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
