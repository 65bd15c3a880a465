"""Resolve a heat meter: its flow, its medium and the points that tell the medium's state."""

from importlib.util import find_spec
from typing import Final

from adapters.described import texts
from config.fluids import liquid
from config.gas import WATER_RANGE, Flow, GasResolver
from config.medium_plan import (
    ATMOSPHERE,
    GAS_PRESSURES,
    HOTTEST_GAS,
    HOTTEST_STEAM,
    INSTALL,
    STEAM_PRESSURES,
    Gas,
    Liquid,
    Medium,
    Steam,
)
from config.medium_tables import GasTable, SteamTable
from config.meter_tables import HeatMeter
from config.plan import InputPlan, MeterPlan
from config.saturation import saturation_pressure, saturation_temperature
from config.texts import is_point, percent, uncertainty
from config.toml import Key
from config.units import Scale

_ZERO = 273.15
_LIQUID_PRESSURES = (0.001, 100.0)
"""In MPa, the limits of IAPWS-IF97 region 1."""
LIBRARY: Final = "CoolProp"


class MeterResolver(GasResolver):
    """Resolves heat meters too."""

    __slots__ = ()

    def _heat(self, table: HeatMeter, at: Key) -> MeterPlan:
        flow = self._flow(table, at)
        medium = self._medium(table, flow, at)
        self._sensor(table, medium, flow, at)
        inputs = {
            "flow": self._input("flow", table.flow, flow.scale),
            **self._states(table, medium, at),
        }
        status, gates = self._status(table, inputs, at)
        inputs |= status
        return MeterPlan(
            kind="heat",
            inputs=inputs,
            max_gap=self._gap(table, inputs),
            gates=gates,
            uncertainty=uncertainty(table.class_) if table.class_ else None,
            flow_is_mass=flow.by_mass,
            flow_sensor=table.flow_sensor,
            pressure_mpa=self._constant(table, medium, at),
            dt_min=self._difference(table.dt_min, (*at, "dt_min")),
            reference=self._reference(table.reference, medium, (*at, "reference")),
            flow_is_total=flow.counts,
            modulus=self._flow_modulus(table, flow, at) if flow.counts else None,
            max_rate=self._flow_rate(table, flow, at),
            medium=medium,
        )

    # -- the flow --------------------------------------------------------------------------------

    def _flow(self, table: HeatMeter, at: Key) -> Flow:
        point = self._point(table.flow, (*at, "flow"))
        fitting = ("volume rate", "mass rate", "volume", "mass")
        dimension = self._fitting(point, table.flow, fitting, (*at, "flow"))
        unit, counts = (
            "kg" if dimension.startswith("mass") else "m3",
            not dimension.endswith("rate"),
        )
        return Flow(
            point, unit, counts, self.units.scale(point.unit, unit if counts else f"{unit}/s")
        )

    def _flow_modulus(self, table: HeatMeter, flow: Flow, at: Key) -> float | None:
        if table.modulus is not None:
            dimension = "mass" if flow.by_mass else "volume"
            return self._positive(table.modulus, dimension, flow.unit, (*at, "modulus"))
        span = flow.point.span()
        return span * flow.scale.factor if span else None

    def _flow_rate(self, table: HeatMeter, flow: Flow, at: Key) -> float | None:
        for key in ("max_rate", "modulus"):
            if not flow.counts and getattr(table, key) is not None:
                raise self._unfit((*at, key), "the flow is no totaliser", "nothing")
        if table.max_rate is None:
            return None
        dimension = "mass rate" if flow.by_mass else "volume rate"
        return self._positive(table.max_rate, dimension, f"{flow.unit}/s", (*at, "max_rate"))

    def _sensor(self, table: HeatMeter, medium: Medium, flow: Flow, at: Key) -> None:
        """Note a missing position of a sensor whose volume depends on it."""
        at = (*at, "flow_sensor")
        weighed = flow.by_mass or (isinstance(medium, Gas) and medium.flow != "operating")
        if table.flow_sensor is None and not weighed:
            described = texts(HeatMeter).get("flow_sensor", "")
            raise self._unfit(at, "missing", described.replace("\n", " ").rstrip("."))
        condensate = isinstance(medium, Steam) and table.flow_sensor == "return"
        if condensate and isinstance(medium, Steam) and medium.returned < 1.0:
            raise self._unfit(
                at, '"return" of condensate that comes back in part', '"supply", in the steam'
            )

    # -- the points of the state -----------------------------------------------------------------

    def _states(self, table: HeatMeter, medium: Medium, at: Key) -> dict[str, InputPlan]:
        inputs = {}
        low, high = self._range(table, medium, at)
        for role, name in (("supply", table.supply), ("return", table.return_)):
            if name is None:
                continue
            inputs[role] = self._temperature(role, name, at)
            liquid_side = isinstance(medium, Steam) and role == "return"
            limits = (0.0, 350.0) if liquid_side else (low, high)
            self._reachable(inputs[role], limits, (*at, role))
        if isinstance(medium, Steam) and table.pressure is not None and is_point(table.pressure):
            inputs["pressure"] = self._pressure(table.pressure, _gauge(table), (*at, "pressure"))
        if isinstance(table.medium, GasTable):
            inputs |= self._humidity(table.medium, (*at, "medium"))
        return inputs

    def _pressure(self, name: str, zero: float, at: Key) -> InputPlan:
        point = self._point(name, at)
        self._fitting(point, name, ("pressure",), at)
        scale = self.units.scale(point.unit, "MPa")
        found = self._input("pressure", name, Scale(scale.factor, scale.offset + zero))
        self._reachable(found, STEAM_PRESSURES, at)
        return found

    def _range(self, table: HeatMeter, medium: Medium, at: Key) -> tuple[float, float]:
        """Give the temperatures in Cel between which the supply's medium is what it is said."""
        if isinstance(medium, Liquid):
            pressure = self._constant(table, medium, at)
            if medium.is_water and 0.001 <= pressure < saturation_pressure(350.0 + _ZERO):  # noqa: PLR2004 - MPa, the equation's range
                return 0.0, saturation_temperature(pressure) - _ZERO
            return medium.low, medium.high
        if isinstance(medium, Gas):
            return 0.0, HOTTEST_GAS
        if medium.saturated:
            return 0.0, saturation_temperature(STEAM_PRESSURES[1]) - _ZERO
        boiling = saturation_temperature(medium.pressure or STEAM_PRESSURES[0]) - _ZERO
        return boiling, HOTTEST_STEAM

    def _reachable(self, given: InputPlan, limits: tuple[float, float], at: Key) -> None:
        """Note a point none of whose plausible values is possible."""
        point = self.plant.sources[given.source].settings.points[given.point]
        if point.plausible is None:
            return
        least, most = (value * given.factor + given.offset for value in point.plausible)
        if most < limits[0] or least > limits[1]:
            unit = "MPa" if given.role == "pressure" else "Cel"
            found = f"plausible values from {least:g} to {most:g} {unit} only"
            raise self._unfit(at, found, f"values from {limits[0]:.4g} to {limits[1]:.4g} {unit}")

    def _constant(self, table: HeatMeter, medium: Medium, at: Key) -> float:
        """Give the constant pressure in MPa; of steam it stands with its medium."""
        if isinstance(medium, Steam) or table.pressure is None:
            return ATMOSPHERE if isinstance(medium, Gas) else 1.6
        at = (*at, "pressure")
        mpa = self._positive(table.pressure, "pressure", "MPa", at)
        low, high = GAS_PRESSURES if isinstance(medium, Gas) else _LIQUID_PRESSURES
        if not low <= mpa <= high:
            raise self._unfit(at, f'"{table.pressure}"', f"from {low * 10:g} to {high * 10:g} bar")
        return mpa

    def _reference(self, text: str | None, medium: Medium, at: Key) -> float | None:
        """Turn `"10 Cel"` into degrees Celsius: a point on the scale, with its zero."""
        if text is None:
            return None
        low, high = WATER_RANGE
        if isinstance(medium, Liquid) and not medium.is_water:
            low, high = medium.low, medium.high
        return self._celsius(text, low, high, at)

    # -- the medium ------------------------------------------------------------------------------

    def _medium(self, table: HeatMeter, flow: Flow, at: Key) -> Medium:
        if isinstance(table.medium, SteamTable):
            return self._steam(table, table.medium, at)
        medium: Liquid | Gas
        if isinstance(table.medium, GasTable):
            medium = self._gas(table.medium, flow, (*at, "medium"))
        else:
            medium = liquid(table.medium)
        wanted = isinstance(medium, Gas) or not medium.is_water
        if wanted and find_spec(LIBRARY) is None:
            raise self._unfit((*at, "medium"), "no property library is installed", "", INSTALL)
        return medium

    def _steam(self, table: HeatMeter, steam: SteamTable, at: Key) -> Steam:
        saturated = steam.steam == "saturated"
        if saturated and (table.supply is None) is (table.pressure is None):
            raise self._unfit(
                (*at, "pressure"),
                "missing" if table.pressure is None else "`supply` and `pressure`",
                "one of `supply` and `pressure`, for either tells the state of saturated steam",
            )
        for key in ("supply", "pressure"):
            if not saturated and getattr(table, key) is None:
                raise self._unfit((*at, key), "missing", "both, for superheated steam")
        returned = percent(steam.returned)
        if (steam.make_up is None) is (returned < 1.0):
            what = '"10 Cel"' if steam.make_up is None else "nothing: all condensate comes back"
            found = "missing" if steam.make_up is None else f'"{steam.make_up}"'
            raise self._unfit((*at, "medium", "make_up"), found, what)
        if returned < 1.0 and table.return_ is None:
            raise self._unfit((*at, "medium", "returned"), f'"{steam.returned}"', "a `return`")
        make_up = (*at, "medium", "make_up")
        return Steam(
            saturated=saturated,
            dryness=percent(steam.dryness) if steam.dryness else 1.0,
            returned=returned,
            make_up=self._celsius(steam.make_up, *WATER_RANGE, make_up) if steam.make_up else None,
            pressure=self._steam_pressure(table, at),
        )

    def _steam_pressure(self, table: HeatMeter, at: Key) -> float | None:
        if table.pressure is None or is_point(table.pressure):
            return None
        at = (*at, "pressure")
        mpa = self._positive(table.pressure, "pressure", "MPa", at) + _gauge(table)
        if not STEAM_PRESSURES[0] <= mpa <= STEAM_PRESSURES[1]:
            raise self._unfit(at, f'"{table.pressure}"', "steam from 0.01 to 165 bar absolute")
        return mpa


def _gauge(table: HeatMeter) -> float:
    """Give the pressure in MPa that the meter's pressure is told above."""
    return ATMOSPHERE if isinstance(table.medium, SteamTable) and table.medium.gauge else 0.0
