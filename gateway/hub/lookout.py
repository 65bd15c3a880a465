"""The hub's lookout: its status file, its metrics, and the files that must be looked after."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from adapters.errors import PermanentError, TransientError
from config.hub_plan import HubPlan
from gateway import prometheus
from gateway.hub.metrics import metrics
from gateway.hub.quota import Quotas
from gateway.hub.status import Live, summary, write_live
from gateway.hub.upkeep import upkeep
from gateway.hub.vault import Open, Vault
from gateway.hub.voice import Voice
from gateway.scrape import answering

LISTEN_AGAIN = 60.0
"""Seconds before it is tried again to listen for whoever scrapes."""
LOOK_AFTER = 60_000_000_000
"""Nanoseconds between two looks at certificates and keys."""
LIMITED_FOR = 600_000_000_000
"""Nanoseconds for which the status tells of a sender that sent more than is taken."""


class Lookout:
    """Tells how the hub is doing, to files and whoever scrapes; all of it may fail and go on."""

    def __init__(
        self, vault: Vault, quotas: Quotas, clock: Callable[[], int], voice: Voice
    ) -> None:
        self._vault = vault
        self._quotas = quotas
        self._clock = clock
        self._voice = voice
        self._limited: dict[str, int] = {}
        self._looked = -LOOK_AFTER
        self._upkeep: list[str] = []
        self._scraped = ""

    async def report(self, plan: HubPlan, now: Callable[[], Live]) -> None:
        """Write the status file and the metrics of what the hub says of itself."""
        try:
            await self._note_limited()
            live = replace(now(), limited=sorted(self._limited), upkeep=self._upkeep)
            write_live(plan, live)
            counted = await self._vault.run(partial(_metrics, plan=plan, live=live))
            folder = Path(plan.runtime_dir)
            self._scraped = prometheus.publish(folder, plan.metrics, counted)
        except TransientError as error:
            self._voice.trouble(str(error))
        except OSError as error:
            self._voice.trouble(f"the status file cannot be written ({error})")

    async def look_after_files(self, plan: HubPlan) -> None:
        """Look for certificates that run out and secrets others can read, once a minute."""
        now = self._clock()
        if 0 <= now - self._looked < LOOK_AFTER:
            return
        self._looked = now
        self._upkeep = await asyncio.to_thread(upkeep, plan, now)
        self._voice.say("files", "; ".join(self._upkeep))

    async def be_scraped(self, listen: str | None) -> None:
        """Answer with the metrics of the last report, where the hub file says so."""
        while listen is not None:
            try:
                async with answering(listen, lambda: self._scraped):
                    self._voice.say("metrics", "")
                    await asyncio.Event().wait()
            except PermanentError as error:
                self._voice.say("metrics", str(error))
            await asyncio.sleep(LISTEN_AGAIN)

    async def _note_limited(self) -> None:
        """Store how much of each sender was not taken, and tell for a while who it was."""
        now, counts = self._clock(), self._quotas.taken_limited()
        if counts:
            await self._vault.run(lambda opened: opened.ledger.store((), now, counts))
        self._limited |= dict.fromkeys(counts, now)
        recent = {name: at for name, at in self._limited.items() if now - at < LIMITED_FOR}
        self._limited = recent
        names = ", ".join(sorted(name or "senders nobody knows" for name in recent))
        self._voice.say("limits", f"more messages than are taken from {names}" if names else "")


def _metrics(opened: Open, plan: HubPlan, live: Live) -> list[prometheus.Metric]:
    with opened.database.look() as cursor:
        return metrics(summary(cursor, plan, live))
