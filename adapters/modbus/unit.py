"""One device's polling, decided without I/O: which requests, and what their answers come to.

A round is a generator: it gives a request and is sent its answer, or gives a block to deliver.
"""

from bisect import bisect_left
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from adapters.modbus.answer import Answer, Failure, Scope, explained, reason
from adapters.modbus.decode import Decoder, compiled
from adapters.modbus.plan import hull
from adapters.modbus.points import Meant, PointPlan, Polled, Span
from adapters.modbus.survey import SPLITTING, Survey
from adapters.reading import Block, Fault, Quality, Value

UNREAD = Fault(Quality.BAD, "unread")
WRONG_DEVICE = "wrong-device"
"""Reason of everything that was not read because the device is not the one meant."""
Outcome = Answer | Failure
Round = Generator[Span | Block, Outcome | None, None]
_Fetch = Generator[Span | Block, Outcome | None, bool]


_MOST_TUPLES = 64


class _SilentError(Exception):
    """Ends a round early: the device or the line gives no more answers."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A request's decoding, and the numbers of decimals its answer holds, by offset."""

    decoder: Decoder
    decimals: tuple[tuple[Span, int], ...]


@dataclass(slots=True)
class _Progress:
    """What a round has read so far."""

    now: int
    decimals: dict[Span, int] = field(default_factory=dict)
    held: list[tuple[Decoder, Answer]] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    faults: dict[str, Fault] = field(default_factory=dict)
    failure: Failure | None = None


