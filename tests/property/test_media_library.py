"""How far media are from the property library, and from what others have published."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.measuring.media import Medium
from agent.measuring.media.boiling import condensates, saturated
from agent.measuring.media.need import WATER
from agent.measuring.sampling import sampled
from agent.measuring.steam import condensate, vapour
from agent.measuring.water import ZERO_CELSIUS, liquid, water
from config.fluids import MIXTURES, OILS, STEP, freezing
from config.medium_plan import Steam
from config.plan import MeterPlan
from config.saturation import saturation_pressure, saturation_temperature
from tests.mediakit import (
    asked,
    gas_meter,
    gas_of,
    library,
    liquid_meter,
    made,
    steam_meter,
)

pytestmark = pytest.mark.coolprop
ROOT = Path(__file__).parents[2]
GLYCOLS = [f"{name} {share} %" for name in MIXTURES for share in (20, 40, 60)]
LIQUIDS = [*GLYCOLS, *OILS]
MPA = 4.0
"""A pressure at which none of the liquids boils."""


class Off(NamedTuple):
    """Relative errors of a state: enthalpy difference, volume, heat of a cubic metre."""

    drop: float
    volume: float
    heat: float


def off(drop: float, volume: float, true_drop: float, true_volume: float) -> Off:
    return Off(
        abs(drop / true_drop - 1.0),
        abs(volume / true_volume - 1.0),
        abs(drop / volume / (true_drop / true_volume) - 1.0),
    )


@cache
def liquid_of(name: str) -> tuple[MeterPlan, Medium]:
    plan = liquid_meter(name, MPA)
    return plan, made(plan)


def liquid_off(name: str, first: float, second: float) -> Off:
    """Compare a liquid at two places of its range, at least the default `dt_min` apart."""
    plan, kind = liquid_of(name)
    grid = plan.properties["enthalpy"]
    width = len(grid.values) - 1 - 3.0
    back = grid.low + width * min(first, second)
    supply = grid.low + width * max(first, second) + 3.0
    fall, true = kind.fall((supply, back)), library(name, MPA)
    assert fall is not None
    return off(fall.drop, fall.volume, true.heat(back, supply), 1.0 / true.density(supply))


@given(name=st.sampled_from(LIQUIDS), first=st.floats(0, 1), second=st.floats(0, 1))
@settings(max_examples=300, deadline=None)
def test_a_liquid_is_what_the_library_says_it_is(name: str, first: float, second: float) -> None:
    assert max(liquid_off(name, first, second)) < 1e-8


def liquids(names: list[str]) -> Iterator[Off]:
    random = Random(1)
    for name in names:
        for _ in range(100):
            yield liquid_off(name, random.random(), random.random())
            near = random.random()
            yield liquid_off(name, near, min(1.0, near + 0.01))


def boiling_water() -> Iterator[Off]:
    random, table = Random(2), water(1.6)
    for _ in range(300):
        low = random.uniform(0, 190)
        high = random.uniform(low + 3.0, 201.0)
        one, two = (liquid(each + ZERO_CELSIUS, 1.6) for each in (high, low))
        drop = table.enthalpy(high) - table.enthalpy(low)
        yield off(drop, table.volume(high), one.enthalpy - two.enthalpy, one.volume)


def saturated_steam() -> Iterator[Off]:
    """Compare the curves of the saturation line with their equations."""
    random, kind = Random(3), made(steam_meter("pressure", "return", steam=Steam(saturated=True)))
    for _ in range(500):
        mpa = 10 ** random.uniform(-3, 1.217)
        kelvin = saturation_temperature(mpa)
        back = random.uniform(0, kelvin - ZERO_CELSIUS - 3.0)
        fall, true = kind.fall((mpa, back)), vapour(kelvin, mpa)
        assert fall is not None
        drop = true.enthalpy - condensate(back)[0]
        yield off(fall.drop, fall.volume, drop, true.volume)


def superheated_steam() -> Iterator[Off]:
    """Compare with IAPWS-95, which IAPWS-IF97 stands for."""
    from CoolProp import CoolProp  # noqa: PLC0415 - slow to import

    kind, random = made(steam_meter("supply", "pressure", "return")), Random(4)
    steam, water = (CoolProp.AbstractState("HEOS", "Water") for _ in range(2))
    for _ in range(300):
        mpa = 10 ** random.uniform(-3, 1.217)
        boiling = saturation_temperature(mpa) - ZERO_CELSIUS
        supply, back = random.uniform(boiling + 2.1, 800), random.uniform(1, min(boiling, 340))
        steam.update(CoolProp.PT_INPUTS, mpa * 1e6, supply + ZERO_CELSIUS)
        own = max(0.101325, saturation_pressure(back + ZERO_CELSIUS) * 1.001)
        water.update(CoolProp.PT_INPUTS, own * 1e6, back + ZERO_CELSIUS)
        fall = kind.fall((supply, mpa, back))
        assert fall is not None
        drop = (steam.hmass() - water.hmass()) / 1000
        yield off(fall.drop, fall.volume, drop, 1.0 / steam.rhomass())


def moist_air(humid: str, hottest: float, mpas: tuple[float, ...]) -> Iterator[Off]:
    """Compare with the library's humid air (ASHRAE RP-1485), its condensate as ours."""
    from CoolProp import CoolProp  # noqa: PLC0415 - slow to import

    humid_air = CoolProp.HAPropsSI

    roles = ("supply", "return", "humidity")[: 2 if humid == "saturated" else 3]
    random, gas = Random(5), gas_of("air", humidity=humid, vapour=None)
    dry = made(gas_meter(gas_of("air", flow="dry"), mpa=mpas[0])).fall((20.0, 10.0))
    assert dry is not None
    for mpa in mpas:
        kind, pascal = made(gas_meter(gas, *roles, mpa=mpa)), mpa * 1e6
        boiling = saturation_temperature(mpa) - ZERO_CELSIUS - 2.0
        for _ in range(150):
            supply = random.uniform(10, min(hottest, boiling))
            back = random.uniform(1, supply - 3)
            share = 1.0 if humid == "saturated" else random.uniform(0.05, 1)
            fall = kind.fall((supply, back, share)[: len(roles)])
            if fall is None:
                continue
            state = ("T", supply + ZERO_CELSIUS, "P", pascal)
            wet = humid_air("W", *state, "R", share)
            cold = ("T", back + ZERO_CELSIUS, "P", pascal)
            left = min(wet, humid_air("W", *cold, "R", 1.0))
            drop = humid_air("H", *state, "W", wet) - humid_air("H", *cold, "W", left)
            true = drop / 1000 - (wet - left) * condensate(back)[0]
            mass = dry.volume
            yield off(fall.drop / mass, fall.volume / mass, true, humid_air("V", *state, "W", wet))


