"""A case's days through the pipeline, disturbed from a seed, and how far off its windows are."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from random import Random

from adapters.reading import NANOSECONDS, Block, Fault, Quality, Value
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from bench.accuracy.cases import CASES, Case
from config.plan import WindowPlan

START = 1_735_689_600
"""2025-01-01T00:00:00Z, in seconds since 1970."""
OFFSET = 400_000_000
"""Nanoseconds after the second at which devices are read, so that no reading is on an edge."""
CLOSE_EVERY = 60
_BAD = Fault(Quality.BAD, "timeout")
_GAPS = (1, 2, 3, 9, 60, 600)
_OUTAGES = (7200, 40_000)
_CALM = 130
"""Seconds left undisturbed after a reset: it must hold for a minute to be one."""
_PER_DAY = {
    "gap": 6,
    "outage": 0.05,
    "bad": 40,
    "wild": 6,
    "late": 10,
    "repeat": 10,
    "restart": 4,
    "reset": 0.1,
}
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case: figures in its unit (a stock's in t·s), errors relative to expected."""

    case: str
    days: int
    window_s: int
    readings: int
    windows: int
    restarts: int
    rollovers: int
    resets: int
    quantity: float
    expected: float
    error: float
    curve_error: float | None
    curve_bound: float | None
    coverage_error: float | None
    ticket_error: int | None
    seconds: float
    first_mb: float
    last_mb: float

    @property
    def sound(self) -> bool:
        """Tell whether all is as exact as is promised."""
        curve = True
        if self.curve_error is not None and self.curve_bound is not None:
            curve = self.curve_error <= self.curve_bound + 1e-9
        covered = self.coverage_error is None or self.coverage_error < 1e-9
        return self.error < 1e-9 and curve and covered and not self.ticket_error


class _Sum:
    """Totals added up as they come, each window once and without holes."""

    def __init__(self, *, mean: bool) -> None:
        self.quantity, self.covered = Fraction(0), Fraction(0)
        self.windows = self.tickets = 0
        self._mean, self._next = mean, -1

    def add(self, totals: Sequence[Total], *, last: bool = False) -> None:
        for one in totals:
            if self._next not in (-1, one.start):
                raise AssertionError(f"a window begins at {one.start}, not {self._next}")
            self._next = one.end
            seconds = (one.end - one.start) // NANOSECONDS
            held = Fraction(one.coverage) * seconds
            self.quantity += Fraction(one.quantity) * (held if self._mean else 1)
            self.covered += held
            self.tickets += one.tickets
            self.windows += not last


