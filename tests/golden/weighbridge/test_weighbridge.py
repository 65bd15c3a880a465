"""A weighbridge's day and the next morning, as its README adds it up."""

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.golden.scenekit import HERE, Scene, rows

START = 1_772_323_200
"""2026-03-01T00:00:00Z, in seconds since 1970."""
UNREACHABLE = range(600, 660)


def readings() -> Iterator[tuple[object, ...]]:
    """Show the last change of `day.csv` each minute, but when the bridge is unreachable."""
    with (HERE / "weighbridge" / "day.csv").open() as file:
        changes = list(csv.DictReader(file))
    for now, after in pairwise(changes):
        for minute in range(int(now["minute"]), int(after["minute"])):
            if minute not in UNREACHABLE:
                yield START + minute * 60, now["net"], now["ticket"], now["void"]


def test_a_weighbridges_day_counts_each_ticket_once_and_no_void(tmp_path: Path) -> None:
    scene = Scene.of("weighbridge", tmp_path)
    rows(tmp_path / "readings.csv", "time,net,ticket,void", readings())
    scene.run()
    totals = scene.totals("dross")
    day, next_day = totals[:24], totals[24:]
    assert sum(one.quantity for one in day) == pytest.approx(225.0, rel=1e-12)
    assert sum(one.tickets for one in day) == 10
    assert sum(one.quantity for one in next_day) == pytest.approx(33.0, rel=1e-12)
    assert sum(one.tickets for one in next_day) == 3
    corrected = [detail for kind, detail in scene.events() if kind == "corrected"]
    assert corrected == ["ticket 104: 21 became 20.6", "ticket 107: 18 became 0"]
    missing = 24 - sum(one.coverage for one in day)
    assert missing == pytest.approx(61 / 60)
    assert "spread" in day[11].marks
