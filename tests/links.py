"""Run sessions on links to a broker in tests, and wait for what should happen."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from config.plan import BrokerPlan, TlsPlan
from gateway.mqtt import Connection, LinkState, keep_connected
from tests.pki import Pair

SOON = 15.0
QUICK = (0.02, 0.1)


async def eventually(holds: Callable[[], object], seconds: float = SOON) -> None:
    """Wait until a condition holds; raises `TimeoutError`."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another program
            await asyncio.sleep(0.01)


def broker(port: int, tls: TlsPlan | None = None, **more: Any) -> BrokerPlan:
    """Make the plan of a broker on 127.0.0.1."""
    return BrokerPlan("127.0.0.1", port, tls, **more)


def trust(ca: Path, client: Pair | None = None) -> TlsPlan:
    """Make a TLS plan."""
    if client is None:
        return TlsPlan(str(ca))
    return TlsPlan(str(ca), str(client.certificate), str(client.key))


class Link:
    """What a test sees of a link that is kept: its states and its latest connection."""

    def __init__(self) -> None:
        self.states: list[LinkState] = []
        self.connections: list[Connection] = []
        self.task: asyncio.Task[None] | None = None

    @property
    def now(self) -> Connection:
        """The latest connection."""
        return self.connections[-1]

    @property
    def up(self) -> bool:
        """Whether the last state told is connected."""
        return bool(self.states) and self.states[-1].connected

    def told(self, words: str) -> bool:
        """Tell whether a state's detail has had these words."""
        return any(words in state.detail for state in self.states)


Session = Callable[[Connection], Awaitable[None]]


@contextlib.asynccontextmanager
async def kept(
    plan: BrokerPlan, session: Session | None = None, **options: Any
) -> AsyncIterator[Link]:
    """Keep a link in the background; without a session it idles until the end."""
    link = Link()

    async def run(connection: Connection) -> None:
        link.connections.append(connection)
        if session is None:
            await asyncio.Event().wait()
        else:
            await session(connection)

    settings = {"clean": True, "session_expiry": 0, "backoff": QUICK, **options}
    link.task = asyncio.create_task(
        keep_connected(plan, run, on_state=link.states.append, **settings)
    )
    try:
        yield link
    finally:
        link.task.cancel()
        await asyncio.wait({link.task})


@contextlib.asynccontextmanager
async def connected(plan: BrokerPlan, **options: Any) -> AsyncIterator[Link]:
    """Keep a link and wait until it stands."""
    async with kept(plan, **options) as link:
        await eventually(lambda: link.connections)
        yield link