def dry_gas(name: str) -> Iterator[Off]:
    """Compare a gas at the atmosphere's pressure, taken as ideal, with the real one."""
    from CoolProp import CoolProp  # noqa: PLC0415 - slow to import

    gas, random = gas_of("air", humidity="fixed", vapour=0.0), Random(6)
    kind = made(gas_meter(type(gas)(((name, 1.0),))))
    long = {"N2": "Nitrogen", "O2": "Oxygen", "CO2": "CarbonDioxide"}[name]
    state = CoolProp.AbstractState("HEOS", long)

    def real(celsius: float) -> tuple[float, float]:
        state.update(CoolProp.PT_INPUTS, 101_325.0, celsius + ZERO_CELSIUS)
        return state.hmolar() / 1000, 1.0 / state.rhomolar()

    for _ in range(100):
        supply = random.uniform(50, 1200)
        back = random.uniform(1, supply - 3)
        fall = kind.fall((supply, back))
        assert fall is not None
        (hot, volume), (cold, _) = real(supply), real(back)
        yield off(fall.drop, fall.volume, hot - cold, volume)


ROWS: dict[str, Callable[[], Iterator[Off]]] = {
    "water": boiling_water,
    "glycol mixtures": lambda: liquids(GLYCOLS),
    "thermal oils": lambda: liquids(list(OILS)),
    "saturated steam": saturated_steam,
    "superheated steam": superheated_steam,
    "saturated air to 90 °C": lambda: moist_air("saturated", 90.0, (0.101325,)),
    "moist air to 95 °C": lambda: moist_air("relative", 95.0, (0.05, 0.101325, 0.3)),
    "nitrogen, oxygen": lambda: (each for name in ("N2", "O2") for each in dry_gas(name)),
    "carbon dioxide": lambda: dry_gas("CO2"),
}


def documented() -> dict[str, Off]:
    """Read the table of the page: the largest errors in percent."""
    text = (ROOT / "docs" / "measurement.md").read_text()
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| ([\d.e-]+) \| ([\d.e-]+) \| ([\d.e-]+) \|$", text, re.MULTILINE
    )
    return {name: Off(*(float(each) / 100 for each in figures)) for name, *figures in rows}


@pytest.mark.parametrize("name", ROWS)
def test_the_page_tells_the_largest_error(name: str) -> None:
    told = documented()[name]
    found = list(ROWS[name]())
    assert len(found) > 50
    for figure, values in zip(told, zip(*found, strict=True), strict=True):
        assert max(values) <= figure <= max(10 * max(values), 1e-8)


def test_the_page_tells_of_nothing_else() -> None:
    assert list(documented()) == list(ROWS)


