"""From 2 000 to 120 000 t a year by another registration: two series, and never a flow."""

from pathlib import Path
from typing import Any

import pytest

from tests.golden.scenekit import Scene, rows

START = 1_767_225_600
"""2026-01-01T00:00:00Z, in seconds since 1970."""
STEP, DAY = 600, 86_400
JANUARY, DAYS = 31, 60
LOW, HIGH = 2_000 / 365, 120_000 / 365
"""Tonnes a day."""
FEBRUARY = (START + JANUARY * DAY) * 10**9
HOUR = 3600 * 10**9
BEFORE = """
[[streams.waste.before]]
until = "2026-02-01"
material = "19 02 04*"
treatment = "D13"
"""


def recorded(folder: Path, until: float) -> None:
    """Write what the belt said up to a day."""
    shown = (
        (START + at * STEP, (LOW if at * STEP < JANUARY * DAY else HIGH) / 24)
        for at in range(int(until * DAY) // STEP + 1)
    )
    rows(folder / "readings.csv", "time,rate", shown)


def scene(folder: Path, before: str = "") -> Scene:
    found = Scene.of("reregistered", folder)
    path = folder / "plant.toml"
    path.write_text(path.read_text().replace("#before", before))
    return found


def told(found: Scene) -> dict[str, Any]:
    """Give the quantity, the marked windows and the dates of each code in the report."""
    lines: list[dict[str, Any]] = found.report(2026)["lines"]
    assert len({line["code"] for line in lines}) == len(lines) == 2
    return {
        line["code"]: (
            line["whole"]["quantity"], line["whole"]["marks"].get("reclassified", 0),
            line["since"], line["until"],
        )
        for line in lines
    }  # fmt: skip


def marked(found: Scene) -> list[int]:
    return [
        (one.start - FEBRUARY) // HOUR
        for one in found.totals("waste") if "reclassified" in one.marks
    ]  # fmt: skip


def test_a_declared_change_makes_two_series_at_its_date(tmp_path: Path) -> None:
    found = scene(tmp_path, BEFORE)
    recorded(tmp_path, DAYS)
    found.run()
    change = "2026-02-01T00:00:00+00:00"
    assert told(found) == {
        "19 02 04*": (pytest.approx(JANUARY * LOW), 1, None, change),
        "19 02 11*": (pytest.approx((DAYS - JANUARY) * HIGH), 1, change, None),
    }
    assert marked(found) == [-1, 0]
    groups = {
        one["value"]: one["quantity"] for one in found.report(2026)["groups"] if one["by"] == "code"
    }
    assert groups == {
        "19 02 04*": pytest.approx(JANUARY * LOW),
        "19 02 11*": pytest.approx((DAYS - JANUARY) * HIGH),
    }


def test_both_series_cover_their_own_time(tmp_path: Path) -> None:
    found = scene(tmp_path, BEFORE)
    recorded(tmp_path, DAYS)
    found.run()
    old, _ = found.report(2026)["lines"]
    assert old["whole"]["coverage"] == 1.0
    assert [part["coverage"] for part in old["parts"]][:3] == [1.0, None, None]


def test_an_undeclared_change_holds_from_the_next_release_window_on(tmp_path: Path) -> None:
    found = scene(tmp_path)
    path = tmp_path / "plant.toml"
    now = path.read_text()
    path.write_text(now.replace("19 02 11*", "19 02 04*").replace("D9", "D13"))
    recorded(tmp_path, JANUARY + 0.5)
    found.run()
    assert found.events() == []
    path.write_text(now)
    recorded(tmp_path, DAYS)
    found.run()
    change = "2026-02-02T00:00:00+00:00"
    assert told(found) == {
        "19 02 04*": (pytest.approx(JANUARY * LOW + HIGH), 1, None, change),
        "19 02 11*": (pytest.approx((DAYS - JANUARY - 1) * HIGH), 1, change, None),
    }
    assert marked(found) == [23, 24]
    assert [kind for kind, _ in found.events()] == ["reclassified"]
    assert "from 2026-02-02T00:00:00Z on it is 19 02 11*, waste, D9" in found.events()[0][1]


def test_a_change_that_is_declared_afterwards_puts_the_report_right(tmp_path: Path) -> None:
    test_an_undeclared_change_holds_from_the_next_release_window_on(tmp_path)
    path = tmp_path / "plant.toml"
    path.write_text(path.read_text().replace("\n[windows]", f"{BEFORE}\n[windows]"))
    found = told(Scene(tmp_path))
    assert found["19 02 04*"][0] == pytest.approx(JANUARY * LOW)
    assert found["19 02 11*"][0] == pytest.approx((DAYS - JANUARY) * HIGH)
