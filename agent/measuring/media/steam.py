"""Steam in a heat meter: what it gives off until it comes back as condensate."""

from collections.abc import Sequence
from typing import NamedTuple

from agent.measuring.media.boiling import HOTTEST, condensates, saturated
from agent.measuring.media.fall import Fall
from agent.measuring.steam import vapour
from agent.measuring.water import ZERO_CELSIUS
from config.medium_plan import HOTTEST_STEAM, STEAM_PRESSURES, Steam
from config.plan import MeterPlan
from config.saturation import saturation_pressure, saturation_temperature

NEAR = 2.0
"""So close to boiling, in K, superheated steam may be wet: temperature and pressure do not tell
how wet, and are themselves known no better (a Pt100 of class B to 1.3 K at 200 °C, IEC 60751)."""
_ROLES = ("supply", "pressure", "return")


class _State(NamedTuple):
    """Steam: m3/kg, kJ/kg, its temperature in Celsius, and whether that is in doubt."""

    volume: float
    enthalpy: float
    celsius: float
    doubt: bool


class SteamMedium:
    """Steam, superheated or saturated, and the condensate or reference it is counted down to.

    Superheated within `NEAR` of boiling counts as dry saturated, with doubt; below that it is
    water, which is no state; and so is condensate hotter than the steam boils by more than `NEAR`.
    What does not come back as condensate is replaced by make-up water.
    """

    def __init__(self, plan: MeterPlan, steam: Steam) -> None:
        self.roles: tuple[str, ...] = tuple(role for role in _ROLES if role in plan.inputs)
        self._at = {role: at for at, role in enumerate(self.roles)}
        self._steam, self._reference = steam, plan.reference
        self._sensor = None if plan.flow_is_mass else plan.flow_sensor
        self._water, self._line = condensates(), saturated()
        self._lost = (1.0 - steam.returned) * self._water.enthalpy(steam.make_up or 0.0)

    def holds(self, role: str, value: float) -> bool:
        """Tell whether an input's value may come up, also in a line that stands still and cools."""
        if role == "pressure":
            return 0.0 <= value <= STEAM_PRESSURES[1]
        return 0.0 <= value <= (HOTTEST_STEAM if role == "supply" else HOTTEST)

    def fall(self, values: Sequence[float]) -> Fall | None:
        """Give the fall from the steam to its condensate and make-up, or to the reference."""
        mpa = self._pressure(values)
        if mpa is None or not STEAM_PRESSURES[0] <= mpa <= STEAM_PRESSURES[1]:
            return None
        boiling = saturation_temperature(mpa) - ZERO_CELSIUS
        state = self._state(values, mpa, boiling)
        back, measured = self._back(values)
        if state is None or (measured and back > boiling + NEAR):
            return None
        drop = state.enthalpy - self._steam.returned * self._water.enthalpy(back) - self._lost
        counted = state.volume if self._sensor == "supply" else 1.0
        if self._sensor == "return":
            counted = self._water.volume(back)
        doubt = state.doubt or (measured and back > boiling)
        return Fall(max(drop, 0.0), counted, state.celsius, state.celsius - back, doubt)

    def _back(self, values: Sequence[float]) -> tuple[float, bool]:
        """Give the temperature heat is counted down to, and whether it is measured."""
        if self._reference is not None:
            return self._reference, False
        return values[self._at["return"]], True

    def _pressure(self, values: Sequence[float]) -> float | None:
        """Give the steam's pressure in MPa: measured, constant, or that of boiling."""
        if "pressure" in self._at:
            return values[self._at["pressure"]]
        if self._steam.pressure is not None:
            return self._steam.pressure
        supply = values[0]
        return saturation_pressure(supply + ZERO_CELSIUS) if supply <= HOTTEST else None

    def _state(self, values: Sequence[float], mpa: float, boiling: float) -> _State | None:
        """Give the steam's state; None where it would be water."""
        if self._steam.saturated:
            return self._wet(boiling)
        supply = values[self._at["supply"]]
        if supply < boiling - NEAR:
            return None
        found = vapour(max(supply, boiling) + ZERO_CELSIUS, mpa)
        return _State(found.volume, found.enthalpy, supply, supply < boiling + NEAR)

    def _wet(self, boiling: float) -> _State:
        """Give saturated steam of the stated dryness."""
        line, dry = self._line, self._steam.dryness
        volume, enthalpy = line.water_volume(boiling), line.water(boiling)
        return _State(
            volume + dry * (line.steam_volume(boiling) - volume),
            enthalpy + dry * (line.steam(boiling) - enthalpy),
            boiling,
            doubt=False,
        )

    def warmth(self, values: Sequence[float]) -> float:
        """Give the steam's temperature; that of boiling where it has no point of its own."""
        if "supply" in self._at:
            return values[self._at["supply"]]
        mpa = max(self._pressure(values) or 0.0, STEAM_PRESSURES[0])
        return saturation_temperature(mpa) - ZERO_CELSIUS
