"""What tests of meters and windows share: plans in short form and a book that lists."""

from collections import Counter
from typing import Any, NamedTuple

from adapters.reading import NANOSECONDS, Block, Fault, Quality, Value
from config.plan import InputPlan, MeterPlan, StreamPlan, WindowPlan

S = NANOSECONDS
MIN = 60 * S
DAY = 86_400 * S
T0 = 20_000 * DAY + 3_600 * S
"""An instant on a window's edge."""
BAD = Fault(Quality.BAD, "timeout")
UNSURE = Fault(Quality.UNCERTAIN, "last-usable")


class Added(NamedTuple):
    start: int
    end: int
    steady: float
    ramp: float
    doubt: bool
    spread: bool
    warmth: tuple[float, float] | None


class Put(NamedTuple):
    time: int
    quantity: float
    tickets: int
    spread: bool


class ListBook:
    """A book that keeps what a meter writes."""

    def __init__(self) -> None:
        self.added: list[Added] = []
        self.puts: list[Put] = []
        self.counted: list[tuple[int, str]] = []
        self.notes: list[tuple[int, str]] = []
        self.details: list[str] = []

    def add(
        self,
        start: int,
        end: int,
        steady: float,
        ramp: float = 0.0,
        doubt: bool = False,
        spread: bool = False,
        warmth: tuple[float, float] | None = None,
    ) -> None:
        self.added.append(Added(start, end, steady, ramp, doubt, spread, warmth))

    def put(self, time: int, quantity: float, tickets: int, spread: bool = False) -> None:
        self.puts.append(Put(time, quantity, tickets, spread))

    def count(self, time: int, reason: str) -> None:
        self.counted.append((time, reason))

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(reason for _, reason in self.counted))

    def note(self, time: int, kind: str, detail: str) -> None:
        self.notes.append((time, kind))
        self.details.append(detail)

    @property
    def sum(self) -> float:
        return sum(one.steady + one.ramp for one in self.added)


def rate_plan(**settings: Any) -> MeterPlan:
    settings = {"factor": 1.0, "max_gap": 3 * S, **settings}
    point = InputPlan("rate", "plc", "rate", settings.pop("factor"))
    inputs = {"rate": point, **settings.pop("more", {})}
    return MeterPlan(kind="rate", inputs=inputs, **settings)


def total_plan(**settings: Any) -> MeterPlan:
    settings = {"factor": 1.0, "max_gap": 3 * S, **settings}
    point = InputPlan("total", "plc", settings.pop("point", "total"), settings.pop("factor"))
    inputs = {"total": point, **settings.pop("more", {})}
    return MeterPlan(kind="total", inputs=inputs, **settings)


def batch_plan(*roles: str, **settings: Any) -> MeterPlan:
    """Plan a scale; `roles` besides `weight`, or a ticket number when none is named."""
    settings = {"max_gap": 3 * S, **settings}
    roles = ("weight", *(roles or ("ticket",)))
    inputs = {role: InputPlan(role, "plc", role) for role in roles}
    return MeterPlan(kind="batch", inputs=inputs, **settings)


def stock_plan(**settings: Any) -> MeterPlan:
    settings = {"max_gap": 3 * S, **settings}
    return MeterPlan(kind="stock", inputs={"level": InputPlan("level", "plc", "level")}, **settings)


def heat_plan(**settings: Any) -> MeterPlan:
    settings = {"max_gap": 3 * S, "flow_sensor": "return", **settings}
    roles = ("flow", "supply", "return") if "reference" not in settings else ("flow", "supply")
    inputs = {role: InputPlan(role, "plc", role) for role in roles}
    return MeterPlan(kind="heat", inputs=inputs, **settings)


def stream(meter: MeterPlan, name: str = "slag") -> StreamPlan:
    if meter.kind == "heat":
        return StreamPlan(name=name, kind="heat", unit="MW.h", meter=meter)
    return StreamPlan(name=name, kind="material", unit="t", meter=meter)


def windows(measure: int = 15 * MIN, grace: int = MIN) -> WindowPlan:
    return WindowPlan(
        measure=measure, release=4 * measure, grace=grace, jitter=0, checkpoint=10 * S
    )


def block(time: int, values: dict[str, Value], faults: dict[str, Fault] | None = None) -> Block:
    points = tuple(values)
    wrong = {points.index(point): fault for point, fault in (faults or {}).items()}
    return Block("plc", time, points, tuple(values.values()), wrong)
