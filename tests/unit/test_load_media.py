"""The media of heat meters in a plant file: what they mean, and mistakes told at their line."""

from pathlib import Path

import pytest

from config import heat
from config.errors import ConfigError, Problem
from config.load import load_plant
from config.medium_plan import ATMOSPHERE, Gas, Liquid, Steam
from config.plan import MeterPlan

HEAD = """
[plant]
name = "Works"
owner = "Owner"
[sources.m]
protocol = "replay"
file = "m.csv"
[sources.m.points]
v = { unit = "m3/h" }
nv = { unit = "Nm3/h" }
g = { unit = "t/h" }
count = { unit = "t" }
t1 = { unit = "Cel" }
t2 = { unit = "K" }
cold = { unit = "Cel", plausible = [-60, -30] }
hot = { unit = "Cel", plausible = [500, 900] }
boiled = { unit = "Cel", plausible = [90, 150] }
p = { unit = "bar" }
vacuum = { unit = "kPa", plausible = [0, 0.5] }
rh = { unit = "%" }
"""
GLYCOL = 'medium = "propylene glycol 40 %"'
PAIR = 'supply = "m.t1"\nreturn = "m.t2"'


def text(*lines: str) -> str:
    return f'{HEAD}[streams.s]\nkind = "heat"\n[streams.s.meter]\n' + "\n".join(lines) + "\n"


def load(folder: Path, *lines: str) -> MeterPlan:
    path = folder / "plant.toml"
    path.write_text(text(*lines), "utf-8")
    return load_plant(path, {}).streams[0].meter


