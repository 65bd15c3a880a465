"""Gases in a heat meter: dry constituents and water vapour, which may condense."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from agent.measuring.media.boiling import HOTTEST, condensates
from agent.measuring.media.curve import Curve, curve, grid
from agent.measuring.media.fall import Fall
from agent.measuring.media.need import ENHANCEMENT, GAS_STEP, WATER
from agent.measuring.steam import vapour
from agent.measuring.water import ZERO_CELSIUS
from config.medium_plan import HOTTEST_GAS, Gas, Grid
from config.plan import MeterPlan
from config.saturation import saturation_pressure

MOLAR: Final = {
    "N2": 28.014,
    "O2": 31.998,
    "Ar": 39.948,
    "CO2": 44.009,
    "CO": 28.010,
    "SO2": 64.058,
    "H2": 2.016,
    "CH4": 16.043,
    WATER: 18.015,
}
"""Molar masses in g/mol, from IUPAC's abridged atomic weights."""
GAS_CONSTANT: Final = 8.314462618
"""J/(mol K), CODATA 2018 (exact)."""
NORM_VOLUME: Final = GAS_CONSTANT * ZERO_CELSIUS / 101_325
"""Volume in m3 of a mole of ideal gas at 0 °C and 101 325 Pa."""
_EVAPORATION: Final = vapour(ZERO_CELSIUS, 1e-9).enthalpy * MOLAR[WATER] / 1000
"""Enthalpy in kJ of a mole of thin vapour at 0 °C, above that of water (IAPWS-IF97)."""
_HOTTEST_STEAM = 800.0
WETTEST: Final = 0.9
"""Share of vapour past which a kelvin changes everything, so that no state is told."""
CLOSE: Final = 2.0
"""So far, in K, a measured dew point may be above the temperature before it is no state."""


class _Moist(NamedTuple):
    """Moles of vapour a mole of dry gas, and whether they are in doubt."""

    vapour: float
    doubt: bool


class _Real(NamedTuple):
    """What real vapour has beyond an ideal gas, by Celsius: the second virial's part.

    Enthalpy in kJ/mol for each MPa of its partial pressure, volume in m3/mol.
    """

    enthalpy: Curve
    volume: Curve


