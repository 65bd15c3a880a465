"""A uint32 of Wh at 45 MW through outages shorter and longer than its turn."""

from pathlib import Path

import pytest

from tests.golden.scenekit import Scene, rows

START = 1_735_689_600
"""2025-01-01T00:00:00Z, in seconds since 1970."""
STEP = 600
WH = 45_000_000 * STEP // 3600
TURN = 2**32
STEPS = 30 * 144
TEN_HOURS = range(560, 620)
"""Steps unread; the register turns at step 573."""
FOUR_DAYS = range(2000, 2576)


def lived(folder: Path, unread: set[int]) -> Scene:
    scene = Scene.of("wh_wrap", folder)
    shown = ((START + at * STEP, at * WH % TURN) for at in range(STEPS + 1) if at not in unread)
    rows(folder / "readings.csv", "time,energy", shown)
    scene.run()
    return scene


def test_the_arithmetic_of_the_register_is_as_told() -> None:
    assert round(TURN / 45e6, 2) == 95.44
    assert STEPS * WH // TURN == 7
    assert 572 * WH < TURN < 573 * WH


def test_an_outage_of_ten_hours_across_a_turn_loses_nothing(tmp_path: Path) -> None:
    scene = lived(tmp_path, set(TEN_HOURS))
    totals = scene.totals("steam")
    assert sum(one.quantity for one in totals) == pytest.approx(32_400, rel=1e-9)
    assert [kind for kind, _ in scene.events()] == ["rollover"] * 7
    assert {one.coverage for one in totals} == {1.0}
    assert sum(one.spread for one in totals) == pytest.approx(10 + 1 / 6)


def test_an_outage_longer_than_a_turn_counts_the_least_and_says_so(tmp_path: Path) -> None:
    scene = lived(tmp_path, set(FOUR_DAYS))
    (line,) = scene.report(2025)["lines"]
    assert line["whole"]["quantity"] == pytest.approx(32_400 - TURN / 1e6, rel=1e-9)
    assert line["whole"]["marks"]["may-have-turned"] == 1
    assert line["whole"]["uncertain"] * 8760 == pytest.approx(96 + 1 / 6)
    (told,) = [detail for kind, detail in scene.events() if kind == "may-have-turned"]
    assert "unseen in 96.2 h" in told
