"""A day of readings each second through every kind of meter; `make accuracy` runs a year."""

import pytest

from bench.accuracy.cases import CASES
from bench.accuracy.year import measure

WINDOWS = {
    "rate": 60, "total": 900, "batch": 300, "heat": 3600, "heat-total": 900, "stock": 86_400,
}  # fmt: skip
"""Seconds of a measurement window, by case."""


@pytest.mark.parametrize("case", CASES)
def test_a_disturbed_day_adds_up_to_an_independent_sum(case: str) -> None:
    found = measure(case, 1, WINDOWS[case])
    assert found.sound, found
    assert found.readings > 20_000
    assert found.restarts


def test_a_day_adds_up_to_the_same_in_windows_of_any_length() -> None:
    sums = [measure("total", 1, window).quantity for window in (300, 86_400)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-12)
