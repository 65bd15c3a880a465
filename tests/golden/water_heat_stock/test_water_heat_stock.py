"""A park's heat and water add up; its heap is told as a level and never leaves."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.disclosing.figure import disclose
from config.errors import ConfigError
from config.load import load_plant
from tests.golden.scenekit import Scene, rows

START = 1_780_272_000
"""2026-06-01T00:00:00Z, in seconds since 1970."""
STEPS = 30 * 144


def readings() -> Iterator[tuple[object, ...]]:
    for at in range(STEPS + 1):
        water = round(80e6 / 8760 / 6 * at, 3)
        yield START + 600 * at, 400_000 / 8760, water, 3_300_000 + 100 * at / 144


def test_a_month_of_heat_water_and_a_heap(tmp_path: Path) -> None:
    scene = Scene.of("water_heat_stock", tmp_path)
    rows(tmp_path / "readings.csv", "time,heat,water,heap", readings())
    scene.run()
    report = scene.report(2026)
    found = {line["stream"]: line["whole"]["quantity"] for line in report["lines"]}
    assert found == pytest.approx(
        {"recovered": 400_000 * 720 / 8760, "process_water": 80e6 * 720 / 8760}, rel=1e-9
    )
    heap = scene.totals("masses")
    mean = sum(one.quantity for one in heap) / len(heap)
    assert mean == pytest.approx(3_301_500, rel=1e-9)
    assert heap[-1].closing == pytest.approx(3_303_000, rel=1e-9)
    assert {one.aggregation for one in heap} == {"mean"}
    plan = load_plant(tmp_path / "plant.toml", {})
    streams = [replace(one, share="cluster") for one in plan.streams]
    totals = {one.name: scene.totals(one.name)[:4] for one in streams}
    assert {figure.kind for figure in disclose(streams, totals, 4).figures} == {"heat", "water"}


def test_a_plant_file_that_shares_a_heap_is_refused(tmp_path: Path) -> None:
    scene = Scene.of("water_heat_stock", tmp_path)
    file = scene.folder / "plant.toml"
    file.write_text(file.read_text().replace('"plc.heap" }', '"plc.heap" }\nshare = "cluster"'))
    (scene.folder / "readings.csv").write_text("time,heat,water,heap\n")
    with pytest.raises(ConfigError, match="stock"):
        load_plant(file, {})
