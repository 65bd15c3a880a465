"""Heat of two producers is withheld, their reports are right, and a third owner makes it safe."""

from pathlib import Path

import pytest

from tests.golden.clusterkit import LATER, Cluster, quantities
from tests.golden.scenekit import Scene, rows

START = 1_772_323_200
"""2026-03-01T00:00:00Z, in seconds since 1970."""
OWNERS = ("Steam Works AS", "District Heat AS", "Third AS")


def lived(folder: Path, *megawatts: float) -> tuple[list[tuple[str, float]], list[Scene]]:
    """Run a producer for each power over a day; gives the hub's decisions, and the plants."""
    cluster = Cluster(folder / "hub", *OWNERS[: len(megawatts)])
    scenes = []
    for number, power in enumerate(megawatts, start=1):
        scene = Scene.of("two_producers", folder / f"p{number}")
        lines = ((START + minute * 60, power) for minute in range(1441))
        rows(scene.folder / "readings.csv", "time,steam", lines)
        cluster.live(number, scene.folder)
        scenes.append(scene)
    return cluster.decide(START * 10**9 + LATER, {"heat": "hour"}), scenes


def test_two_producers_are_withheld_and_their_own_reports_are_right(tmp_path: Path) -> None:
    cells, (first, second) = lived(tmp_path, 30.0, 14.5)
    assert quantities(cells, "released") == []
    assert sum(quantities(cells, "withheld")) == pytest.approx(1068, rel=1e-5)
    (line,) = first.report(2026)["lines"]
    assert line["whole"]["quantity"] == pytest.approx(720, rel=1e-9)
    own = sum(one.quantity for one in second.totals("steam"))
    assert own == pytest.approx(348, rel=1e-9)


def test_a_third_owner_that_is_too_small_leaves_the_cell_withheld(tmp_path: Path) -> None:
    cells, _ = lived(tmp_path, 30.0, 14.5, 2.0)
    assert quantities(cells, "released") == []


def test_a_third_owner_makes_every_hour_safe(tmp_path: Path) -> None:
    cells, _ = lived(tmp_path, 30.0, 14.5, 4.0)
    assert quantities(cells, "withheld") == []
    assert quantities(cells, "released") == pytest.approx([48.5] * 24)