class GasMedium:
    """A mixture of ideal gases and real vapour, told for a mole of dry gas.

    Vapour condenses where the return (or reference) is below the dew point, as saturated gas is
    left; it goes off as water of the return's temperature. A supply that would be below its own
    dew point counts as saturated, with doubt.
    """

    def __init__(self, plan: MeterPlan, gas: Gas) -> None:
        """Prepare the curves; raises `PermanentError` for a plan without samples."""
        self.roles: tuple[str, ...] = tuple(
            role for role in ("supply", "return", "humidity") if role in plan.inputs
        )
        self._gas = gas
        self._reference, self._sensor = plan.reference, plan.flow_sensor
        self._mpa = plan.pressure_mpa
        self._dry = _mixed(plan, gas)
        self._steam = curve(plan, WATER)
        self._water = condensates().enthalpy
        self._real = _real(plan.pressure_mpa)
        self._more = curve(plan, ENHANCEMENT)
        self._mass = sum(share * MOLAR[name] for name, share in gas.dry) / 1000

    def holds(self, role: str, value: float) -> bool:
        """Tell whether an input's value is possible by itself."""
        if role != "humidity":
            return 0.0 <= value <= HOTTEST_GAS
        return 0.0 <= value <= (1.0 if self._gas.humidity == "relative" else HOTTEST)

    def fall(self, values: Sequence[float]) -> Fall | None:
        """Give the fall from supply to return or reference, with what condenses."""
        supply = values[0]
        back = values[1] if self._reference is None else self._reference
        before = self._moist(supply, values[-1] if self._gas.vapour is None else self._gas.vapour)
        if before is None:
            return None
        wet = before.vapour
        left = min(wet, self._most(back)) if self._gas.condensing else wet
        drop = self._dry(supply) - self._dry(back) + self._vapour(wet, left, supply, back)
        at, rest = (back, left) if self._sensor == "return" else (supply, wet)
        counted = self._counted(rest, at)
        return Fall(max(drop, 0.0), counted, supply, supply - back, before.doubt)

    def _vapour(self, before: float, left: float, supply: float, back: float) -> float:
        """Give in kJ what vapour and condensate give off."""
        gone = before * self._enthalpy(supply, before) - left * self._enthalpy(back, left)
        return gone - (before - left) * MOLAR[WATER] / 1000 * self._water(back)

    def _enthalpy(self, celsius: float, moles: float) -> float:
        """Give the enthalpy in kJ of a mole of the vapour, at its partial pressure."""
        mpa = self._mpa * moles / (1.0 + moles)
        return _EVAPORATION + self._steam(celsius) + mpa * self._real.enthalpy(celsius)

    def _moist(self, supply: float, humidity: float) -> _Moist | None:
        """Give the vapour of the supply; None where humidity and temperature are no state."""
        kind = self._gas.humidity
        most = self._most(supply)
        if kind == "fixed":
            return _Moist(min(humidity, most), humidity > most)
        if kind == "saturated":
            found = most
        elif kind == "relative":
            found = self._share(humidity * self._saturated(supply))
        else:
            if humidity > supply + CLOSE:
                return None
            found = self._share(self._saturated(min(humidity, supply)))
        if found >= WETTEST / (1.0 - WETTEST):
            return None
        return _Moist(found, kind == "dew point" and humidity > supply)

    def _most(self, celsius: float) -> float:
        """Give the most vapour that a mole of dry gas holds, in moles; endless where it boils."""
        return self._share(self._saturated(celsius))

    def _saturated(self, celsius: float) -> float:
        """Give the pressure of saturated vapour in MPa."""
        if celsius > HOTTEST:
            return math.inf
        more = self._more(celsius) if self._more.holds(celsius) else 1.0
        return more * saturation_pressure(celsius + ZERO_CELSIUS)

    def _share(self, mpa: float) -> float:
        """Turn a partial pressure into moles a mole of dry gas."""
        return mpa / (self._mpa - mpa) if mpa < self._mpa else math.inf

    def _counted(self, moles: float, celsius: float) -> float:
        """Give what the flow counts of a mole of dry gas, in m3 or kg."""
        match self._gas.flow:
            case "dry":
                return self._mass
            case "moist":
                return self._mass + moles * MOLAR[WATER] / 1000
            case "norm dry":
                return NORM_VOLUME
            case "norm":
                return (1.0 + moles) * NORM_VOLUME
            case "operating":
                kelvin = celsius + ZERO_CELSIUS
                ideal = (1.0 + moles) * GAS_CONSTANT * kelvin / (self._mpa * 1e6)
                return ideal + moles * moles / (1.0 + moles) * self._real.volume(celsius)

    def warmth(self, values: Sequence[float]) -> float:
        """Give the supply's temperature."""
        return values[0]


@lru_cache(maxsize=64)
def _real(mpa: float) -> _Real:
    """Give the chord of IAPWS-IF97 from thin vapour to saturation, or to the gas's pressure."""
    molar = MOLAR[WATER] / 1000
    enthalpies, volumes = [], []
    for node in range(round(HOTTEST_GAS / GAS_STEP) + 1):
        kelvin = min(node * GAS_STEP, _HOTTEST_STEAM) + ZERO_CELSIUS
        most = min(mpa, saturation_pressure(min(kelvin, HOTTEST + ZERO_CELSIUS)))
        thin, dense = vapour(kelvin, 1e-9), vapour(kelvin, most)
        enthalpies.append((dense.enthalpy - thin.enthalpy) * molar / most)
        volumes.append(dense.volume * molar - GAS_CONSTANT * kelvin / (most * 1e6))
    return _Real(*(Curve(Grid(0.0, GAS_STEP, tuple(each))) for each in (enthalpies, volumes)))


def _mixed(plan: MeterPlan, gas: Gas) -> Curve:
    """Give the enthalpy of a mole of the dry gas in kJ above 0 °C, by Celsius."""
    parts = [(share, grid(plan, name)) for name, share in gas.dry]
    columns = zip(*(each.values for _, each in parts), strict=True)
    shares = [share for share, _ in parts]
    values = [
        sum(share * value for share, value in zip(shares, column, strict=True))
        for column in columns
    ]
    return Curve(Grid(parts[0][1].low, parts[0][1].step, tuple(values)))
