"""The watch over certificates: new files are taken up, old ones told of once for each stage."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from adapters.reading import NANOSECONDS
from agent.keeping.outbox import Outbox
from agent.measuring.total import Event
from agent.running.certificates import Certificates
from agent.running.troubles import Troubles
from gateway.wire import rfc3339

EXPIRING: Final = "certificate-expiring"
RENEWED: Final = "certificate-renewed"
_EVERY = 3600 * NANOSECONDS
_log = logging.getLogger("sidestream.agent")


class Expiry:
    """Warns of certificates that run out, with an event for each stage of each; notes new ones."""

    def __init__(
        self,
        certificates: Certificates,
        outbox: Outbox,
        troubles: Troubles,
        note: Callable[[Event], None],
    ) -> None:
        self._certificates = certificates
        self._outbox = outbox
        self._troubles = troubles
        self._note = note
        self._until: int | None = None
        self._told = 0

    async def look(self, now: int) -> bool:
        """Look at the files; tells whether those of the broker's connection are new ones."""
        replaced = await asyncio.to_thread(self._certificates.replaced)
        if replaced:
            _log.info("the files for the broker's connection have changed")
        # At once, too, when the clock was set back.
        if replaced or not 0 <= now - self._told < _EVERY:
            self._told = now
            await self._warn(now)
            self._renewed(now, await asyncio.to_thread(self._certificates.until))
        return replaced

    def _renewed(self, now: int, until: int | None) -> None:
        """Note that the client certificate is good for longer than it was."""
        before, self._until = self._until, until
        if before is not None and until is not None and until > before:
            text = f"certificate hub.tls.certificate: until {rfc3339(until)}"
            _log.info("%s", text)
            self._note(Event(now, "", RENEWED, text))

    async def _warn(self, now: int) -> None:
        warnings = await asyncio.to_thread(self._certificates.warnings, now)
        told = await asyncio.to_thread(self._outbox.events, 1000, 0, (EXPIRING,))
        known = {event.detail for event in told}
        for name, text in warnings.items():
            self._troubles.tell(name, text, logging.WARNING)
            if text and (detail := f"{name}: {text}") not in known:
                self._note(Event(now, "", EXPIRING, detail))
