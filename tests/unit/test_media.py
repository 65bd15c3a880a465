"""What the media of heat meters give off: steam, gases, and what is no state of theirs."""

import math
from typing import Any

import pytest

from adapters.errors import PermanentError
from agent.measuring.media.curve import Curve
from agent.measuring.steam import condensate, vapour
from agent.measuring.water import ZERO_CELSIUS
from config.combustion import AIR, FUELS, flue_gas, moles
from config.fluids import liquid
from config.medium_plan import Gas, Grid, Steam
from tests.mediakit import made, meter, steam_meter, synthetic

SUPERHEATED = ("supply", "pressure", "return")


def test_a_curve_is_exact_for_a_cubic_and_told_where_it_ends() -> None:
    cubic = [2.0 - t + 0.5 * t**2 - 0.01 * t**3 for t in range(-5, 6)]
    curve = Curve(Grid(-5.0, 1.0, tuple(cubic)))
    for t in (-5.0, -4.3, 0.0, 0.5, 4.9, 5.0):
        assert curve(t) == pytest.approx(2.0 - t + 0.5 * t**2 - 0.01 * t**3, rel=1e-12)
    assert curve.holds(-5.0)
    assert curve.holds(5.0)
    assert not curve.holds(5.0001)
    with pytest.raises(ValueError, match="four"):
        Curve(Grid(0.0, 1.0, (1.0, 2.0, 3.0)))


def test_a_curve_is_as_exact_as_the_four_nearest_samples_allow() -> None:
    """The error of a cubic in the middle of four: 9/16/24 of the fourth derivative and step."""
    curve = Curve(Grid(0.0, 1.0, tuple(math.exp(node / 10) for node in range(21))))
    for tenth in range(10, 190):
        at = tenth / 10
        bound = 9 / 16 / 24 * 1e-4 * math.exp((at + 2) / 10)
        assert curve(at) == pytest.approx(math.exp(at / 10), rel=0, abs=bound)


def test_a_liquid_without_samples_says_what_to_install() -> None:
    with pytest.raises(PermanentError, match="not been sampled") as caught:
        made(meter(liquid("Therminol 66"), "supply", "return"))
    assert "sidestream[media]" in caught.value.mend


def test_a_sampled_liquid_ends_where_its_samples_end() -> None:
    found = made(
        meter(liquid("Therminol 66"), "supply", "return", properties=synthetic(-20.0, 100.0))
    )
    assert found.holds("supply", -20.0)
    assert found.holds("return", 100.0)
    assert not found.holds("supply", 100.1)
    assert not found.holds("supply", -20.1)


def test_steam_gives_off_its_enthalpy_above_that_of_its_condensate() -> None:
    fall = made(steam_meter(*SUPERHEATED)).fall((250.0, 1.0, 80.0))
    assert fall is not None
    steam = vapour(250.0 + ZERO_CELSIUS, 1.0)
    assert fall.drop == pytest.approx(steam.enthalpy - condensate(80.0)[0], rel=1e-9)
    assert fall.volume == pytest.approx(steam.volume, rel=1e-12)
    assert (fall.supply, fall.kelvin, fall.doubt) == (250.0, 170.0, False)


def test_condensate_that_is_lost_is_replaced_by_make_up_water() -> None:
    steam = Steam(returned=0.7, make_up=10.0)
    plan = steam_meter(*SUPERHEATED, steam=steam, flow_is_mass=True, flow_sensor=None)
    whole = made(steam_meter(*SUPERHEATED)).fall((250.0, 1.0, 80.0))
    fall = made(plan).fall((250.0, 1.0, 80.0))
    assert fall is not None
    assert whole is not None
    gained = 0.3 * (condensate(80.0)[0] - condensate(10.0)[0])
    assert fall.drop == pytest.approx(whole.drop + gained, rel=1e-9)
    assert fall.volume == 1.0


def test_a_condensate_meter_counts_the_water() -> None:
    fall = made(steam_meter(*SUPERHEATED, flow_sensor="return")).fall((250.0, 1.0, 80.0))
    assert fall is not None
    assert fall.volume == pytest.approx(1 / 971.8, rel=1e-3)


