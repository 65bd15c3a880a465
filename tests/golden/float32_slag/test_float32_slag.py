"""A float32 of kilograms that goes coarse above 2^24 loses nothing over a year."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest

from agent.measuring.pipeline import Pipeline
from tests.golden.scenekit import Scene, rows
from tests.measuring import T0, S, block, stream, total_plan, windows

START = 1_735_689_600
"""2025-01-01T00:00:00Z, in seconds since 1970."""
STEPS = 365 * 144


def shown(kilograms: int) -> float:
    """Give what a float32 register shows of a whole number."""
    value: float = struct.unpack(">f", struct.pack(">f", kilograms))[0]
    return value


def kilograms(step: int) -> int:
    """Give the true count: steps of 4 180, 4 181 … 4 192 kg in turn."""
    turns, rest = divmod(step, 13)
    return turns * 13 * 4186 + sum(range(4180, 4180 + rest))


def test_a_year_is_exact_to_the_resolution_of_the_register(tmp_path: Path) -> None:
    scene = Scene.of("float32_slag", tmp_path)
    lines = ((START + at * 600, shown(kilograms(at))) for at in range(STEPS + 1))
    rows(tmp_path / "readings.csv", "time,total", lines)
    scene.run()
    totals = scene.totals("slag")
    quantity = sum(Fraction(one.quantity) for one in totals)
    assert len(totals) == 365
    assert float(quantity) == pytest.approx(shown(kilograms(STEPS)) / 1000, rel=1e-12)
    assert abs(float(quantity) - kilograms(STEPS) / 1000) <= 0.008
    assert scene.events() == []
    assert {one.coverage for one in totals} == {1.0}


def test_rises_smaller_than_the_registers_step_are_not_lost() -> None:
    pipeline = Pipeline([stream(total_plan(factor=0.001, max_rate=100 / 3600))], windows())
    seen = set()
    for second in range(86_401):
        value = shown(2**27 + 7 * second)
        seen.add(value)
        pipeline.take(block(T0 + second * S, {"total": value}))
    totals = pipeline.finish(0)
    assert len(seen) < 40_000
    assert sum(one.quantity for one in totals) == pytest.approx(604.8, rel=1e-12)
    assert pipeline.drain_events() == []
