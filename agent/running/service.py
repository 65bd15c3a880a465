"""The agent as a running program: adapters feed the engine, commits go to disk, records go out."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adapters.adapter import Health, Link, Source, adapter
from adapters.errors import TransientError
from adapters.reading import NANOSECONDS, Block
from agent.disclosing.record import Sealer
from agent.disclosing.sending import Delays
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Depth, Storage
from agent.running import status, statusfile
from agent.running.assembly import contracts, is_replay, memory
from agent.running.certificates import Certificates
from agent.running.engine import AHEAD, HORIZON, Engine
from agent.running.expiry import Expiry
from agent.running.keeper import Keeper
from agent.running.lanes import lane_patience, lanes
from agent.running.lifeguard import Lifeguard
from agent.running.metrics import metrics
from agent.running.publisher import Publisher, live_window
from agent.running.pulse import Pulse
from agent.running.supervisor import Supervisor, cancel
from agent.running.timekeeper import Timekeeper
from agent.running.troubles import Troubles
from agent.running.trust import Trust
from config.plan import OutboxPlan, PlantPlan
from gateway import changes, prometheus
from gateway.database import CorruptError
from gateway.notify import READY, STOPPING, notify
from gateway.notify import status as status_line
from gateway.reserve import Reserve
from gateway.wire import quarter

_log = logging.getLogger("sidestream.agent")
_TICK = NANOSECONDS // 2
_STATUS_EVERY = 5 * NANOSECONDS
"""Longest time between two writings of the status; a change of a source is told at once."""
CLOCKWORK = "clockwork"
CLOCKWORK_SILENCE = 3 * NANOSECONDS
"""Longest time between two beats of the clockwork before no sign of life is given; a commit to a
slow disk may take it. The service manager's own patience (WatchdogSec) comes on top."""
PUBLISHER = "publisher"
FIRST_SIGN = 30.0
NEVER = 2**62
"""A part that promises no sign of life until it says when."""
_DRAIN_PATIENCE = 600.0
_GOODBYE = 3.0
_NO_AGE = 1 << 62
_NOTABLE = 300 * NANOSECONDS
"""Windows that much ahead of the clock are told: nothing more is closed until then."""
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


