"""Stay connected to a broker: run a session on each link, for good, and tell the link's state."""

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from adapters.errors import PermanentError, SidestreamError
from config.plan import BrokerPlan
from gateway.backoff import pause
from gateway.broker import (
    Inbound,
    LinkLostError,
    PublishRefusedError,
    RefusedError,
    SubscribeRefusedError,
    Terms,
    Will,
)
from gateway.connection import Connection
from gateway.dial import OPEN_SECONDS, open_connection

__all__ = [
    "LATE_SECONDS",
    "Connection",
    "Inbound",
    "LinkLostError",
    "LinkState",
    "PublishRefusedError",
    "RefusedError",
    "SubscribeRefusedError",
    "Will",
    "keep_connected",
]

Session = Callable[[Connection], Awaitable[None]]
Identity = Callable[[], tuple[BrokerPlan, Will | None]]
GRACE_SECONDS = 0.5
"""How long a session may take to end by itself after its link is lost, before it is cancelled."""

LATE_SECONDS = 30.0
"""Grace of a sign of life on a busy computer."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """Whether the link stands, why not (what, where, mend), and since when (ns since 1970)."""

    connected: bool
    detail: str = ""
    since: int = 0


@dataclass(slots=True)
class _Teller:
    """Tells a state when it differs from the last one told; `since` moves with `connected`."""

    tell: Callable[[LinkState], None] | None
    clock: Callable[[], int]
    last: LinkState | None = None

    def __call__(self, connected: bool, detail: str = "") -> None:
        last = self.last
        same = last is not None and last.connected == connected
        since = last.since if last is not None and same else self.clock()
        state = LinkState(connected, detail, since)
        if state != last and self.tell is not None:
            self.tell(state)
        self.last = state


async def keep_connected(
    plan: BrokerPlan,
    session: Session,
    *,
    clean: bool,
    session_expiry: int,
    manual_ack: bool = False,
    will: Will | None = None,
    on_state: Callable[[LinkState], None] | None = None,
    backoff: tuple[float, float] = (1.0, 20.0),
    clock: Callable[[], int] = time.time_ns,
    sign: Callable[[float], None] = lambda _: None,
    anew: asyncio.Event | None = None,
    identity: Identity | None = None,
) -> None:
    """Run `session` on a link to the broker, again on each new link, until it returns.

    `session_expiry` is how many seconds an MQTT 5 broker keeps the session of a client that is
    away; `clean` starts without what it kept. `backoff` are the first and the longest wait in
    seconds between attempts. When a link is lost the session gets `LinkLostError` from the
    connection, and is cancelled when it does not end by itself. What a person must mend is told
    through `on_state` and tried again slowly, for it may be mended without a restart: TLS files
    are read anew for each link. When the session returns, or this is cancelled, the link is ended
    cleanly. `sign` is told, between sessions, within how many seconds it will be told again. When
    `anew` is set, the link is ended cleanly, or a wait cut short, and a new one made. `identity` is
    asked for each link as whom to connect and with which will. Raises `PermanentError` for a kept
    session without a client id, and what the session raises, except for `LinkLostError` and
    `RefusedError`.
    """
    if not clean and not plan.client_id:
        raise PermanentError("a kept session needs a client id", mend="set `client_id`")
    terms = Terms(clean, session_expiry, manual_ack, will)
    tell = _Teller(on_state, clock)
    loop = asyncio.get_running_loop()
    anew = anew or asyncio.Event()
    attempt = 0
    while True:
        anew.clear()
        if identity is not None:
            plan, will = identity()
            terms = replace(terms, will=will)
        sign(OPEN_SECONDS + LATE_SECONDS)
        try:
            connection = await open_connection(plan, terms)
        except SidestreamError as error:
            problem = error
        else:
            tell(True)
            began = loop.time()
            ended = await _serve(connection, session, anew)
            if ended is None:
                tell(False, "ended")
                return
            problem = ended
            attempt = 0 if loop.time() - began > backoff[1] else attempt
            # One message at a time shows which of several the broker ends the link for.
            terms = (
                replace(terms, in_flight=1)
                if connection.blamed
                else Terms(clean, session_expiry, manual_ack, will)
            )
        tell(False, str(problem))
        attempt += 1
        slow = isinstance(problem, PermanentError)
        wait = pause(attempt, backoff, random.random(), slow=slow)  # noqa: S311 - jitter
        sign(wait + LATE_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await anew.wait()


async def _serve(
    connection: Connection, session: Session, anew: asyncio.Event
) -> SidestreamError | None:
    """Run a session on a link; gives why the link ended, or None when the session returned."""
    running = asyncio.ensure_future(session(connection))
    lost = asyncio.ensure_future(connection.lost.wait())
    asked = asyncio.ensure_future(anew.wait())
    try:
        await asyncio.wait({running, lost, asked}, return_when=asyncio.FIRST_COMPLETED)
        if anew.is_set() and not running.done() and not connection.lost.is_set():
            return LinkLostError("asked to connect anew")
        if not running.done():
            await asyncio.wait({running}, timeout=GRACE_SECONDS)
        return await _outcome(connection, running)
    finally:
        lost.cancel()
        asked.cancel()
        await _stop(running)
        await connection.close()


async def _outcome(connection: Connection, running: asyncio.Future[None]) -> SidestreamError | None:
    if not running.done():
        await _stop(running)
    if running.cancelled():
        return connection.loss()
    error = running.exception()
    if error is None:
        return None
    return _link_problem(error)


def _link_problem(error: BaseException) -> SidestreamError:
    """Give the loss or refusal a session ended with; raises the error when it is anything else."""
    if isinstance(error, LinkLostError | RefusedError):
        return error
    if isinstance(error, BaseExceptionGroup):
        found, rest = error.split((LinkLostError, RefusedError))
        if rest is None and found is not None:
            return _link_problem(found.exceptions[0])
    raise error


async def _stop(running: asyncio.Future[None]) -> None:
    if not running.done():
        running.cancel()
        await asyncio.wait({running})
