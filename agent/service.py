"""The agent as a running program: adapters feed the engine, commits go to disk, records go out."""

import asyncio
import logging
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.adapter import Health, Link, Source, adapter
from adapters.errors import PermanentError, SidestreamError, TransientError
from adapters.reading import NANOSECONDS, Block
from agent import status, statusfile
from agent.engine import CARRY, CURSOR, HORIZON, STREAM, Engine, Memory, carried
from agent.outbox import Outbox
from agent.publisher import Publisher, live_window
from agent.record import Sealer
from agent.tables import Commit, Depth
from config.plan import RECORDED, PlantPlan
from gateway import keys
from gateway.notify import ALIVE, READY, STOPPING, notify
from gateway.notify import status as status_line

_log = logging.getLogger("sidestream.agent")
_TICK = NANOSECONDS // 2
_STATUS_EVERY = 5 * NANOSECONDS
"""Longest time between two writings of the status; a change of a source is told at once."""
_RESTART_AFTER = (1.0, 60.0)
KEY_FILE = "plant.key"
_DRAIN_PATIENCE = 600.0
_GOODBYE = 3.0
_REPLAY_COMMIT = NANOSECONDS // 4
"""Longest time between commits in a replay, which reads faster than a checkpoint is made for."""


def wall_clock() -> int:
    """Give the time of day in nanoseconds since 1970."""
    return time.time_ns()


@dataclass(slots=True)
class _DataClock:
    """A clock that shows the time of the newest reading: for replays."""

    now: int = 0

    def __call__(self) -> int:
        return self.now or time.time_ns()


@dataclass(slots=True)
class _Progress:
    """What the watchdog and the status need to know about the service."""

    troubles: dict[str, str] = field(default_factory=dict)
    told: int = 0
    """When the status was last written; 0: what it says has changed since."""


def is_replay(plan: PlantPlan) -> bool:
    """Tell whether the plan reads recorded data; loading refuses a mix of both."""
    return any(source.settings.protocol == RECORDED for source in plan.sources)


def plant_key(plan: PlantPlan, *, create: bool = False) -> keys.PlantKey:
    """Load the plant's key from a systemd credential or the state directory."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials) / KEY_FILE).exists():
        return keys.PlantKey(keys.load(path))
    return keys.PlantKey(keys.load(Path(plan.state_dir) / KEY_FILE, create=create))


def sealer(plan: PlantPlan) -> Sealer | None:
    """Make what seals the plant's records, or None for a plant without a hub."""
    if plan.uplink is None:
        return None
    hub = keys.HubPublic.parse(plan.uplink.hub_key)
    try:
        plant = plant_key(plan)
    except keys.NoKeyError:
        plant = plant_key(plan, create=True)
        _log.warning("there was no key, so one was made: tell it to the hub (`sidestream key`)")
    return Sealer(plant, hub, plan.uplink)


def memory(outbox: Outbox) -> Memory:
    """Read what the engine must know to go on where the last commit stopped."""
    released = outbox.meta("released_to")
    start = int(released) if released else 0
    return Memory(
        streams=outbox.state(STREAM),
        cursors=outbox.state(CURSOR),
        totals=tuple(outbox.totals(start, 2**63 - 1)),
        closed_to=outbox.closed_to(),
        released_to=int(released) if released else None,
        last_sequence=outbox.last_sequence(),
        carried=carried(outbox.state(CARRY)),
    )