def test_names_and_ranges_are_the_librarys() -> None:
    from CoolProp import CoolProp  # noqa: PLC0415 - slow to import

    for oil in OILS.values():
        fluid = CoolProp.AbstractState("INCOMP", oil.fluid)
        ends = (fluid.Tmin() - ZERO_CELSIUS, fluid.Tmax() - ZERO_CELSIUS)
        assert (oil.low, oil.high) == pytest.approx(ends, abs=1e-6)
    for mixture in MIXTURES.values():
        fluid = CoolProp.AbstractState("INCOMP", mixture.fluid)
        assert mixture.high == pytest.approx(fluid.Tmax() - ZERO_CELSIUS, abs=1e-6)
        for percent in range(int(mixture.most * 100) + 1):
            fluid.set_mass_fractions([percent / 100])
            fluid.update(CoolProp.PT_INPUTS, 1e6, 293.15)
            true = fluid.keyed_output(CoolProp.get_parameter_index("T_freeze")) - ZERO_CELSIUS
            assert true - 0.3 <= freezing(mixture, percent / 100) <= true + 0.006
        fluid.set_mass_fractions([mixture.most + 0.01])
        with pytest.raises(ValueError, match="composition"):
            fluid.update(CoolProp.PT_INPUTS, 1e6, 293.15)
        assert len(mixture.freezing) == round(mixture.most / STEP) + 1


@pytest.mark.parametrize(
    ("name", "celsius", "density", "capacity"),
    [
        # CRC Handbook of Chemistry and Physics, concentrative properties of aqueous solutions
        ("ethylene glycol 20 %", 20.0, 1024.1, None),
        ("ethylene glycol 40 %", 20.0, 1051.4, None),
        # the makers' data sheets
        ("Therminol 66", 100.0, 955.0, 1.84),
        ("Therminol 66", 200.0, 885.0, 2.19),
        ("Therminol VP-1", 200.0, 913.0, 2.048),
        ("Therminol VP-1", 300.0, 817.0, 2.314),
    ],
)
def test_liquids_are_what_has_been_published(
    name: str, celsius: float, density: float, capacity: float | None
) -> None:
    fall = made(liquid_meter(name, MPA)).fall((celsius, celsius - 4.0))
    assert fall is not None
    assert 1.0 / fall.volume == pytest.approx(density, rel=1e-3)
    if capacity is not None:
        assert fall.drop / 4.0 == pytest.approx(capacity, rel=6e-3)


@pytest.mark.parametrize(
    ("species", "joules"),
    [("N2", 21.463), ("O2", 22.703), ("CO2", 33.397), (WATER, 26.000), ("CO", 21.690),
     ("SO2", 34.390), ("Ar", 14.589), ("H2", 20.680), ("CH4", 38.179)],
)  # fmt: skip
def test_gases_take_up_from_25_to_727_celsius_what_the_janaf_tables_say(
    species: str, joules: float
) -> None:
    """NIST-JANAF Thermochemical Tables, H(1000 K) - H(298.15 K) in kJ/mol."""
    plan = asked(gas_meter(type(gas_of("air"))(((species, 1.0),))))
    if species == WATER:
        low, step, values = plan.properties[WATER]
        at = [low + step * node for node in range(len(values))].index(25.0)
        assert values[at + 140] - values[at] == pytest.approx(joules, rel=3e-3)
        return
    fall = made(plan).fall((726.85, 25.0))
    assert fall is not None
    assert fall.drop == pytest.approx(joules, rel=1e-2 if species == "CH4" else 1.5e-3)


def test_saturated_air_gives_off_what_psychrometric_tables_say() -> None:
    """ASHRAE Handbook Fundamentals, moist air at 101.325 kPa, saturated, 40 and 25 °C."""
    gas = gas_of("air", humidity="saturated", vapour=None, flow="dry")
    fall = made(gas_meter(gas)).fall((40.0, 25.0))
    assert fall is not None
    wet, left = 0.049141, 0.020170
    told = (166.683 - 76.500) - (wet - left) * condensate(25.0)[0]
    assert fall.drop / fall.volume == pytest.approx(told, rel=1e-3)


def test_the_child_process_gives_what_the_library_gives() -> None:
    from agent.measuring.media.need import need  # noqa: PLC0415 - only here

    plans = [liquid_meter("propylene glycol 40 %"), gas_meter(gas_of("methane"))]
    found = sampled([one for one in map(need, plans) if one is not None])
    assert found == [plan.properties for plan in plans]


def test_the_saturation_line_is_made_of_its_equations() -> None:
    line, random = saturated(), Random(7)
    for _ in range(300):
        celsius = random.uniform(0.0, 349.9)
        kelvin = celsius + ZERO_CELSIUS
        mpa = saturation_pressure(kelvin)
        assert line.steam(celsius) == pytest.approx(vapour(kelvin, mpa).enthalpy, rel=1e-7)
        assert line.water(celsius) == pytest.approx(
            liquid(kelvin, mpa).enthalpy, rel=1e-6, abs=1e-5
        )
        assert condensates().volume(celsius) == pytest.approx(condensate(celsius)[1], rel=1e-6)
