"""One source on an open session: its points subscribed or polled, and told to the outlet."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from asyncua import ua

from adapters.adapter import Health, Link, Outlet, Source
from adapters.errors import TransientError
from adapters.opcua.address import parse
from adapters.opcua.changes import changes
from adapters.opcua.claims import CHANGES
from adapters.opcua.identify import WRONG_DEVICE, another
from adapters.opcua.nodes import code_name
from adapters.opcua.sample import Sample, Samples, gather, sample, special, stamp
from adapters.opcua.session import Session, Subscribed, sound
from adapters.opcua.status import ABSENT, fault
from adapters.opcua.tasks import together
from adapters.opcua.trouble import translated
from adapters.opcua.watch import Watch
from adapters.reading import NANOSECONDS, Block, Fault, Quality

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaPoint, OpcUaSource

DISCONNECTED = Fault(Quality.BAD, "disconnected")
REPORT_SECONDS = 30.0
AHEAD = 4
"""Publish responses taken in before the pipeline has the first: then the server must queue."""
Clock = Callable[[], int]


class Clocks(NamedTuple):
    """Wall time in ns since 1970, and a clock in ns that is never set; `retry` in seconds.

    `retry` is how long a node that is not there waits to be asked for again.
    """

    wall: Clock
    mono: Clock
    retry: float = 60.0


class Response(NamedTuple):
    """A publish response and when it came."""

    result: Any
    now: int
    mono: int


@dataclass(slots=True)
class Feed:
    """What is known of a source across sessions, and how it is served on one of them."""

    source: Source
    settings: "OpcUaSource"
    outlet: Outlet
    clocks: Clocks
    failures: int = 0
    requests: int = 0
    health: Health | None = None
    watch: Watch = field(init=False)
    points: tuple["OpcUaPoint", ...] = field(init=False)
    nodes: list[ua.NodeId | Fault] = field(init=False, default_factory=list)
    items: dict[int, int] = field(init=False, default_factory=dict)
    revised: tuple[str, ...] = field(init=False, default=())
    _special: frozenset[int] = field(init=False)
    _handles: dict[int, int] = field(init=False, default_factory=dict)
    _next_handle: int = field(init=False, default=0)
    _reported: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.points = tuple(self.settings.points.values())
        self._special = special(self.points)
        self.watch = Watch(self.source.name, tuple(self.settings.points), _ns(self.settings.every))

    async def serve(self, session: Session) -> None:
        """Read the source until the session fails; raises `SidestreamError` then."""
        await together(self._serve(session), self._repeat())

    async def _repeat(self) -> None:
        """Report now and then, also where values are rare."""
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            if self.health is not None:
                self.report(self.health.link, self.health.error)

    async def _serve(self, session: Session) -> None:
        self.revised, self.items, self._handles = (), {}, {}
        self.watch.begin(self.clocks.mono())
        await self._find(session)
        await self._refused(range(len(self.points)))
        if self.settings.mode == "poll":
            await self._poll(session)
        else:
            await self._subscribe(session)

    async def _find(self, session: Session) -> None:
        """Find the nodes, once the server and device are those meant; waits while they are not."""
        while True:
            self.nodes = await session.resolve([parse(point.node) for point in self.points])
            self.requests += 1
            wrong = await another(session, self.settings, self.nodes)
            if not wrong:
                return
            self.failures += 1
            told = [(at, Sample(None, WRONG_DEVICE)) for at in range(len(self.points))]
            await self._told(told, self.clocks.wall(), self.clocks.mono())
            self.report(Link.DOWN, wrong)
            await asyncio.sleep(self.clocks.retry)

    async def lost(self, error: str) -> None:
        """Make all points bad at a cut (once), and say why."""
        self.failures += 1
        block = self.watch.lose(DISCONNECTED, self.clocks.wall(), self.clocks.mono())
        await self._deliver(block)
        self.report(Link.DOWN, error)

    def report(self, link: Link, error: str = "") -> None:
        """Report the source's state when it changed, or when half a minute has passed."""
        health = Health(link, error, self.requests, self.failures, self._notes())
        last, mono = self.health, self.clocks.mono()
        same = last is not None and (last.link, last.error, last.notes) == (
            health.link,
            health.error,
            health.notes,
        )
        if not same or mono - self._reported >= REPORT_SECONDS * NANOSECONDS:
            self.health, self._reported = health, mono
            self.outlet.report(self.source.name, health)

    def _notes(self) -> tuple[str, ...]:
        notes = [
            f"{name}: {self.settings.points[name].node}: {wrong.reason}"
            for name, wrong in self.watch.faults().items()
            if wrong.reason in ABSENT or wrong.reason == "unsupported-type"
        ]
        if self.watch.overflows:
            notes.append("the server lost values in its queues: raise `queue_size`")
        return (*notes, *self.revised)

    async def _deliver(self, block: Block | None) -> None:
        if block is not None:
            await self.outlet.deliver(block)

    async def _told(self, told: Iterable[tuple[int, Sample]], now: int, mono: int) -> None:
        await self._deliver(self.watch.take(Samples.of(told), now, mono))

    async def _refused(self, positions: Iterable[int]) -> None:
        """Tell the points that have no node."""
        found = [(at, self.nodes[at]) for at in positions]
        wrong = [(at, Sample(None, node)) for at, node in found if isinstance(node, Fault)]
        await self._told(wrong, self.clocks.wall(), self.clocks.mono())

    async def _retry(self, session: Session) -> list[int]:
        """Look again for the nodes that are not there; gives the positions to ask for anew."""
        faults = self.watch.faults()
        absent = [
            at
            for at, name in enumerate(self.watch.points)
            if name in faults and faults[name].reason in ABSENT
        ]
        if absent:
            found = await session.resolve([parse(self.points[at].node) for at in absent])
            for at, node in zip(absent, found, strict=True):
                self.nodes[at] = node
            if await another(session, self.settings, self.nodes):
                for at in absent:
                    self.nodes[at] = WRONG_DEVICE
            await self._refused(absent)
        return [at for at in absent if not isinstance(self.nodes[at], Fault)]

    # Polling

    async def _poll(self, session: Session) -> None:
        every, due = _ns(self.settings.every), self.clocks.mono()
        again = due + _ns(self.clocks.retry)
        while True:
            await self._read(session, range(len(self.points)))
            self.report(Link.UP)
            due = max(due + every, self.clocks.mono())
            await asyncio.sleep(max(0, due - self.clocks.mono()) / NANOSECONDS)
            if due >= again:
                await self._retry(session)
                again = due + _ns(self.clocks.retry)

    async def _read(self, session: Session, positions: Iterable[int]) -> None:
        """Read points once and tell what was read."""
        wanted = [at for at in positions if not isinstance(self.nodes[at], Fault)]
        told = await session.read([self.nodes[at] for at in wanted])
        self.requests += 1
        values = [
            (at, sample(value, code_name, self.points[at]))
            for at, value in zip(wanted, told, strict=True)
        ]
        await self._told(values, self.clocks.wall(), self.clocks.mono())

    # Subscribing

    async def _subscribe(self, session: Session) -> None:
        arrived: asyncio.Queue[Response] = asyncio.Queue(AHEAD)

        async def publish(result: Any) -> None:
            await arrived.put(Response(result, self.clocks.wall(), self.clocks.mono()))

        publishing = self.settings.publishing or self.settings.every
        made = await session.subscribe(publishing, publish)
        sampling = await self._monitor(session, made, range(len(self.points)))
        await self._listen(session, made, arrived, self._pace(made, sampling))

    async def _monitor(self, session: Session, made: Subscribed, positions: Iterable[int]) -> float:
        """Add monitored items; gives the longest sampling interval the server settled on, in s."""
        settings = self.settings
        sampling = settings.sampling or (settings.publishing or settings.every) / 2
        wanted = [at for at in positions if not isinstance(self.nodes[at], Fault)]
        handles = {self._handle(): at for at in wanted}
        results = await session.monitor(
            made.number,
            [(handle, self.nodes[at]) for handle, at in handles.items()],
            sampling,
            settings.queue_size,
        )
        self.requests += 1
        refused: list[tuple[int, Sample]] = []
        short, longest = 0, 0.0
        for (handle, at), result in zip(handles.items(), results, strict=True):
            wrong = _fault(result.StatusCode.value)
            if wrong is not None:
                refused.append((at, Sample(None, wrong)))
                continue
            self._handles[handle] = at
            self.items[at] = result.MonitoredItemId
            short += result.RevisedQueueSize < settings.queue_size
            longest = max(longest, sound(result.RevisedSamplingInterval / 1000))
        await self._told(refused, self.clocks.wall(), self.clocks.mono())
        if short:
            self._note(
                f"the server queues fewer than {settings.queue_size} changes of {short} points"
            )
        return longest

    def _handle(self) -> int:
        self._next_handle += 1
        return self._next_handle

    def _note(self, note: str) -> None:
        if note not in self.revised:
            self.revised = (*self.revised, note)

    def _pace(self, made: Subscribed, sampling: float) -> "Pace":
        """Decide how silence is dealt with on this subscription."""
        every = self.settings.every
        proof = max(made.keep_alive, sampling)
        slow = proof > 2 * every
        if slow:
            self._note(f"the server confirms values every {proof:g} s only: silent points are read")
        refresh = every if slow else self.settings.stale_after
        self.watch.lag = min(_ns(sampling), self.watch.every // 2)
        return Pace(
            deaf=_ns(2 * max(made.keep_alive, made.publishing) + self.settings.timeout),
            refresh=None if refresh is None else _ns(refresh),
            confirming=not slow,
        )

    async def _listen(
        self, session: Session, made: Subscribed, arrived: asyncio.Queue[Response], pace: "Pace"
    ) -> None:
        heard = looked = asked = self.clocks.mono()
        while True:
            wake = heard + pace.deaf if pace.refresh is None else asked + pace.refresh
            response = await self._next(arrived, min(wake, heard + pace.deaf))
            mono = self.clocks.mono()
            if response is not None:
                heard = response.mono
                await self._response(response, pace)
            elif mono - heard >= pace.deaf:
                raise TransientError(
                    "the subscription is silent: no keep-alive came", where=session.where
                )
            if pace.refresh is not None and mono - asked >= pace.refresh:
                asked = mono
                await self._read(session, self.watch.silent(mono, pace.refresh))
            if mono - looked >= _ns(self.clocks.retry):
                looked = mono
                await self._renew(session, made)
            self.report(Link.UP)

    async def _next(self, arrived: asyncio.Queue[Response], until: int) -> Response | None:
        """Wait for a publish response; None at `until`."""
        try:
            async with asyncio.timeout(max(0, until - self.clocks.mono()) / NANOSECONDS):
                return await arrived.get()
        except TimeoutError:
            return None

    async def _response(self, response: Response, pace: "Pace") -> None:
        """Tell what a publish response says, and what it proves by saying nothing."""
        result, now, mono = response
        message = result.NotificationMessage
        told = Samples()
        for part in message.NotificationData or []:
            self._notified(part, told)
        self.requests += 1
        await self._deliver(self.watch.take(told, now, mono, stamp(message.PublishTime)))
        if pace.confirming and not result.MoreNotifications:
            await self._deliver(self.watch.confirm(now, mono))

    def _notified(self, part: Any, told: Samples) -> None:
        """Take in a part of a notification; raises `TransientError` for one that ends it all."""
        if isinstance(part, ua.StatusChangeNotification):
            name = code_name(part.Status.value)
            raise TransientError(f"the server ended the subscription ({name})")
        if isinstance(part, ua.ExtensionObject) and part.TypeId == CHANGES:
            with translated(self.settings.url):
                runs = list(changes(part.Body or b""))
            for run in runs:
                gather(run, self._handles, self.points, self._special, told)

    async def _renew(self, session: Session, made: Subscribed) -> None:
        """Ask again for nodes that were not there, in place of their old monitored items."""
        positions = await self._retry(session)
        old = [self.items.pop(at) for at in positions if at in self.items]
        if old:
            await session.forget(made.number, old)
        if positions:
            await self._monitor(session, made, positions)


class Pace(NamedTuple):
    """How a subscription's silence is dealt with; times in ns.

    `deaf` without a response means the link is dead; points silent for `refresh` are read; and
    `confirming` says whether responses come often enough to confirm silent points.
    """

    deaf: int
    refresh: int | None
    confirming: bool


def _ns(seconds: float) -> int:
    return round(seconds * NANOSECONDS)


def _fault(code: int) -> Fault | None:
    return fault(code, code_name(code))
