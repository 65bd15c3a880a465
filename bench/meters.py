"""Measure the pipeline alone: readings a second through meters and windows, in processor time.

Run with `python -m bench.meters`. Blocks are made beforehand; every tenth is followed by a call of
`close`, as the agent does at an interval of its own.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from adapters.reading import NANOSECONDS, Block, Value
from agent.measuring.pipeline import Pipeline
from config.plan import InputPlan, MeterPlan, StreamPlan, WindowPlan

S = NANOSECONDS
START = 20_000 * 86_400 * S
WINDOWS = WindowPlan(900 * S, 3600 * S, 60 * S, 0, 10 * S)
READINGS = 400_000
NAMES = tuple(f"p{number}" for number in range(100))


def _plan(kind: Any, number: int) -> StreamPlan:
    roles = ("flow", "supply", "return") if kind == "heat" else (kind,)
    inputs = {
        role: InputPlan(role, "plc", NAMES[number + at], 0.001 if role == kind else 1.0)
        for at, role in enumerate(roles)
    }
    meter = MeterPlan(kind, inputs, 3 * S, flow_sensor="return", max_rate=1.0, modulus=4294967.296)
    unit: Any = "MW.h" if kind == "heat" else "t"
    return StreamPlan(f"{kind}{number}", "heat" if kind == "heat" else "material", unit, meter)


def _rate(streams: Sequence[StreamPlan], blocks: Sequence[Block]) -> float:
    """Feed the blocks; gives blocks a second."""
    pipeline = Pipeline(streams, WINDOWS)
    begun = time.process_time()
    for number, block in enumerate(blocks):
        pipeline.take(block)
        if number % 10 == 0:
            pipeline.close(block.time)
    return len(blocks) / (time.process_time() - begun)


def _blocks(size: int, values: Callable[[int], tuple[Value, ...]], count: int) -> list[Block]:
    points = NAMES[:size]
    return [Block("plc", START + at * S, points, values(at)) for at in range(count)]


def main() -> None:
    """Print a line a case."""
    steady = tuple(float(number) for number in range(100))
    wide = _blocks(100, lambda _: steady, READINGS // 100)
    wide_counts = _blocks(100, lambda at: (at,) * 100, READINGS // 10)
    heat = _blocks(3, lambda at: (0.01, 90.0 + at % 3, 40.0), READINGS // 3)
    cases: list[tuple[str, list[StreamPlan], list[Block], int]] = [
        ("unused, blocks of 100", [], wide * 10, 100),
        ("unused, blocks of 1", [], _blocks(1, lambda _: (1.0,), READINGS), 1),
        ("10 rates, blocks of 100", [_plan("rate", n) for n in range(10)], wide_counts, 10),
        ("10 totals, blocks of 100", [_plan("total", n) for n in range(10)], wide_counts, 10),
        ("1 rate, blocks of 1", [_plan("rate", 0)], _blocks(1, lambda _: (1.0,), READINGS), 1),
        ("1 total, blocks of 1", [_plan("total", 0)], _blocks(1, lambda at: (at,), READINGS), 1),
        ("1 heat meter, blocks of 3", [_plan("heat", 0)], heat, 3),
    ]
    for name, streams, blocks, counted in cases:
        print(f"{name:28}{_rate(streams, blocks) * counted:14,.0f} readings/s")


if __name__ == "__main__":
    main()
