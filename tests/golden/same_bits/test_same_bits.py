"""A seeded history through every kind of meter gives the totals it has always given."""

import hashlib
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from adapters.reading import Block, Fault, Value
from agent.measuring.pipeline import Pipeline
from agent.measuring.total import Total
from config.plan import InputPlan, MeterPlan, StreamPlan
from tests.measuring import (
    BAD,
    MIN,
    T0,
    UNSURE,
    S,
    batch_plan,
    heat_plan,
    rate_plan,
    stock_plan,
    stream,
    total_plan,
    windows,
)

LENGTH = 5400
DIGEST = "2d30ec9f316bcb427184694ae7eb12b7e5d84701ea15da3a4c59d9ba03040582"
_CHECK = {"check": InputPlan("check", "plc", "rate", 1 / 3600)}
_GATE = {"status": InputPlan("status", "plc", "status")}
_SUM = {
    "return": InputPlan("return", "plc", "return"),
    "supply": InputPlan("supply", "plc", "supply"),
}
METERS: dict[str, MeterPlan] = {
    "rate": rate_plan(factor=1 / 3600),
    "held": rate_plan(factor=1 / 3600, hold=True, max_gap=9 * S),
    "gated": rate_plan(factor=1 / 3600, more=_GATE, gates={"status": (1.0,)}),
    "total": total_plan(factor=0.001, modulus=65.536, max_rate=0.1),
    "free": total_plan(factor=0.001, modulus=65.536, max_gap=30 * S),
    "checked": total_plan(factor=0.001, modulus=65.536, max_rate=0.1, more=_CHECK),
    "tickets": batch_plan("ticket", "void", remember=5),
    "loads": batch_plan("stable", empty=20.0),
    "heat": heat_plan(),
    "above": heat_plan(reference=10.0, flow_sensor="supply"),
    "counted": MeterPlan(
        "heat",
        {"flow": InputPlan("flow", "plc", "total", 0.001), **_SUM},
        3 * S,
        flow_sensor="return",
        flow_is_total=True,
        modulus=65.536,
        max_rate=0.1,
    ),
    "stock": stock_plan(uncertainty=0.02),
}
STREAMS: list[StreamPlan] = [stream(meter, name) for name, meter in METERS.items()]


class Works:
    """What the plant's devices show from second to second."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw
        self.count, self.rate, self.ticket, self.weight = 60_000, 40.0, 7, 0.0

    def step(self, second: int) -> dict[str, Value]:
        draw = self.draw
        self.rate = min(max(self.rate + draw.uniform(-2, 2), 0.0), 80.0)
        self.count = (self.count + round(self.rate * draw.random() * 0.6)) % 65_536
        if second % 1801 == 1800:
            self.count = draw.randrange(10_000, 30_000)
        if draw.random() < 0.02:
            self.ticket, self.weight = self.ticket + draw.choice([1, 1, 2]), draw.uniform(5, 40)
        return {
            "rate": self.rate,
            "total": self.count if draw.random() < 0.997 else draw.randrange(65_536),
            "weight": self.weight if second % 40 > 4 else 0.0,
            "ticket": self.ticket,
            "void": draw.random() < 0.003,
            "stable": second % 40 > 8,
            "flow": 0.001 * draw.randrange(-1, 20),
            "supply": 0.5 * draw.randrange(78, 184),
            "return": 0.5 * draw.randrange(60, 90),
            "level": self.rate * 3,
            "status": 1 if draw.random() < 0.99 else 4,
        }


def _faults(draw: Random, size: int) -> dict[int, Fault]:
    if draw.random() > 0.05:
        return {}
    return {at: draw.choice([BAD, UNSURE]) for at in range(size) if draw.random() < 0.5}


def blocks(draw: Random) -> Iterator[Block]:
    """Give the readings of the history, blocks of several shapes among them."""
    works, before = Works(draw), None
    gap = 0
    for second in range(LENGTH):
        values = works.step(second)
        gap = gap - 1 if gap else draw.choice([2, 8, 70, 700]) if draw.random() < 0.004 else 0
        if gap:
            continue
        time, points = T0 + second * S + S // 3, tuple(values)
        faults = _faults(draw, len(points))
        shown = tuple(
            None if (at in faults and faults[at] is BAD) else value
            for at, value in enumerate(values.values())
        )
        block = Block("plc", time, points, shown, faults)
        if draw.random() < 0.01:
            times = tuple(time - draw.randrange(0, 3) * S // 2 for _ in points)
            block = Block("plc", time, points, shown, faults, times)
        elif draw.random() < 0.04:
            half = draw.randrange(1, len(points))
            yield Block("plc", time, points[:half], shown[:half])
            block = Block("plc", time + S // 2, points[half:], shown[half:])
        yield block
        if before is not None and draw.random() < 0.005:
            yield before
        before = block


def lived(seed: int, minutes: int) -> list[Any]:
    """Give all that came of a history: totals, events, and the open windows at its end."""
    draw = Random(seed)
    span = windows(minutes * MIN)
    pipeline, found, events = Pipeline(STREAMS, span), list[Total](), list[Any]()
    for block in blocks(draw):
        pipeline.take(block)
        if draw.random() < 0.3:
            found += pipeline.close(block.time)
        if draw.random() < 0.002:
            events += pipeline.drain_events()
            state = json.loads(json.dumps(pipeline.snapshot()))
            pipeline = Pipeline(STREAMS, span, state)
    found += pipeline.finish(0) + pipeline.open_windows()
    events += pipeline.drain_events()
    return [*map(told, found), *((one.time, one.stream, one.kind, one.detail) for one in events)]


def told(total: Total) -> tuple[Any, ...]:
    """Write a total to its last bit; one of heat to twelve digits."""
    heat = total.unit == "MW.h"
    quantity = f"{total.quantity:.12g}" if heat else float(total.quantity).hex()
    return (
        total.stream, total.start, quantity, total.coverage.hex(), total.uncertain.hex(),
        total.spread.hex(), total.band, total.marks, sorted(total.reasons.items()), total.tickets,
        total.closing, total.uncertainty,
    )  # fmt: skip


def test_a_history_gives_the_bits_it_has_always_given() -> None:
    lines = [repr(line) for seed, minutes in ((1, 15), (2, 1)) for line in lived(seed, minutes)]
    kinds = {"reset", "rollover", "late-samples", "wild-values", "corrected", "cross-check"}
    assert all(any(kind in line for line in lines) for kind in kinds)
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == DIGEST
