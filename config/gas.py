"""Resolve an off-gas or a flue gas: what it is made of, its water vapour, what its flow counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.errors import PermanentError
from adapters.settings import PointSettings
from config.combustion import AIR, FUELS, flue_gas, moles
from config.medium_plan import Gas
from config.medium_tables import DryGas, Fuel, GasTable
from config.meters import Resolver, Unfit
from config.plan import InputPlan
from config.texts import is_point, percent
from config.toml import Key
from config.units import Scale, quantity

WATER_RANGE: Final = (0.0, 100.0)
"""Where a reference of water is liquid at any pressure, in Cel."""
_MOST_AIR = 900.0
"""Excess of air in % past which nothing burns."""
_ALL = 100.0


@dataclass(frozen=True, slots=True)
class Flow:
    """What the flow's point counts."""

    point: PointSettings
    unit: str
    counts: bool
    scale: Scale

    @property
    def by_mass(self) -> bool:
        """Tell whether it counts mass."""
        return self.unit == "kg"


class GasResolver(Resolver):
    """Resolves the gases of heat meters, and what every medium needs."""

    __slots__ = ()

    def _gas(self, table: GasTable, flow: Flow, at: Key) -> Gas:
        self._flow_state(table, flow, at)
        if table.fuel is not None:
            dry, vapour = self._burnt(table, table.fuel, at)
        else:
            dry, vapour = self._dry(table, at), 0.0
        if table.vapour is not None:
            share = percent(table.vapour)
            if share >= 1.0:
                raise self._unfit((*at, "vapour"), f'"{table.vapour}"', 'less than "100 %"')
            vapour = share / (1.0 - share)
        gas = Gas(
            tuple(sorted(dry.items())),
            vapour=vapour, condensing=table.condensing, flow=table.flow_is,
        )  # fmt: skip
        return self._humid(gas, table, at)

    def _humid(self, gas: Gas, table: GasTable, at: Key) -> Gas:
        """Add how the humidity is known, where it is not fixed."""
        common = (gas.dry, gas.condensing, gas.flow)
        if table.saturated:
            return Gas(common[0], "saturated", None, *common[1:])
        if table.relative_humidity is not None:
            text = table.relative_humidity
            constant = None if is_point(text) else self._share(text, (*at, "relative_humidity"))
            return Gas(common[0], "relative", constant, *common[1:])
        if table.dew_point is not None:
            text, low, high = table.dew_point, *WATER_RANGE
            measured = is_point(text)
            celsius = None if measured else self._celsius(text, low, high, (*at, "dew_point"))
            return Gas(common[0], "dew point", celsius, *common[1:])
        return gas

    def _flow_state(self, table: GasTable, flow: Flow, at: Key) -> None:
        accepted = ("moist", "dry") if flow.by_mass else ("operating", "norm", "norm dry")
        if flow.point.unit.startswith("Nm3"):
            accepted = ("norm", "norm dry")
        if table.flow_is not in accepted:
            named = " or ".join(f'"{each}"' for each in accepted)
            found = f'"{table.flow_is}" of a flow in "{flow.point.unit}"'
            raise self._unfit((*at, "flow_is"), found, named)

    def _dry(self, table: GasTable, at: Key) -> Mapping[str, float]:
        if not isinstance(table.gas, DryGas):
            return AIR
        shares = _shares(table.gas)
        rest = 1.0 - sum(shares.values())
        if rest < 0.0:
            raise self._unfit((*at, "gas"), "shares of more than 100 %", "at most 100 %")
        return {**shares, "N2": rest} if rest else shares

    def _burnt(
        self, table: GasTable, fuel: Fuel | str, at: Key
    ) -> tuple[Mapping[str, float], float]:
        key = "oxygen" if table.excess_air is None else "excess_air"
        share = self._share(table.excess_air or table.oxygen or "", (*at, key))
        atoms = FUELS[fuel] if isinstance(fuel, str) else moles(_shares(fuel))
        if isinstance(fuel, Fuel) and sum(_shares(fuel).values()) > 1.0:
            raise self._unfit((*at, "fuel"), "shares of more than 100 %", "at most 100 %")
        try:
            return flue_gas(atoms, **{"excess" if key == "excess_air" else "oxygen": share})
        except PermanentError as error:
            raise self._unfit((*at, key), error.what, error.mend) from error

    def _share(self, text: str, at: Key) -> float:
        """Turn `"20 %"` into 0.2, from 0 to 900 %."""
        number, unit = quantity(text)
        if unit != "%" or not 0 <= number <= _MOST_AIR:
            raise self._unfit(at, f'"{text}"', 'a share such as "20 %"')
        if at[-1] == "relative_humidity" and not 0 < number <= _ALL:
            raise self._unfit(at, f'"{text}"', 'more than 0 and up to "100 %"')
        return number / 100

    def _humidity(self, gas: GasTable, at: Key) -> dict[str, InputPlan]:
        if gas.dew_point is not None and is_point(gas.dew_point):
            point = self._point(gas.dew_point, (*at, "dew_point"))
            self._fitting(point, gas.dew_point, ("temperature",), (*at, "dew_point"))
            scale = self.units.scale(point.unit, "Cel")
            return {"humidity": self._input("humidity", gas.dew_point, scale)}
        if gas.relative_humidity is not None and is_point(gas.relative_humidity):
            at = (*at, "relative_humidity")
            point = self._point(gas.relative_humidity, at)
            if point.unit not in ("%", "1"):
                found = f'`{gas.relative_humidity}` in "{point.unit}"'
                raise self._unfit(at, found, 'a point whose `unit` is "%", or "1"')
            factor = 0.01 if point.unit == "%" else 1.0
            return {"humidity": self._input("humidity", gas.relative_humidity, Scale(factor))}
        return {}

    def _temperature(self, role: str, name: str, at: Key) -> InputPlan:
        point = self._point(name, (*at, role))
        self._fitting(point, name, ("temperature",), (*at, role))
        return self._input(role, name, self.units.scale(point.unit, "Cel"))

    def _celsius(self, text: str, low: float, high: float, at: Key) -> float:
        if self._dimension(text) == "temperature":
            number, unit = quantity(text)
            scale = self.units.scale(unit, "Cel")
            celsius = number * scale.factor + scale.offset
            if low < celsius < high:
                return celsius
        raise self._unfit(
            at, f'"{text}"', f"a temperature above {low:.4g} Cel and below {high:.4g} Cel"
        )

    def _unfit(self, at: Key, found: str, accepted: str, hint: str = "") -> Unfit:
        self.findings.add(at, found, accepted, hint)
        return Unfit()


def _shares(table: DryGas | Fuel) -> dict[str, float]:
    return {name: percent(text) for name, text in table if text is not None}
