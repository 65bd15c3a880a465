"""Water by IAPWS-IF97: the release's verification values, the design's heat coefficients."""

import pytest

from adapters.errors import PermanentError
from agent.measuring.water import (
    Water,
    highest,
    liquid,
    water,
)
from config.saturation import saturation_pressure, saturation_temperature


@pytest.mark.parametrize(
    ("kelvin", "mpa", "volume", "enthalpy", "heat_capacity"),
    [
        (300.0, 3.0, 0.100215168e-2, 0.115331273e3, 0.417301218e1),
        (300.0, 80.0, 0.971180894e-3, 0.184142828e3, 0.401008987e1),
        (500.0, 3.0, 0.120241800e-2, 0.975542239e3, 0.465580682e1),
    ],
)
def test_region_1_gives_the_verification_values_of_the_release(
    kelvin: float, mpa: float, volume: float, enthalpy: float, heat_capacity: float
) -> None:
    state = liquid(kelvin, mpa)
    assert state.volume == pytest.approx(volume, rel=5e-9)
    assert state.enthalpy == pytest.approx(enthalpy, rel=5e-9)
    assert state.heat_capacity == pytest.approx(heat_capacity, rel=5e-9)


@pytest.mark.parametrize(
    ("kelvin", "mpa"),
    [(300.0, 0.353658941e-2), (500.0, 0.263889776e1), (600.0, 0.123443146e2)],
)
def test_saturation_pressure_gives_the_verification_values(kelvin: float, mpa: float) -> None:
    assert saturation_pressure(kelvin) == pytest.approx(mpa, rel=5e-9)


@pytest.mark.parametrize(
    ("mpa", "kelvin"),
    [(0.1, 0.372755919e3), (1.0, 0.453035632e3), (10.0, 0.584149488e3)],
)
def test_saturation_temperature_gives_the_verification_values(mpa: float, kelvin: float) -> None:
    assert saturation_temperature(mpa) == pytest.approx(kelvin, rel=5e-9)


@pytest.mark.parametrize(("sensor", "factor"), [(40.0, 1.15395), (90.0, 1.12271)])
def test_heat_coefficient_at_90_40_celsius_and_16_bar_is_the_known_one(
    sensor: float, factor: float
) -> None:
    table = water(1.6)
    drop = table.enthalpy(90.0) - table.enthalpy(40.0)
    assert drop / table.volume(sensor) / 50.0 / 3600.0 == pytest.approx(factor, abs=5e-6)


def test_water_boils_at_its_saturation_temperature_and_the_table_ends_there() -> None:
    table = water(0.101325)
    assert table.highest == pytest.approx(99.974, abs=0.001)
    assert table.holds(99.9)
    assert not table.holds(100.1)
    assert not table.holds(-0.001)


def test_no_pressure_makes_region_1_reach_beyond_350_celsius() -> None:
    assert highest(16.529) < 350.0
    assert highest(16.6) == 350.0
    assert water(20.0).holds(350.0)
    assert water(20.0).enthalpy(350.0) == pytest.approx(liquid(623.15, 20.0).enthalpy, rel=1e-12)


@pytest.mark.parametrize("mpa", [0.0, -1.0, 100.1, float("nan")])
def test_a_pressure_outside_the_equation_is_refused(mpa: float) -> None:
    with pytest.raises(PermanentError, match="outside the range"):
        Water(mpa)
