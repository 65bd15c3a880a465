"""The lane: polls the sources of one connection, each on its own beat, one request at a time."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adapters.adapter import Health, Link, Outlet
from adapters.modbus.answer import Answer, Failure, Scope
from adapters.modbus.line import Line
from adapters.modbus.points import Polled, Span
from adapters.modbus.schedule import Pause, aligned, following
from adapters.modbus.unit import Round, Unit
from adapters.reading import NANOSECONDS, Block

_MINUTE = 60 * NANOSECONDS
_LONGEST_SLEEP = 1.0
_SILENT_LIMIT = 3
"""Requests without any answer after which the line itself is taken to be dead."""


@dataclass(slots=True)
class _Member:
    """One source of the lane, its beat and its state."""

    unit: Unit
    settings: Polled
    every: int
    due: int
    pause: Pause
    health: Health
    reported: int | None = None
    requests: int = 0
    failures: int = 0
    asked: int = 0
    unopened: Failure | None = None
    """Why the line could not be opened for this round."""
    round: Round | None = None
    outcome: Answer | Failure | None = None


class Lane:
    """Polls sources over one line until cancelled.

    A silent device is asked ever less often, so that it costs the others little; when nothing on
    the line answers, the line is rebuilt, and each device gets its turn in trying it.
    """

    def __init__(
        self,
        line: Line,
        units: Sequence[tuple[Unit, Polled]],
        outlet: Outlet,
        clock: Callable[[], int],
    ) -> None:
        self._line = line
        self._outlet = outlet
        self._clock = clock
        self._members = [_member(unit, one, len(units) > 1, clock()) for unit, one in units]
        self._pause = _line_pause([settings for _, settings in units])
        self._dead: Failure | None = None
        self._silent = 0
        self._turn = 0

    async def run(self) -> None:
        """Poll for good; returns only by cancellation."""
        try:
            while True:
                now = self._clock()
                self._refresh(now)
                member = self._ready(now)
                if member is None:
                    await asyncio.sleep(self._until_due(now))
                else:
                    await self._step(member, now)
        finally:
            self._line.close()

    def _ready(self, now: int) -> _Member | None:
        ready = [
            member for member in self._members if member.round is not None or _due(member, now)
        ]
        return min(ready, key=lambda member: member.asked, default=None)

    def _until_due(self, now: int) -> float:
        wait = min(member.due for member in self._members) - now
        return min(max(wait, 0) / NANOSECONDS, _LONGEST_SLEEP)

    async def _step(self, member: _Member, now: int) -> None:
        """Take a source one request further, or through a poll that cannot take place."""
        if member.round is None:
            member.due = following(member.due, now, member.every)
            missed = self._held_off(member, now)
            if missed is not None:
                await self._miss(member, missed)
                return
            # First the line, so that many lines are opened while the first requests are planned.
            member.unopened = await self._opened(member)
            member.round = member.unit.round(self._clock())
            member.outcome = None
        await self._advance(member, member.round)

    def _held_off(self, member: _Member, now: int) -> Failure | None:
        if self._dead is not None:
            return replace(self._dead, time=now) if self._pause.active(now) else None
        if member.unit.failure is not None and member.pause.active(now):
            return replace(member.unit.failure, time=now)
        return None

    async def _miss(self, member: _Member, failure: Failure) -> None:
        self._report(member, failure)
        block = member.unit.missed(failure)
        if block is not None:
            await self._outlet.deliver(block)

    async def _advance(self, member: _Member, polling: Round) -> None:
        """Take a source to its next answer, or to the end of its poll when none other waits."""
        while True:
            try:
                action = polling.send(member.outcome)
            except StopIteration:
                member.round = None
                self._report(member, member.unit.failure)
                return
            member.outcome = None
            if isinstance(action, Block):
                await self._outlet.deliver(action)
                continue
            member.outcome = await self._ask(member, action)
            if len(self._members) > 1:
                return

    async def _ask(self, member: _Member, request: Span) -> Answer | Failure:
        self._turn += 1
        member.asked = self._turn
        outcome = await self._read(member, request)
        member.requests += 1
        member.failures += isinstance(outcome, Failure)
        self._judge(member, outcome)
        return outcome

    async def _read(self, member: _Member, request: Span) -> Answer | Failure:
        settings = member.settings
        if self._dead is not None and self._pause.active(self._clock()):
            return self._dead
        failure, member.unopened = member.unopened or await self._opened(member), None
        if failure is not None:
            return failure
        return await self._line.read(request, settings.device_id, settings.timeout)

    async def _opened(self, member: _Member) -> Failure | None:
        """Open the line unless it is up; gives why that failed."""
        return None if self._line.up else await self._line.open(member.settings.timeout)

    def _judge(self, member: _Member, outcome: Answer | Failure) -> None:
        """Learn from an outcome who is to be asked less: nobody, the device or the whole line."""
        if outcome is self._dead:
            return
        if isinstance(outcome, Failure) and not outcome.code and outcome.scope is not Scope.REQUEST:
            self._silent += 1
            if outcome.scope is Scope.LINE or self._silent >= self._limit():
                self._die(outcome)
                return
        else:
            self._revive()
        if isinstance(outcome, Failure) and outcome.scope is Scope.DEVICE:
            member.pause.fault(outcome.time, random.random())  # noqa: S311 # spreads retries only
        else:
            member.pause.clear()

    def _limit(self) -> int:
        return min(len(self._members) + 1, _SILENT_LIMIT)

    def _die(self, failure: Failure) -> None:
        self._line.close()
        self._dead = failure
        self._pause.fault(failure.time, random.random())  # noqa: S311 # spreads retries only
        for member in self._members:
            member.pause.clear()

    def _revive(self) -> None:
        self._silent = 0
        if self._dead is not None:
            self._dead = None
            self._pause.clear()

    def _report(self, member: _Member, failure: Failure | None) -> None:
        state = Health(
            link=Link.UP if failure is None or failure.scope is Scope.REQUEST else Link.DOWN,
            error="" if failure is None else failure.text,
            requests=member.requests,
            failures=member.failures,
            notes=member.unit.notes(),
        )
        changed = _shown(state) != _shown(member.health)
        member.health = state
        if changed:
            member.reported = None

    def _refresh(self, now: int) -> None:
        """Report sources whose state changed or was last told a minute ago."""
        for member in self._members:
            if member.reported is None or not 0 <= now - member.reported < _MINUTE:
                member.reported = now
                self._outlet.report(member.unit.name, member.health)


def _due(member: _Member, now: int) -> bool:
    if member.due - now > member.every:  # the clock was set back
        member.due = aligned(now, member.every)
    return member.due <= now


def _shown(health: Health) -> tuple[Link, str, tuple[str, ...]]:
    return health.link, health.error, health.notes


def _nanoseconds(seconds: float) -> int:
    return max(1, round(seconds * NANOSECONDS))


def _member(unit: Unit, settings: Polled, shared: bool, now: int) -> _Member:
    every = _nanoseconds(settings.every)
    longest = settings.every
    if shared:
        longest = max(longest, 10 * settings.timeout)
    return _Member(
        unit=unit,
        settings=settings,
        every=every,
        due=now // every * every,  # at once; from then on the beat
        pause=_pause(settings, longest),
        health=Health(Link.CONNECTING),
    )


def _line_pause(sources: Sequence[Polled]) -> Pause:
    quickest = min(sources, key=lambda settings: settings.every)
    return _pause(quickest, quickest.every)


def _pause(settings: Polled, longest: float) -> Pause:
    shortest = min(settings.backoff_min, settings.backoff_max or settings.backoff_min)
    most = settings.backoff_max or max(longest, shortest)
    return Pause(_nanoseconds(shortest), _nanoseconds(most))