class Unit:
    """One source: its points, what is known of its map, and its compiled requests.

    What follows from many points is worked out when it is first asked for, not here.
    """

    def __init__(self, name: str, settings: Polled) -> None:
        self.name = name
        self._points = settings.points
        self.survey = Survey(settings.max_registers, settings.max_bits)
        self.identity = settings.identity
        self.known = False
        """Whether the device has said who it is since it was last silent."""
        self.failure: Failure | None = None
        """Why the last round is incomplete, or None."""
        self._jobs: dict[Span, _Job] = {}
        self._requests: tuple[Span, ...] = ()
        self._planned: tuple[object, ...] | None = None
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}

    @cached_property
    def plans(self) -> tuple[PointPlan, ...]:
        """Its points."""
        return tuple(self._points.values())

    @cached_property
    def _registers(self) -> dict[Span, int]:
        numbers = {plan.span: plan.number for plan in self.plans}
        return numbers | {
            plan.decimals: plan.decimals_number for plan in self.plans if plan.decimals is not None
        }

    @cached_property
    def _wanted(self) -> list[Span]:
        return sorted(self._registers)

    @cached_property
    def _by_place(self) -> list[PointPlan]:
        return sorted(self.plans, key=lambda plan: plan.span)

    @cached_property
    def _decimals(self) -> set[Span]:
        return {plan.decimals for plan in self.plans if plan.decimals is not None}

    def requests(self) -> tuple[Span, ...]:
        """Plan the requests of a round with what is known now."""
        state = self.survey.state()
        if state != self._planned:
            self._planned = state
            self._requests = self.survey.requests(self._wanted)
            self._assign()
        return self._requests

    def _assign(self) -> None:
        # Requests may overlap where values do; a point is decoded from the first that holds it.
        self._jobs = {}
        taken: set[str] = set()
        for request in self._requests:
            plans = [plan for plan in self._plans(request) if plan.name not in taken]
            taken.update(plan.name for plan in plans)
            self._jobs[request] = self._job(request, plans)

    def notes(self) -> tuple[str, ...]:
        """Say what is left out and why."""
        return tuple(
            f"register {self._registers[value]}: {explained(code)}"
            for value, code in sorted(self.survey.refused.items())
        )

    def missed(self, failure: Failure) -> Block | None:
        """Make every point bad, for a poll that could not take place."""
        self.known = False
        return self._bad([plan.name for plan in self.plans], failure.fault, failure.time)

    def round(self, now: int) -> Round:
        """Read every point once; `now` in ns since 1970 UTC decides on retests."""
        progress = _Progress(now)
        self.failure = None
        try:
            if not self.known:
                yield from self._identify(progress)
            for request in (*self.requests(), *self.survey.due(now)):
                yield from self._fetch(request, (), progress)
        except _SilentError:
            pass
        for decoder, answer in progress.held:
            yield self._decoded(decoder, answer, progress)
        yield from self._rest(progress)

    def _identify(self, progress: _Progress) -> Round:
        """Ask the device who it is; ends the round when it is another, or does not say."""
        for meant, plan in self.identity:
            outcome = yield plan.span
            if outcome is None:
                raise _SilentError
            if isinstance(outcome, Failure):
                failure: Failure | None = _unsaid(meant, outcome)
            else:
                (said,), _ = compiled(plan.span, [plan]).decode(outcome.data, {})
                failure = None if said in meant.accepted else _another(meant, said, outcome.time)
            if failure is not None:
                self._blame(self.plans, failure, progress)
                raise _SilentError
        self.known = True

    def _within(self, request: Span) -> list[Span]:
        known = self.survey.refused
        return [
            value
            for value in self._wanted
            if request.holds(value) and (value == request or value not in known)
        ]

    def _fetch(self, request: Span, values: Sequence[Span], progress: _Progress) -> _Fetch:
        """Read one request; `values` are those it is for, none given: as it was planned."""
        outcome = yield request
        if isinstance(outcome, Answer):
            self.survey.answered(request)
            yield from self._answered(self._job_for(request, values), outcome, progress)
            return True
        if isinstance(outcome, Failure):
            yield from self._failed(request, values, outcome, progress)
        return False

    def _job_for(self, request: Span, values: Sequence[Span]) -> _Job:
        planned = self._jobs.get(request) if not values else None
        if planned is not None:
            return planned
        wanted = set(values or (request,))
        return self._job(request, [plan for plan in self._plans(request) if plan.span in wanted])

    def _answered(self, job: _Job, answer: Answer, progress: _Progress) -> Round:
        for register, offset in job.decimals:
            progress.decimals[register] = int.from_bytes(answer.data[2 * offset : 2 * offset + 2])
        decoder = job.decoder
        if not decoder.points:
            return
        if decoder.needs <= progress.decimals.keys():
            yield self._decoded(decoder, answer, progress)
        else:
            progress.held.append((decoder, answer))

    def _failed(
        self, request: Span, values: Sequence[Span], failure: Failure, progress: _Progress
    ) -> Round:
        if failure.scope is not Scope.REQUEST:
            self._blame(self.plans, failure, progress)
            raise _SilentError
        values = values or self._within(request)
        if failure.code not in SPLITTING:
            self._blame(self._plans(request), failure, progress)
        elif len(values) == 1:
            self.survey.refuse(values[0], failure.code, failure.time)
        else:
            yield from self._halved(request, values, failure.code, progress)

    def _halved(
        self, request: Span, values: Sequence[Span], code: int, progress: _Progress
    ) -> Round:
        middle = len(values) // 2
        halves = values[:middle], values[middle:]
        spans = hull(halves[0]), hull(halves[1])
        left = yield from self._fetch(spans[0], halves[0], progress)
        right = yield from self._fetch(spans[1], halves[1], progress)
        if left and right:
            self.survey.split(request, *spans, code)

    def _blame(self, plans: Sequence[PointPlan], failure: Failure, progress: _Progress) -> None:
        self.failure = failure
        self.known = self.known and failure.scope is Scope.REQUEST
        progress.failure = failure
        for plan in plans:
            progress.faults[plan.name] = failure.fault

    def _plans(self, request: Span) -> list[PointPlan]:
        first = bisect_left(
            self._by_place, (request.table, request.start), key=lambda plan: plan.span[:2]
        )
        last = bisect_left(
            self._by_place, (request.table, request.end), key=lambda plan: plan.span[:2]
        )
        return [plan for plan in self._by_place[first:last] if request.holds(plan.span)]

    def _job(self, request: Span, plans: Sequence[PointPlan]) -> _Job:
        held = sorted(register for register in self._decimals if request.holds(register))
        offsets = tuple((register, register.start - request.start) for register in held)
        return _Job(compiled(request, plans), offsets)

    def _decoded(self, decoder: Decoder, answer: Answer, progress: _Progress) -> Block:
        values, faults = decoder.decode(answer.data, progress.decimals)
        progress.read.update(decoder.points)
        return Block(self.name, answer.time, decoder.points, values, faults)

    def _rest(self, progress: _Progress) -> Round:
        """Make what has not been read bad, each for its own reason."""
        if len(progress.read) == len(self.plans):
            return
        by_fault: dict[Fault, list[str]] = {}
        for plan in self.plans:
            if plan.name not in progress.read:
                fault = progress.faults.get(plan.name) or self._unread(plan)
                by_fault.setdefault(fault, []).append(plan.name)
        time = progress.failure.time if progress.failure is not None else progress.now
        for fault, points in by_fault.items():
            block = self._bad(points, fault, time)
            if block is not None:
                yield block

    def _unread(self, plan: PointPlan) -> Fault:
        code = self.survey.refused.get(plan.span)
        return UNREAD if code is None else Fault(Quality.BAD, reason(code))

    def _bad(self, points: Sequence[str], fault: Fault, time: int) -> Block | None:
        if not points:
            return None
        if len(self._same) > _MOST_TUPLES:
            self._same.clear()
        names = tuple(points)
        names = self._same.setdefault(names, names)
        faults = dict.fromkeys(range(len(names)), fault)
        return Block(self.name, time, names, (None,) * len(names), faults)


def _another(meant: Meant, said: Value, time: int) -> Failure:
    accepted = " or ".join(map(str, meant.accepted))
    text = f"another device: its {meant.what} (register {meant.number}) is {said}, not {accepted}"
    return Failure(time, Scope.DEVICE, WRONG_DEVICE, text)


def _unsaid(meant: Meant, failure: Failure) -> Failure:
    """Tell a device that has no such register from one that gave no answer."""
    if failure.code not in SPLITTING:
        return failure
    text = f"another device: it has no {meant.what} (register {meant.number}): {failure.text}"
    return Failure(failure.time, Scope.DEVICE, WRONG_DEVICE, text)
