"""Steam by IAPWS-IF97: the release's verification values, and those of steam tables."""

import pytest

from agent.measuring.media.boiling import condensates, saturated
from agent.measuring.steam import condensate, vapour
from agent.measuring.water import ZERO_CELSIUS
from config.saturation import saturation_pressure


@pytest.mark.parametrize(
    ("kelvin", "mpa", "volume", "enthalpy"),
    [
        (300.0, 0.0035, 0.394913866e2, 0.254991145e4),
        (700.0, 0.0035, 0.923015898e2, 0.333568375e4),
        (700.0, 30.0, 0.542946619e-2, 0.263149474e4),
    ],
)
def test_region_2_gives_the_values_of_table_15_of_the_release(
    kelvin: float, mpa: float, volume: float, enthalpy: float
) -> None:
    found = vapour(kelvin, mpa)
    assert found.volume == pytest.approx(volume, rel=3e-9)
    assert found.enthalpy == pytest.approx(enthalpy, rel=3e-9)


@pytest.mark.parametrize(
    ("celsius", "water", "steam", "volume"),
    [
        (99.606, 417.4, 2674.9, 1.694),  # 1 bar
        (179.886, 762.7, 2777.1, 0.19435),  # 10 bar
        (250.354, 1087.4, 2800.9, 0.049776),  # 40 bar
    ],
)
def test_boiling_water_and_saturated_steam_are_those_of_the_steam_tables(
    celsius: float, water: float, steam: float, volume: float
) -> None:
    line = saturated()
    assert line.water(celsius) == pytest.approx(water, abs=0.1)
    assert line.steam(celsius) == pytest.approx(steam, abs=0.1)
    assert line.steam_volume(celsius) == pytest.approx(volume, rel=3e-4)


def test_superheated_steam_is_that_of_the_steam_tables() -> None:
    found = vapour(400.0 + ZERO_CELSIUS, 4.0)
    assert found.enthalpy == pytest.approx(3214.4, abs=0.1)
    assert found.volume == pytest.approx(0.07343, rel=2e-4)


def test_condensate_is_water_at_the_higher_of_boiling_and_atmosphere() -> None:
    assert condensates().enthalpy(60.0) == pytest.approx(251.2, abs=0.1)
    assert condensates().volume(60.0) == pytest.approx(condensate(60.0)[1], rel=1e-7)
    assert condensate(150.0)[0] == pytest.approx(632.3, abs=0.1)


@pytest.mark.parametrize("celsius", [0.2, 3.7, 57.3, 99.8, 180.2, 251.3, 330.3, 349.6])
def test_the_curves_of_the_saturation_line_are_its_equations(celsius: float) -> None:
    kelvin, line = celsius + ZERO_CELSIUS, saturated()
    steam = vapour(kelvin, saturation_pressure(kelvin))
    assert line.steam(celsius) == pytest.approx(steam.enthalpy, rel=1e-8)
    assert line.steam_volume(celsius) == pytest.approx(steam.volume, rel=2e-7)
