"""A partner's end of the wire: subscribes to what is sealed to it, and hands on what opens."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.errors import PermanentError
from config.plan import BrokerPlan
from gateway.mqtt import Connection, LinkState, keep_connected
from gateway.partner import Detail
from gateway.partner_inbox import Inbox
from gateway.partner_opening import DetailRefusedError
from gateway.wire import partner_topic

SESSION = 30 * 86_400
"""Seconds for which an MQTT 5 broker is asked to keep what comes while nobody listens."""


@dataclass(slots=True)
class Seen:
    """The details that were had, in a file of one id a line, so that none counts twice."""

    path: Path
    ids: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> "Seen":
        """Read the file; an absent one has none. Raises `PermanentError`."""
        try:
            return cls(path, set(path.read_text().split()))
        except FileNotFoundError:
            return cls(path)
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(path, error) from error

    def add(self, detail: str) -> None:
        """Remember a detail, durably; raises `PermanentError`."""
        try:
            with self.path.open("a") as file:
                file.write(f"{detail}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise _unusable(self.path, error) from error
        self.ids.add(detail)


def _unusable(path: Path, error: Exception) -> PermanentError:
    return PermanentError(
        f"what was had before cannot be told ({getattr(error, 'strerror', None) or error})",
        where=str(path),
        mend="give --seen a file that this user may read and write",
    )


@dataclass(slots=True)
class Listener:
    """Listens for one partner, and ends after `most` details (None: never).

    `take` gets each detail, as a model and as written, before it counts as had; `refused` gets what
    does not open; `link` hears how the link is.
    """

    cluster: str
    inbox: Inbox
    seen: Seen
    take: Callable[[Detail, dict[str, Any]], None]
    refused: Callable[[DetailRefusedError], None]
    link: Callable[[LinkState], None]
    most: int | None = None

    async def run(self, broker: BrokerPlan, stop: asyncio.Event) -> None:
        """Listen until stopped; raises what the broker refuses for good."""
        self.inbox.seen |= self.seen.ids
        listening = asyncio.ensure_future(
            keep_connected(
                broker,
                self._session,
                clean=False,
                session_expiry=SESSION,
                manual_ack=True,
                on_state=self.link,
            )
        )
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        finally:
            for task in (listening, stopping):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(partner_topic(self.cluster, self.inbox.key.public.fingerprint))
        while self.most is None or self.most > 0:
            message = await connection.next()
            try:
                detail, content = self.inbox.take(message.payload, message.topic)
            except DetailRefusedError as error:
                self.refused(error)
            else:
                self.take(detail, content)
                await asyncio.to_thread(self.seen.add, detail.id)
                self.most = None if self.most is None else self.most - 1
            # Only now: what was not handed on comes again.
            connection.ack(message)