def only(folder: Path, *lines: str) -> Problem:
    with pytest.raises(ConfigError) as caught:
        load(folder, *lines)
    [problem] = caught.value.problems
    return problem


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let these tests run where the library is not: only its presence is asked for here."""
    monkeypatch.setattr(heat, "find_spec", lambda name: object() if name == heat.LIBRARY else None)


def test_a_mixture_has_its_share_and_its_freezing_point(tmp_path: Path) -> None:
    found = load(tmp_path, 'flow = "m.v"', PAIR, 'flow_sensor = "return"', GLYCOL)
    assert found.medium == Liquid("MPG", 0.4, -20.57, 100.0)
    assert found.pressure_mpa == 1.6


@pytest.mark.parametrize("name", ["Therminol 66", "therminol  66", "THERMINOL 66"])
def test_an_oil_is_known_however_it_is_written(tmp_path: Path, name: str) -> None:
    lines = ('flow = "m.v"', PAIR, 'flow_sensor = "supply"', f'medium = "{name}"')
    assert load(tmp_path, *lines).medium == Liquid("T66", 0.0, 0.0, 380.0)


def test_a_brine_may_be_counted_above_a_reference_below_zero(tmp_path: Path) -> None:
    lines = ('flow = "m.v"', 'supply = "m.t1"', 'reference = "-10 Cel"', 'flow_sensor = "supply"')
    assert load(tmp_path, *lines, GLYCOL).reference == -10.0


def test_a_missing_library_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heat, "find_spec", lambda _: None)
    problem = only(tmp_path, 'flow = "m.v"', PAIR, 'flow_sensor = "return"', GLYCOL)
    assert problem.key == "streams.s.meter.medium"
    assert problem.hint == 'pip install "sidestream[media]"'
    steam = 'medium = { steam = "saturated", dryness = "100 %" }'
    plan = load(tmp_path, 'flow = "m.g"', 'pressure = "m.p"', 'return = "m.t2"', steam)
    assert isinstance(plan.medium, Steam)


def test_superheated_steam_has_its_pressure_measured_and_its_losses(tmp_path: Path) -> None:
    steam = '{ steam = "superheated", gauge = true, returned = "80 %", make_up = "283.15 K" }'
    found = load(tmp_path, 'flow = "m.count"', PAIR, 'pressure = "m.p"', f"medium = {steam}")
    assert found.medium == Steam(returned=0.8, make_up=10.0)
    assert list(found.inputs) == ["flow", "supply", "return", "pressure"]
    pressure = found.inputs["pressure"]
    assert (pressure.factor, pressure.offset) == (0.1, ATMOSPHERE)
    assert (found.flow_is_mass, found.flow_is_total, found.flow_sensor) == (True, True, None)


def test_saturated_steam_is_told_by_one_of_temperature_and_pressure(tmp_path: Path) -> None:
    steam = 'medium = { steam = "saturated", dryness = "97 %" }'
    rest = ('flow = "m.v"', 'flow_sensor = "supply"', 'return = "m.t2"', steam)
    found = load(tmp_path, *rest, 'pressure = "9 bar"')
    assert found.medium == Steam(saturated=True, dryness=0.97, pressure=0.9)
    assert list(found.inputs) == ["flow", "return"]
    assert list(load(tmp_path, *rest, 'supply = "m.t1"').inputs) == ["flow", "supply", "return"]


def gas(folder: Path, table: str, flow: str = "m.nv", *more: str) -> MeterPlan:
    return load(folder, f'flow = "{flow}"', PAIR, *more, f"medium = {{ {table} }}")


def test_a_gas_is_what_its_shares_say_and_the_rest_nitrogen(tmp_path: Path) -> None:
    found = gas(tmp_path, 'gas = { CO2 = "12 %", O2 = "6 %" }, vapour = "20 %", flow_is = "norm"')
    assert isinstance(found.medium, Gas)
    assert dict(found.medium.dry) == pytest.approx({"CO2": 0.12, "N2": 0.82, "O2": 0.06})
    assert found.medium.vapour == pytest.approx(0.25)
    assert found.pressure_mpa == ATMOSPHERE


def test_a_flue_gas_is_what_its_fuel_leaves(tmp_path: Path) -> None:
    wood = '{ carbon = "30 %", hydrogen = "3.6 %", oxygen = "26 %", water = "40 %" }'
    found = gas(tmp_path, f'fuel = {wood}, excess_air = "40 %", flow_is = "norm dry"').medium
    assert isinstance(found, Gas)
    dry = dict(found.dry)
    assert dry["CO2"] == pytest.approx(0.146, abs=0.001)
    assert dry["O2"] == pytest.approx(0.060, abs=0.001)
    assert found.vapour is not None
    assert found.vapour / (1 + found.vapour) == pytest.approx(0.189, abs=0.001)


@pytest.mark.parametrize(
    ("humid", "kind", "constant", "roles", "factor"),
    [
        ('relative_humidity = "m.rh"', "relative", None, ["humidity"], 0.01),
        ('relative_humidity = "80 %"', "relative", 0.8, [], None),
        ('dew_point = "m.t2"', "dew point", None, ["humidity"], 1.0),
        ('dew_point = "45 Cel"', "dew point", 45.0, [], None),
        ("saturated = true", "saturated", None, [], None),
    ],
)
def test_humidity_is_a_constant_or_a_point(
    tmp_path: Path, humid: str, kind: str, constant: float | None, roles: list[str],
    factor: float | None,
) -> None:  # fmt: skip
    found = gas(tmp_path, f'gas = "air", {humid}, condensing = false, flow_is = "norm"')
    assert isinstance(found.medium, Gas)
    assert (found.medium.humidity, found.medium.vapour) == (kind, constant)
    assert (found.medium.condensing, found.medium.flow) == (False, "norm")
    assert [role for role in found.inputs if role == "humidity"] == roles
    if roles:
        assert found.inputs["humidity"].factor == factor


SENSOR = 'flow_sensor = "supply"'
STEAM = 'medium = { steam = "superheated" }'
WET = 'medium = { steam = "saturated", dryness = "97 %" }'


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, 'medium = "propylene glycol 70 %"')),
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, 'medium = "propylene glycol 0 %"')),
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, 'medium = "propylene glycol"')),
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, 'medium = "brandy 40 %"')),
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, 'medium = "Therminal 66"')),
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, 'medium = "steam"')),
        ("medium", (f'flow = "m.v"\n{PAIR}', SENSOR, "medium = {}")),
        ("flow_sensor", (f'flow = "m.v"\n{PAIR}', GLYCOL)),
        ("supply", ('flow = "m.v"', 'return = "m.t2"', SENSOR, GLYCOL)),
        ("pressure", (f'flow = "m.v"\n{PAIR}', SENSOR, GLYCOL, 'pressure = "m.p"')),
        ("pressure", (f'flow = "m.v"\n{PAIR}', SENSOR, 'pressure = "0.001 bar"')),
        ("return", ('flow = "m.v"\nsupply = "m.t1"\nreturn = "m.cold"', SENSOR, GLYCOL)),
        ("supply", ('flow = "m.v"\nsupply = "m.hot"\nreturn = "m.t2"', SENSOR, GLYCOL)),
        ("reference", ('flow = "m.v"\nsupply = "m.t1"', 'reference = "-30 Cel"', SENSOR, GLYCOL)),
        ("pressure", (f'flow = "m.g"\n{PAIR}', STEAM)),
        ("supply", ('flow = "m.g"\nreturn = "m.t2"\npressure = "m.p"', STEAM)),
        ("supply", ('flow = "m.g"\nsupply = "m.boiled"\nreturn = "m.t2"',
                    'pressure = "12 bar"', STEAM)),
        ("pressure", (f'flow = "m.g"\n{PAIR}\npressure = "200 bar"', STEAM)),
        ("pressure", (f'flow = "m.g"\n{PAIR}\npressure = "m.vacuum"', STEAM)),
        ("pressure", (f'flow = "m.g"\n{PAIR}\npressure = "m.t1"', STEAM)),
        ("flow_sensor", (f'flow = "m.v"\n{PAIR}\npressure = "m.p"', STEAM)),
        ("pressure", (f'flow = "m.g"\n{PAIR}\npressure = "m.p"', WET)),
        ("pressure", ('flow = "m.g"\nreturn = "m.t2"', WET)),
        ("medium.dryness", (f'flow = "m.g"\n{PAIR}', 'medium = { steam = "saturated" }')),
        ("medium.dryness", (f'flow = "m.g"\n{PAIR}\npressure = "m.p"',
                            'medium = { steam = "superheated", dryness = "97 %" }')),
        ("medium.make_up", (f'flow = "m.g"\n{PAIR}\npressure = "m.p"',
                            'medium = { steam = "superheated", returned = "80 %" }')),
        ("medium.make_up", (f'flow = "m.g"\n{PAIR}\npressure = "m.p"',
                            'medium = { steam = "superheated", make_up = "10 Cel" }')),
        ("medium.returned", ('flow = "m.g"\nsupply = "m.t1"\nreference = "10 Cel"',
            'pressure = "m.p"',
            'medium = { steam = "superheated", returned = "80 %", make_up = "10 Cel" }')),
        ("flow_sensor", (f'flow = "m.v"\n{PAIR}\npressure = "m.p"\nflow_sensor = "return"',
            'medium = { steam = "superheated", returned = "80 %", make_up = "10 Cel" }')),
        ("medium.steam", (f'flow = "m.g"\n{PAIR}', 'medium = { steam = "wet" }')),
    ],
)  # fmt: skip
def test_a_medium_that_cannot_be_is_told_at_its_line(
    tmp_path: Path, key: str, lines: tuple[str, ...]
) -> None:
    problem = only(tmp_path, *lines)
    assert problem.key == f"streams.s.meter.{key}"
    written = text(*lines).splitlines()[problem.line - 1]
    last = key.rpartition(".")[2]
    assert last in written or problem.found == "missing"
    assert problem.accepted


@pytest.mark.parametrize(
    ("key", "flow", "table"),
    [
        ("gas", "m.nv", 'fuel = "methane", gas = "air", oxygen = "5 %", flow_is = "norm"'),
        ("gas", "m.nv", 'gas = { CO2 = "60 %", O2 = "50 %" }, vapour = "1 %", flow_is = "norm"'),
        ("fuel", "m.nv",
         'fuel = { carbon = "60 %", water = "50 %" }, oxygen = "5 %", flow_is = "norm"'),
        ("gas", "m.nv", 'gas = "helium", vapour = "1 %", flow_is = "norm"'),
        ("gas.CO2", "m.nv", 'gas = { CO2 = "much" }, vapour = "1 %", flow_is = "norm"'),
        ("gas", "m.nv", 'gas = 3, vapour = "1 %", flow_is = "norm"'),
        ("fuel", "m.nv", 'fuel = "peat", oxygen = "5 %", flow_is = "norm"'),
        ("oxygen", "m.nv", 'fuel = "methane", oxygen = "21 %", flow_is = "norm"'),
        ("oxygen", "m.nv", 'fuel = "methane", oxygen = "5 t", flow_is = "norm"'),
        ("oxygen", "m.nv", 'gas = "air", saturated = true, oxygen = "5 %", flow_is = "norm"'),
        ("excess_air", "m.nv", 'fuel = "methane", flow_is = "norm"'),
        ("excess_air", "m.nv", 'fuel = "methane", excess_air = "950 %", flow_is = "norm"'),
        ("vapour", "m.nv", 'gas = "air", flow_is = "norm"'),
        ("vapour", "m.nv", 'gas = "air", vapour = "100 %", flow_is = "norm"'),
        ("vapour", "m.nv", 'gas = "air", vapour = "1 %", saturated = true, flow_is = "norm"'),
        ("dew_point", "m.nv", 'gas = "air", dew_point = "120 Cel", flow_is = "norm"'),
        ("dew_point", "m.nv", 'gas = "air", dew_point = "m.rh", flow_is = "norm"'),
        ("relative_humidity", "m.nv", 'gas = "air", relative_humidity = "m.t1", flow_is = "norm"'),
        ("relative_humidity", "m.nv", 'gas = "air", relative_humidity = "120 %", flow_is = "norm"'),
        ("relative_humidity", "m.nv", 'gas = "air", relative_humidity = "often", flow_is = "norm"'),
        ("flow_is", "m.nv", 'gas = "air", saturated = true, flow_is = "operating"'),
        ("flow_is", "m.v", 'gas = "air", saturated = true, flow_is = "dry"'),
        ("flow_is", "m.g", 'gas = "air", saturated = true, flow_is = "norm"'),
        ("flow_is", "m.g", 'gas = "air", saturated = true'),
    ],
)  # fmt: skip
def test_a_gas_that_cannot_be_is_told_at_its_line(
    tmp_path: Path, key: str, flow: str, table: str
) -> None:
    problem = only(tmp_path, f'flow = "{flow}"', PAIR, f"medium = {{ {table} }}")
    assert problem.key == f"streams.s.meter.medium.{key}"
    assert problem.line == text("flow", PAIR, "x").count("\n")
    assert problem.accepted


def test_a_gas_by_volume_as_it_flows_needs_its_sensors_place_and_a_low_pressure(
    tmp_path: Path,
) -> None:
    medium = 'medium = { gas = "air", saturated = true, flow_is = "operating" }'
    assert only(tmp_path, 'flow = "m.v"', PAIR, medium).key == "streams.s.meter.flow_sensor"
    lines = ('flow = "m.v"', PAIR, SENSOR, medium, 'pressure = "10 bar"')
    assert only(tmp_path, *lines).key == "streams.s.meter.pressure"