def test_saturated_steam_is_told_by_either_and_by_its_dryness() -> None:
    dry, wet = Steam(saturated=True), Steam(saturated=True, dryness=0.9)
    by_pressure = made(steam_meter("pressure", "return", steam=dry)).fall((1.0, 80.0))
    by_supply = made(steam_meter("supply", "return", steam=dry)).fall((179.886, 80.0))
    less = made(steam_meter("pressure", "return", steam=wet)).fall((1.0, 80.0))
    assert by_pressure is not None
    assert by_supply is not None
    assert less is not None
    assert by_pressure.drop == pytest.approx(2777.1 - 335.0, abs=0.2)
    assert by_supply.drop == pytest.approx(by_pressure.drop, rel=1e-5)
    assert by_pressure.supply == pytest.approx(179.886, abs=1e-3)
    assert by_pressure.drop - less.drop == pytest.approx(0.1 * 2014.4, rel=1e-3)
    assert less.volume == pytest.approx(0.9 * 0.19435 + 0.1 * 0.001127, rel=1e-4)


@pytest.mark.parametrize(
    ("supply", "state"), [(185.0, "sure"), (181.0, "doubt"), (178.5, "doubt"), (170.0, None)]
)
def test_steam_that_may_be_wet_is_in_doubt_and_water_is_no_steam(
    supply: float, state: str | None
) -> None:
    fall = made(steam_meter(*SUPERHEATED)).fall((supply, 1.0, 80.0))
    assert (fall is None) is (state is None)
    if fall is not None:
        assert fall.doubt is (state == "doubt")
        assert fall.drop >= 2777.0 - 335.1


def test_condensate_hotter_than_the_steam_boils_is_no_state() -> None:
    found = made(steam_meter(*SUPERHEATED))
    assert found.fall((250.0, 1.0, 183.0)) is None
    close = found.fall((250.0, 1.0, 181.0))
    assert close is not None
    assert close.doubt


@pytest.mark.parametrize(("supply", "mpa"), [(60.0, 0.0), (120.0, 0.0005), (360.0, 16.6)])
def test_steam_outside_its_range_is_no_state(supply: float, mpa: float) -> None:
    assert made(steam_meter(*SUPERHEATED)).fall((supply, mpa, 50.0)) is None


def test_a_constant_pressure_needs_no_point() -> None:
    plan = steam_meter("supply", "return", steam=Steam(pressure=1.0))
    fall, measured = made(plan).fall((250.0, 80.0)), made(steam_meter(*SUPERHEATED))
    assert fall == measured.fall((250.0, 1.0, 80.0))


def test_the_warmth_of_an_idle_line_is_known_without_a_temperature() -> None:
    found = made(steam_meter("pressure", "return", steam=Steam(saturated=True)))
    assert found.warmth((1.0, 80.0)) == pytest.approx(179.886, abs=1e-3)
    assert 0.0 < found.warmth((0.0, 80.0)) < 10.0


def test_methane_burns_to_what_stoichiometry_says() -> None:
    dry, vapour = flue_gas(FUELS["methane"], excess=0.0)
    assert dry["CO2"] == pytest.approx(0.1174, abs=2e-4)
    assert "O2" not in dry
    assert vapour / (1 + vapour) == pytest.approx(0.190, abs=1e-3)
    assert sum(dry.values()) == pytest.approx(1.0, rel=1e-12)


def test_the_oxygen_of_the_flue_gas_tells_the_excess_of_air() -> None:
    for fuel in (*FUELS.values(), moles({"carbon": 0.3, "hydrogen": 0.036, "oxygen": 0.26})):
        dry, vapour = flue_gas(fuel, oxygen=0.05)
        assert dry["O2"] == pytest.approx(0.05, rel=1e-9)
        excess = 0.05 * (1 - 0.0) / 0.20948  # a first guess, bettered by the same equation
        assert flue_gas(fuel, excess=excess)[0].get("O2", 0.0) > 0.0
        assert 0.0 < vapour < 1.0


@pytest.mark.parametrize(
    ("fuel", "oxygen", "what"),
    [({"carbon": 1.0}, 0.21, "oxygen"), ({"oxygen": 1.0}, 0.05, "no air"), ({}, 0.05, "no air")],
)
def test_what_cannot_burn_so_is_refused(fuel: dict[str, float], oxygen: float, what: str) -> None:
    with pytest.raises(PermanentError, match=what):
        flue_gas(fuel, oxygen=oxygen)


def air(**settings: Any) -> Gas:
    return Gas(tuple(sorted(AIR.items())), **settings)


def test_a_gas_without_samples_says_what_to_install() -> None:
    with pytest.raises(PermanentError, match="not been sampled"):
        made(meter(air(), "supply", "return", pressure_mpa=0.101325))
