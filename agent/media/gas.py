"""Gases in a heat meter: dry constituents and water vapour, which may condense."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.media.boiling import HOTTEST, condensates
from agent.media.curve import Curve, curve, grid
from agent.media.fall import Fall
from agent.media.need import ENHANCEMENT, WATER
from agent.water import ZERO_CELSIUS
from config.heat import HOTTEST_GAS
from config.medium_plan import Gas, Grid
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
EVAPORATION: Final = 2500.9
"""Enthalpy in kJ/kg of saturated steam above water, both at 0 °C (IAPWS-IF97)."""
WETTEST: Final = 0.9
"""Share of vapour past which a kelvin changes everything, so that no state is told."""
CLOSE: Final = 2.0
"""So far, in K, a measured dew point may be above the temperature before it is no state."""


class _Moist(NamedTuple):
    """Moles of vapour a mole of dry gas, and whether they are in doubt."""

    vapour: float
    doubt: bool


class GasMedium:
    """An ideal mixture of its constituents, told for a mole of dry gas.

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
        vapour = before.vapour
        left = min(vapour, self._most(back)) if self._gas.condensing else vapour
        drop = self._dry(supply) - self._dry(back) + self._vapour(vapour, left, supply, back)
        at, rest = (back, left) if self._sensor == "return" else (supply, vapour)
        counted = self._counted(rest, at)
        return Fall(max(drop, 0.0), counted, supply, supply - back, before.doubt)

    def _vapour(self, before: float, left: float, supply: float, back: float) -> float:
        """Give in kJ what vapour and condensate give off."""
        warm = before * self._steam(supply)
        if before == left:
            return warm - left * self._steam(back)
        molar = MOLAR[WATER] / 1000
        latent = (before - left) * molar * (EVAPORATION - self._water(back))
        return warm - left * self._steam(back) + latent

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

    def _counted(self, vapour: float, celsius: float) -> float:
        """Give what the flow counts of a mole of dry gas, in m3 or kg."""
        match self._gas.flow:
            case "dry":
                return self._mass
            case "moist":
                return self._mass + vapour * MOLAR[WATER] / 1000
            case "norm dry":
                return NORM_VOLUME
            case "norm":
                return (1.0 + vapour) * NORM_VOLUME
            case "operating":
                kelvin = celsius + ZERO_CELSIUS
                return (1.0 + vapour) * GAS_CONSTANT * kelvin / (self._mpa * 1e6)

    def warmth(self, values: Sequence[float]) -> float:
        """Give the supply's temperature."""
        return values[0]


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
