"""Liquids in a heat meter: water by its own equation, others by sampled properties."""

from collections.abc import Sequence
from typing import Protocol

from adapters.errors import PermanentError
from agent.measuring.media.curve import curve
from agent.measuring.media.fall import Fall
from agent.measuring.water import water
from config.medium_plan import Liquid
from config.plan import MeterPlan

ENTHALPY, VOLUME = "enthalpy", "volume"
"""Properties of a liquid: kJ/kg and m3/kg."""


class Table(Protocol):
    """A liquid at one pressure, by temperature in Celsius."""

    def holds(self, celsius: float) -> bool:
        """Tell whether it is liquid, within the range that is known."""

    def enthalpy(self, celsius: float) -> float:
        """Give the specific enthalpy in kJ/kg."""

    def volume(self, celsius: float) -> float:
        """Give the specific volume in m3/kg."""


class Sampled:
    """A liquid by samples of its properties."""

    def __init__(self, plan: MeterPlan) -> None:
        """Fit the curves; raises `PermanentError` for a plan without samples."""
        self.enthalpy, self.volume = (curve(plan, name) for name in (ENTHALPY, VOLUME))
        self.holds = self.enthalpy.holds


class LiquidMedium:
    """A liquid that stays liquid between supply and return, or above a reference."""

    def __init__(self, plan: MeterPlan, liquid: Liquid) -> None:
        """Prepare the tables; raises `PermanentError` without a flow sensor's position."""
        if plan.flow_sensor is None and not plan.flow_is_mass:
            raise PermanentError(
                "a heat meter that measures volume must say where its flow sensor sits",
                mend='set flow_sensor = "supply" or flow_sensor = "return"',
            )
        self.roles: tuple[str, ...] = (
            ("supply", "return") if plan.reference is None else ("supply",)
        )
        self._reference = plan.reference
        self._sensor = None if plan.flow_is_mass else plan.flow_sensor
        self._table: Table = water(plan.pressure_mpa) if liquid.is_water else Sampled(plan)

    def holds(self, role: str, value: float) -> bool:
        """Tell whether it is liquid at this temperature."""
        del role
        return self._table.holds(value)

    def fall(self, values: Sequence[float]) -> Fall:
        """Give the fall from supply to return or reference."""
        supply = values[0]
        back = values[1] if self._reference is None else self._reference
        if supply < back:
            return Fall(0.0, 1.0, supply, supply - back)
        table = self._table
        drop = table.enthalpy(supply) - table.enthalpy(back)
        if self._sensor is None:
            return Fall(drop, 1.0, supply, supply - back)
        volume = table.volume(supply if self._sensor == "supply" else back)
        return Fall(drop, volume, supply, supply - back)

    def warmth(self, values: Sequence[float]) -> float:
        """Give the supply's temperature."""
        return values[0]