class Service:
    """One plant's agent from start to stop."""

    def __init__(self, plan: PlantPlan, outbox: Outbox, seals: Sealer | None) -> None:
        self._plan = plan
        self._outbox = outbox
        self._replay = is_replay(plan)
        self._data_clock = _DataClock()
        self._clock: Callable[[], int] = self._data_clock if self._replay else wall_clock
        bound = 0 if self._replay else plan.windows.jitter
        draw = random.SystemRandom()
        self._engine = Engine(
            plan,
            seals,
            lambda: draw.randint(0, bound),
            memory(outbox),
            horizon=None if self._replay else HORIZON,
        )
        self._board = status.Board()
        self._progress = _Progress()
        self._unwritten = Commit()
        self._writing = asyncio.Lock()
        self._started = wall_clock()
        self._committed = self._started
        self._publisher = self._make_publisher(seals)

    def _make_publisher(self, seals: Sealer | None) -> Publisher | None:
        if seals is None:
            return None
        windows = self._plan.windows
        live_for = live_window(windows.release, windows.grace, windows.jitter)
        return Publisher(seals.uplink, seals.plant, seals.hub, self._outbox, wall_clock, live_for)

    # -- the outlet of the adapters --------------------------------------------------------------

    async def deliver(self, block: Block) -> None:
        """Take a block from an adapter."""
        self._board.note(block)
        self._engine.take(block)
        if self._replay:
            await self._replayed(block)

    async def _replayed(self, block: Block) -> None:
        """Let the data's time drive windows, and commit as they close."""
        self._data_clock.now = max(self._data_clock.now, block.time)
        self._engine.advance(self._data_clock.now)
        pause = min(_REPLAY_COMMIT, self._plan.windows.checkpoint)
        if wall_clock() - self._committed > pause:
            await self.commit()

    def report(self, source: str, health: Health) -> None:
        """Take a source's state from an adapter; changes are logged once."""
        before = self._board.hear(source, health, wall_clock())
        if before is None or (before.link, before.error) != (health.link, health.error):
            self._progress.told = 0
            calm = health.link in {Link.UP, Link.DONE, Link.CONNECTING}
            text = f": {health.error}" if health.error else ""
            _log.log(
                logging.INFO if calm else logging.WARNING, "source %s %s%s", source,
                health.link.value, text,
            )  # fmt: skip
        for note in set(health.notes) - set(before.notes if before else ()):
            _log.warning("source %s: %s", source, note)

    # -- commits ---------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Write everything that changed; what the disk refuses is kept and tried again.

        A caller that is cancelled leaves the write to its end: half-known commits would be doubled.
        """
        await asyncio.shield(asyncio.create_task(self._write()))

    async def _write(self) -> None:
        async with self._writing:
            self._unwritten = self._unwritten.followed_by(self._engine.commit())
            self._committed = wall_clock()
            try:
                await asyncio.to_thread(self._outbox.commit, self._unwritten, self._committed)
            except TransientError as error:
                self._trouble("state file", str(error))
                return
            self._unwritten = Commit()
            self._trouble("state file", "")
        if self._publisher is not None:
            self._publisher.wake()

    def _trouble(self, what: str, text: str) -> None:
        if text and self._progress.troubles.get(what) != text:
            _log.error("%s: %s", what, text)
            self._progress.told = 0
        if text:
            self._progress.troubles[what] = text
        elif self._progress.troubles.pop(what, None):
            _log.info("%s: well again", what)

    async def _tick(self) -> None:
        """Close windows when due, checkpoint the rest, trim the outbox, tell the status."""
        checkpoint = self._plan.windows.checkpoint
        trimmed = 0
        while True:
            now = wall_clock()
            if not self._replay:
                self._engine.advance(now)
            if self._engine.restless or due(self._committed, checkpoint, now):
                await self.commit()
            if due(trimmed, checkpoint, now):
                trimmed = now
                await self._trim(now)
            if due(self._progress.told, _STATUS_EVERY, now):
                self._progress.told = now
                await self._tell(now)
            # On the beat, where devices are polled too: each waking costs, together they cost less.
            await asyncio.sleep((_TICK - wall_clock() % _TICK) / NANOSECONDS)

    async def _trim(self, now: int) -> None:
        try:
            events = await asyncio.to_thread(self._outbox.trim, self._plan.outbox, now)
        except TransientError as error:
            self._trouble("state file", str(error))
            return
        for event in events:
            _log.error("%s", event.detail)

    async def _tell(self, now: int, *, stopped: bool = False) -> None:
        """Write the status file and ping the watchdog: only a loop that gets here is alive.

        A disk that refuses is told and does not stop the pings: a restart would not mend it, and
        would forget what waits in memory. A disk that hangs holds up commits, and so the pings.
        """
        try:
            depth = await asyncio.to_thread(self._outbox.depth)
            document = status.describe(self._snapshot(now, depth, stopped=stopped))
            await asyncio.to_thread(statusfile.write, Path(self._plan.runtime_dir), document)
        except TransientError as error:
            self._trouble("status file", str(error))
            notify(ALIVE)
        else:
            self._trouble("status file", "")
            worst = "".join(f": {text}" for text in document["problems"][:1])
            notify(ALIVE, status_line(f"{document['level']}{worst}"))

    def _snapshot(self, now: int, depth: Depth, *, stopped: bool) -> status.Snapshot:
        return status.Snapshot(
            plan=self._plan,
            now=now,
            started=self._started,
            board=self._board,
            windows=self._engine.pipeline.open_windows(),
            depth=depth,
            uplink=self._publisher.state if self._publisher else None,
            troubles=self._progress.troubles,
            stopped=stopped,
        )

    # -- life ------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until stopped, or until recorded data has ended and been received by the hub."""
        self._say_hello()
        background = [asyncio.create_task(self._supervise("clockwork", self._tick))]
        publishing = None
        if self._publisher is not None:
            publishing = asyncio.create_task(self._supervise("publisher", self._publisher.run))
            background.append(publishing)
        readers = [
            asyncio.create_task(self._supervise(f"source {lane}", self._reader(sources)))
            for lane, sources in self._lanes().items()
        ]
        notify(READY)
        stopping = asyncio.create_task(stop.wait())
        try:
            ended = asyncio.gather(*readers) if self._replay else stopping
            await asyncio.wait(
                {stopping, asyncio.ensure_future(ended)}, return_when="FIRST_COMPLETED"
            )
            complete = self._replay and not stop.is_set()
            if complete:
                await self._end(readers, complete=True)
                await self._drain(stopping)
                notify(STOPPING)
            else:
                notify(STOPPING)
                await self._end(readers, complete=False)
            await self._say_goodbye(publishing)
        finally:
            await _cancel([*readers, *background, stopping])
            await self._tell(wall_clock(), stopped=True)
        _log.info("agent stopped; everything measured so far is kept")

    def _say_hello(self) -> None:
        sources, streams = len(self._plan.sources), len(self._plan.streams)
        uplink = self._plan.uplink
        goal = "nothing leaves the plant" if uplink is None else f"records for {uplink.cluster}"
        _log.info("agent starts: %d sources, %d streams, %s", sources, streams, goal)

    async def _end(self, readers: Sequence[asyncio.Task[None]], *, complete: bool) -> None:
        """Commit what there is; recorded data that has ended closes its last windows too."""
        await _cancel(readers)
        if complete:
            self._engine.finish(self._data_clock())
        await self.commit()
        await self._tell(wall_clock())

    async def _drain(self, stopping: asyncio.Task[bool]) -> None:
        """Wait until the hub has confirmed every record, or somebody stops the agent."""
        if self._publisher is None:
            return
        drained = asyncio.create_task(self._publisher.drained(_DRAIN_PATIENCE))
        await asyncio.wait({drained, stopping}, return_when="FIRST_COMPLETED")
        if not drained.done() or not drained.result():
            _log.error("the hub has not confirmed every record: run again to go on sending")
        await _cancel([drained])
        await self._tell(wall_clock())

    async def _say_goodbye(self, publishing: asyncio.Task[None] | None) -> None:
        """Let the publisher end by itself when it is connected; it has little time."""
        if self._publisher is None or publishing is None:
            return
        self._publisher.stop()
        if self._publisher.state.link.connected:
            await asyncio.wait({publishing}, timeout=_GOODBYE)

    def _lanes(self) -> Mapping[str, list[Source]]:
        lanes: dict[str, list[Source]] = {}
        for source in self._plan.sources:
            lane = adapter(source.settings.protocol).lane(source)
            lanes.setdefault(f"{source.settings.protocol} {lane}", []).append(source)
        return lanes

    def _reader(self, sources: Sequence[Source]) -> Callable[[], Awaitable[None]]:
        reads = adapter(sources[0].settings.protocol)

        async def read() -> None:
            own = {source.name for source in sources}
            resume = {name: cursor for name, cursor in self._engine.cursors.items() if name in own}
            await reads.run(sources, self, resume)

        return read

    async def _supervise(self, name: str, start: Callable[[], Awaitable[None]]) -> None:
        """Run a part until it ends; a part that fails is started again, apart from all others.

        Each run is a task of its own, so that a cancellation nobody asked for counts as a failure.
        """
        pause, longest = _RESTART_AFTER
        while True:
            part = asyncio.ensure_future(start())
            try:
                await asyncio.wait({part})
            finally:
                await _cancel([part])
            trouble = _trouble_of(part)
            self._trouble(name, trouble)
            if not trouble:
                return
            if not part.cancelled() and isinstance(part.exception(), PermanentError):
                pause = longest
            await asyncio.sleep(pause)
            pause = min(longest, pause * 2)


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


def due(last: int, every: int, now: int) -> bool:
    """Tell whether something is to be done again; at once when the clock was set back."""
    return not 0 <= now - last < every


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