class Service:
    """One plant's agent from start to stop."""

    def __init__(
        self, plan: PlantPlan, outbox: Outbox, seals: Sealer | None, *, trust_clock: bool = False
    ) -> None:
        self._plan = plan
        self._outbox = outbox
        self._replay = is_replay(plan)
        self._data_clock = _DataClock()
        required = plan.windows.require_clock_sync and not self._replay
        self._time = Timekeeper(required=required, vouched=trust_clock)
        self._clock_good = asyncio.Event()
        bound = 0 if self._replay else plan.windows.jitter
        draw = random.SystemRandom()
        delays = Delays(bound, lambda most: draw.randint(0, most))
        self._engine = Engine(
            plan,
            seals,
            # A record that is made now is of a window that has ended.
            lambda: delays(quarter(wall_clock() - plan.windows.release)),
            memory(outbox, plan),
            horizon=None if self._replay else HORIZON,
            withdrawn=outbox.withdrawals,
            contracts=contracts(plan, outbox, seals),
        )
        self._board = status.Board.of(plan.sources)
        self._told = 0
        self._troubles = Troubles(self._tell_soon)
        self._pulse = Pulse()
        self._expiry = Expiry(Certificates(plan), outbox, self._troubles, self._engine.note)
        self._supervisor = Supervisor(self._troubles.tell, self._pulse, time.monotonic_ns)
        self._lane_of: dict[str, tuple[str, int]] = {}
        self._started = wall_clock()
        reserve = Reserve(Path(plan.state_dir), plan.outbox.reserve)
        self._keeper = Keeper(outbox, reserve, self._engine, self._troubles, wall_clock, self._kept)
        self._publisher = self._make_publisher(seals)

    def _make_publisher(self, seals: Sealer | None) -> Publisher | None:
        if seals is None:
            return None
        windows = self._plan.windows
        live_for = live_window(windows.release, windows.grace, windows.jitter)
        trust = seals.hubs
        if not isinstance(trust, Trust):
            folder = Path(self._plan.state_dir)
            trust = Trust(seals.plant, seals.hub, seals.uplink.cluster, folder)
        return Publisher(
            seals.uplink,
            seals.plant,
            trust,
            self._outbox,
            wall_clock,
            live_for,
            self._published,
            windows.jitter / NANOSECONDS,
        )

    def _published(self, within: float) -> None:
        self._pulse.beat(PUBLISHER, time.monotonic_ns(), int(within * NANOSECONDS))

    # -- the outlet of the adapters --------------------------------------------------------------

    async def deliver(self, block: Block) -> None:
        """Take a block from an adapter."""
        self._sign(block.source)
        self._board.note(block)
        if not self._look_at_clock():
            return
        self._engine.take(block)
        if self._replay:
            await self._replayed(block)

    def _look_at_clock(self) -> bool:
        """See whether the clock was set; tells whether it is good enough to measure by."""
        step = 0 if self._replay else self._time.look()
        if not self._time.trusted:
            return False
        if not self._clock_good.is_set():
            self._clock_good.set()
            self._engine.begin(wall_clock())
        elif step:
            self._started += step
            _log.warning(
                "the clock was set by %+.1f s", step / NANOSECONDS, extra={"change": changes.CLOCK}
            )
            self._engine.clock_step(wall_clock(), step)
        return True

    async def _replayed(self, block: Block) -> None:
        """Let the data's time drive windows, and commit as they close."""
        self._data_clock.now = max(self._data_clock.now, block.time)
        self._engine.advance(self._data_clock.now)
        pause = min(_REPLAY_COMMIT, self._plan.windows.checkpoint)
        if wall_clock() - self._keeper.committed > pause:
            await self.commit()

    def _sign(self, source: str) -> None:
        lane = self._lane_of.get(source)
        if lane is not None:
            self._pulse.beat(lane[0], time.monotonic_ns(), lane[1])

    def _tell_soon(self) -> None:
        self._told = 0

    def _kept(self) -> None:
        if self._publisher is not None:
            self._publisher.wake()

    def report(self, source: str, health: Health) -> None:
        """Take a source's state from an adapter; changes are logged once."""
        self._sign(source)
        before = self._board.hear(source, health, wall_clock())
        if before is None or (before.link, before.error) != (health.link, health.error):
            self._told = 0
            calm = health.link in {Link.UP, Link.DONE, Link.CONNECTING}
            text = f": {health.error}" if health.error else ""
            _log.log(
                logging.INFO if calm else logging.WARNING, "source %s %s%s", source,
                health.link.value, text, extra={"source": source, "change": changes.SOURCE},
            )  # fmt: skip
        for note in set(health.notes) - set(before.notes if before else ()):
            _log.warning("source %s: %s", source, note, extra={"source": source})

    # -- the beat --------------------------------------------------------------------------------

    async def commit(self) -> None:
        """Write everything that changed; what the disk refuses is kept and tried again."""
        await self._keeper.commit()

    async def _tick(self) -> None:
        """Close windows when due, checkpoint the rest, trim the outbox, tell the status."""
        checkpoint = self._plan.windows.checkpoint
        trimmed = 0
        while True:
            trusted, now = self._look_at_clock(), wall_clock()
            self._pulse.beat(CLOCKWORK, time.monotonic_ns(), CLOCKWORK_SILENCE)
            if trusted and not self._replay:
                await self._catch_up(now)
                self._engine.advance(now)
            if trusted and (self._engine.restless or due(self._keeper.committed, checkpoint, now)):
                await self.commit()
            if trusted and due(trimmed, checkpoint, now):
                trimmed = now
                await self._keeper.upkeep(self._bounds(), now)
                if await self._expiry.look(now):
                    self.reconnect()
            if due(self._told, _STATUS_EVERY, now):
                self._told = now
                await self._tell(now)
            # On the beat, where devices are polled too: each waking costs, together they cost less.
            await asyncio.sleep((_TICK - wall_clock() % _TICK) / NANOSECONDS)

    async def _catch_up(self, now: int) -> None:
        """Set aside windows that a clock which was far ahead has made, once it is right."""
        ahead = self._engine.pipeline.ahead(now)
        self._time.ahead = ahead if ahead > _NOTABLE else 0
        if ahead > AHEAD and self._time.right and await self._keeper.set_aside(now):
            _log.warning("windows ahead of the clock were set aside: see `sidestream events`")

    def reconnect(self) -> None:
        """Connect to the broker anew, with its files as they are now."""
        if self._publisher is not None:
            self._publisher.reconnect()

    def _bounds(self) -> OutboxPlan:
        """Bound the outbox; by a clock that may be years ahead, every record would be too old."""
        bounds = self._plan.outbox
        return bounds if self._time.sync.synchronised else replace(bounds, max_age=_NO_AGE)

    async def _tell(self, now: int, *, stopped: bool = False) -> None:
        """Write the status file. A disk that refuses is told: a restart would not mend it."""
        try:
            depth, storage = await asyncio.to_thread(self._keeper.measure)
            document = status.describe(self._snapshot(now, depth, storage, stopped=stopped))
            await asyncio.to_thread(_publish_state, self._plan, document)
        except CorruptError as error:
            await self._keeper.damaged(error)
        except TransientError as error:
            self._troubles.tell("status file", str(error))
        else:
            self._troubles.tell("status file", "")
            worst = "".join(f": {text}" for text in document["problems"][:1])
            notify(status_line(f"{document['level']}{worst}"))

    def _snapshot(
        self, now: int, depth: Depth, storage: Storage, *, stopped: bool
    ) -> status.Snapshot:
        return status.Snapshot(
            plan=self._plan,
            now=now,
            started=self._started,
            board=self._board,
            windows=self._engine.pipeline.open_windows(),
            depth=depth,
            storage=storage,
            uplink=self._publisher.state if self._publisher else None,
            troubles=self._troubles,
            clock=None if self._replay else self._time.told(),
            stopped=stopped,
            withdrawn=self._outbox.withdrawals(),
        )

    # -- life ------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until stopped, or until recorded data has ended and been received by the hub."""
        self._say_hello()
        run = self._supervisor.run
        # Readers first: devices are connected to while the rest begins.
        readers = [
            asyncio.ensure_future(self._lane(f"source {lane}", sources))
            for lane, sources in lanes(self._plan.sources).items()
        ]
        background = [asyncio.ensure_future(run(CLOCKWORK, self._tick))]
        publishing = None
        if self._publisher is not None:
            publishing = asyncio.ensure_future(run(PUBLISHER, self._publish, NEVER))
            background.append(publishing)
        notify(READY)
        lifeguard = Lifeguard(self._pulse)
        lifeguard.start()
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
            await cancel([*readers, *background, stopping])
            lifeguard.stop()
            await self._tell(wall_clock(), stopped=True)
        _log.info(
            "agent stopped; everything measured so far is kept", extra={"change": changes.STOPPED}
        )

    async def _publish(self) -> None:
        """Publish once the clock is good: pseudonyms and certificates are of their time."""
        await self._clock_good.wait()
        if self._publisher is not None:
            self._published(FIRST_SIGN)
            await self._publisher.run()

    def _say_hello(self) -> None:
        sources, streams = len(self._plan.sources), len(self._plan.streams)
        uplink = self._plan.uplink
        goal = "nothing leaves the plant" if uplink is None else f"records for {uplink.cluster}"
        _log.info(
            "agent starts: %d sources, %d streams, %s", sources, streams, goal,
            extra={"change": changes.STARTED},
        )  # fmt: skip

    async def _end(self, readers: Sequence[asyncio.Task[None]], *, complete: bool) -> None:
        """Commit what there is; recorded data that has ended closes its last windows too."""
        await cancel(readers)
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
        await cancel([drained])
        await self._tell(wall_clock())

    async def _say_goodbye(self, publishing: asyncio.Task[None] | None) -> None:
        """Let the publisher end by itself when it is connected; it has little time."""
        if self._publisher is None or publishing is None:
            return
        self._publisher.stop()
        if self._publisher.state.link.connected:
            await asyncio.wait({publishing}, timeout=_GOODBYE)

    def _reader(self, sources: Sequence[Source]) -> Callable[[], Awaitable[None]]:
        reads = adapter(sources[0].settings.protocol, sources[0].found)

        async def read() -> None:
            own = {source.name for source in sources}
            resume = {name: cursor for name, cursor in self._engine.cursors.items() if name in own}
            await reads.run(sources, self, resume)

        return read

    def _lane(self, name: str, sources: Sequence[Source]) -> Awaitable[None]:
        """Run the reader of a lane, which must deliver or report in time."""
        within = lane_patience(sources)
        self._lane_of |= {source.name: (name, within) for source in sources}
        return self._supervisor.run(name, self._reader(sources), within)


def _publish_state(plan: PlantPlan, document: Mapping[str, Any]) -> None:
    """Write the status file and the metrics made of it; raises `TransientError`."""
    directory = Path(plan.runtime_dir)
    statusfile.write(directory, document)
    prometheus.publish(directory, plan.metrics, metrics(document))


def due(last: int, every: int, now: int) -> bool:
    """Tell whether something is to be done again; at once when the clock was set back."""
    return not 0 <= now - last < every