class Run:
    """One case on its way through its days."""

    def __init__(self, name: str, window: int, seed: int = 1) -> None:
        self.name = name
        self.window = window
        self.draw = Random(f"{name} {seed}")
        self.case: Case = CASES[name](self.draw)
        self.plan = WindowPlan(window * NANOSECONDS, 86_400 * NANOSECONDS, 60 * NANOSECONDS, 0, 1)
        self.pipeline = Pipeline([self.case.stream], self.plan)
        self.sum = _Sum(mean=self.case.stream.meter.kind == "stock")
        self.readings = self.restarts = self.rollovers = self.resets = 0
        self._gap = self._calm = 0
        self._last: Block | None = None

    def day(self, number: int) -> None:
        """Feed a day."""
        events = self._events()
        first = number * 86_400
        at = 0
        for second, what in events:
            self._steady(first + at, first + second)
            self._disturb(first + second, what)
            at = second + 1
        self._steady(first + at, first + 86_400)

    def _events(self) -> list[tuple[int, str]]:
        draw, found = self.draw, dict[int, str]()
        for what, often in _PER_DAY.items():
            for _ in range(int(often) + (draw.random() < often % 1)):
                found[draw.randrange(86_400)] = what
        return sorted(found.items())

    def _steady(self, start: int, end: int) -> None:
        """Feed good readings, once the gap is over."""
        show, accept = self.case.show, self.case.accept
        for second in range(start, min(end, self._gap)):
            show(second)
        take, points = self.pipeline.take, self.case.points
        for second in range(max(start, min(end, self._gap)), end):
            block = Block("plc", _instant(second), points, show(second))
            take(block)
            accept(second)
            if second % CLOSE_EVERY == 0:
                self._close(second)
            self._last = block
            self.readings += 1

    def _close(self, second: int) -> None:
        self.sum.add(self.pipeline.close(_instant(second)))

    def _disturb(self, second: int, what: str) -> None:
        values = self.case.show(second)
        if second < self._gap:
            return
        if second < self._calm:
            what = "good"
        if what in ("gap", "outage"):
            self._gap = second + self.draw.choice(_GAPS if what == "gap" else _OUTAGES)
        elif what in ("bad", "wild"):
            self._spoiled(second, what)
        else:
            self._special(second, what, values)

    def _spoiled(self, second: int, what: str) -> None:
        wild = self.case.wild() if what == "wild" else None
        if wild is not None:
            self.pipeline.take(self._block(second, wild))
            return
        points = self.case.points
        faults = dict.fromkeys(range(len(points)), _BAD)
        self.pipeline.take(Block("plc", _instant(second), points, (None,) * len(points), faults))

    def _special(self, second: int, what: str, values: tuple[Value, ...]) -> None:
        if what == "reset" and self.case.reset():
            self.resets += 1
            self._calm = second + _CALM
            return
        if what == "restart":
            self._restart()
        block = self._block(second, values)
        self.pipeline.take(block)
        self.case.accept(second)
        self.readings += 1
        if what == "repeat":
            self.pipeline.take(block)
        elif what == "late" and self._last is not None:
            late = self._last._replace(time=self._last.time - NANOSECONDS // 2)
            self.pipeline.take(late)
        self._last = block

    def _block(self, second: int, values: tuple[Value, ...]) -> Block:
        return Block("plc", _instant(second), self.case.points, values)

    def _restart(self) -> None:
        """Go on from the saved state, by way of JSON."""
        self._drain()
        state = json.loads(json.dumps(self.pipeline.snapshot()))
        self.pipeline = Pipeline([self.case.stream], self.plan, state)
        self.restarts += 1

    def _drain(self) -> None:
        for event in self.pipeline.drain_events():
            self.rollovers += event.kind == "rollover"

    def finish(self, days: int) -> None:
        """End with good readings, so that nothing is held, and close what is whole."""
        self._gap = 0
        self._steady(days * 86_400, days * 86_400 + _CALM)
        self.sum.add(self.pipeline.finish(0))
        self.sum.add(self.pipeline.open_windows(), last=True)
        self._drain()


def _instant(second: int) -> int:
    return (START + second) * NANOSECONDS + OFFSET


def resident() -> float:
    """Give this process's resident memory in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE / 1e6


def days_of(run: Run, days: int) -> Iterator[int]:
    """Feed the days one by one, giving the number done after each."""
    for number in range(days):
        run.day(number)
        yield number + 1
    run.finish(days)


def measure(
    name: str, days: int, window: int = 900, told: Callable[[str, int], None] | None = None
) -> Outcome:
    """Run a case for so many days with windows of so many seconds."""
    run, begun, first = Run(name, window), time.process_time(), 0.0
    for done in days_of(run, days):
        first = first or resident()
        if told is not None:
            told(name, done)
    return _outcome(run, days, time.process_time() - begun, first)


def _outcome(run: Run, days: int, seconds: float, first: float) -> Outcome:
    expected, found = run.case.expected(), run.sum
    quantity = float(found.quantity)

    def off(value: float, from_: float) -> float:
        return abs(value - from_) / abs(from_)

    exact, covered, tickets = expected.exact, expected.covered, expected.tickets
    return Outcome(
        case=run.name,
        days=days,
        window_s=run.window,
        readings=run.readings,
        windows=found.windows,
        restarts=run.restarts,
        rollovers=run.rollovers,
        resets=run.resets,
        quantity=quantity,
        expected=expected.quantity,
        error=off(quantity, expected.quantity),
        curve_error=None if exact is None else off(quantity, exact),
        curve_bound=None if exact is None else (expected.bound or 0.0) / abs(exact),
        coverage_error=None if covered is None else off(float(found.covered), covered),
        ticket_error=None if tickets is None else abs(found.tickets - tickets),
        seconds=seconds,
        first_mb=first,
        last_mb=resident(),
    )
