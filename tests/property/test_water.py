"""Properties of the water equation and its table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.measuring.water import (
    ZERO_CELSIUS,
    highest,
    liquid,
    water,
)
from config.saturation import saturation_pressure, saturation_temperature

PRESSURES = st.sampled_from([0.02, 0.1, 0.6, 1.6, 4.0, 10.0, 30.0, 100.0])


@given(mpa=PRESSURES, share=st.floats(0, 1))
def test_the_table_follows_the_equation_to_nine_digits(mpa: float, share: float) -> None:
    table = water(mpa)
    celsius = share * table.highest
    state = liquid(celsius + ZERO_CELSIUS, mpa)
    assert table.volume(celsius) == pytest.approx(state.volume, rel=1e-9)
    assert table.enthalpy(celsius) == pytest.approx(state.enthalpy, rel=1e-9, abs=1e-6)


@given(mpa=PRESSURES, share=st.floats(0, 0.99))
def test_the_slopes_are_those_of_the_values(mpa: float, share: float) -> None:
    kelvin = share * highest(mpa) + ZERO_CELSIUS + 0.01
    state, below, above = (liquid(kelvin + step, mpa) for step in (0.0, -0.005, 0.005))
    slope = (above.enthalpy - below.enthalpy) / 0.01
    assert state.heat_capacity == pytest.approx(slope, rel=1e-5)
    swell = (above.volume - below.volume) / 0.01
    assert state.expansion == pytest.approx(swell, rel=1e-4, abs=1e-11)


@given(kelvin=st.floats(273.15, 647.0))
def test_boiling_pressure_and_temperature_are_inverse(kelvin: float) -> None:
    assert saturation_temperature(saturation_pressure(kelvin)) == pytest.approx(kelvin, rel=1e-8)
