"""Settings of a stream that only its own report uses."""

from pathlib import Path

import pytest

from config.plan import StreamPlan
from tests.unit.test_load_plant import BASE, SOURCE, only, plan

SLAG = '[streams.slag]\nmaterial = "10 09 03"\n'


def stream(folder: Path, text: str) -> StreamPlan:
    return plan(folder, BASE + SOURCE + text).streams[0]


def test_without_them_a_stream_has_no_number_and_no_firm_level(tmp_path: Path) -> None:
    found = stream(tmp_path, SLAG + 'meter = { total = "belt.total" }\n')
    assert (found.ns9431, found.firm) == (None, None)


@pytest.mark.parametrize(
    ("firm", "meter", "wanted"),
    [
        ('"2 t/h"', '{ total = "belt.total" }', 2 / 3600),
        ('"500 kg/h"', '{ rate = "belt.rate" }', 0.5 / 3600),
        ('"2 m3/h"', '{ rate = "belt.flow", density = "1.5 t/m3" }', 3 / 3600),
    ],
)
def test_a_firm_level_is_in_the_streams_unit_per_second(
    tmp_path: Path, firm: str, meter: str, wanted: float
) -> None:
    found = stream(tmp_path, f"{SLAG}firm = {firm}\nmeter = {meter}\n")
    assert found.firm == pytest.approx(wanted)


def test_a_firm_level_of_heat_is_a_power(tmp_path: Path) -> None:
    heat = '[streams.heat]\nkind = "heat"\nfirm = "3 MW"\nmeter = { rate = "belt.power" }\n'
    assert stream(tmp_path, heat).firm == pytest.approx(3 / 3600)


def test_a_firm_level_in_another_quantity_is_named_with_what_fits(tmp_path: Path) -> None:
    text = f'{BASE}{SOURCE}{SLAG}firm = "2 m3/h"\nmeter = {{ total = "belt.total" }}\n'
    problem = only(tmp_path, text)
    assert (problem.key, problem.accepted) == ("streams.slag.firm", "mass per time (t/h, kg/s)")


def test_a_number_of_ns_9431_has_four_digits(tmp_path: Path) -> None:
    meter = 'meter = { total = "belt.total" }\n'
    assert stream(tmp_path, f'{SLAG}ns9431 = "1605"\n{meter}').ns9431 == "1605"
    problem = only(tmp_path, f'{BASE}{SOURCE}{SLAG}ns9431 = "16 05"\n{meter}')
    assert problem.accepted == 'a number of NS 9431, four digits, "1605"'
