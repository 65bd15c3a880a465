"""A few tickets a week of two owners: conserved through carrying, and never released."""

from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from random import Random

import pytest

from tests.golden.clusterkit import LATER, Cluster, quantities
from tests.golden.scenekit import Scene, rows

START = 1_767_225_600
"""2026-01-01T00:00:00Z, in seconds since 1970."""
WEEKS = 12
HOURS = WEEKS * 168


def tickets(seed: int) -> dict[int, int]:
    """Draw four tickets a week: kilograms by the hour of the weighing."""
    draw = Random(seed)
    return {
        week * 168 + hour: draw.randrange(22_000, 26_000, 20)
        for week in range(WEEKS)
        for hour in sorted(draw.sample(range(1, 168), 4))
    }


def shown(weighed: dict[int, int]) -> Iterator[tuple[object, ...]]:
    """Show the last ticket each hour."""
    numbers = list(accumulate((hour in weighed for hour in range(HOURS + 1)), initial=500))[1:]
    net = 20_000
    for hour, number in enumerate(numbers):
        net = weighed.get(hour, net)
        yield START + hour * 3600, net, number


def test_few_tickets_are_carried_conserved_and_never_released(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "hub", "Smelter AS", "Other Smelter AS")
    for number in (1, 2):
        scene, weighed = Scene.of("pot_lining", tmp_path / f"p{number}"), tickets(number)
        rows(scene.folder / "readings.csv", "time,net,ticket", shown(weighed))
        sent = cluster.live(number, scene.folder)
        assert len(weighed) == 4 * WEEKS
        assert 12 <= len(sent.figures) <= 16
        assert sent.quantity + sent.waiting == pytest.approx(sum(weighed.values()) / 1000)
        assert min(one["quantity"] for one in sent.figures) > 3 * 22
        own = scene.totals("spent_lining")
        assert sum(one.quantity for one in own) == pytest.approx(sum(weighed.values()) / 1000)
    cells = cluster.decide(START * 10**9 + LATER, {"material": "week"})
    assert len(cells) >= WEEKS
    assert quantities(cells, "released") == []
