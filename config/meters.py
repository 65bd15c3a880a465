"""Resolve a stream's meter: points to sources, units to factors, kind to the stream's unit."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from zoneinfo import ZoneInfo

from adapters.adapter import Source
from adapters.settings import PointSettings
from config import attributes
from config.attribute_tables import Density
from config.course import Course
from config.errors import meant
from config.locate import Findings
from config.meter_tables import (
    BatchMeter,
    HeatMeter,
    MeterTable,
    RateMeter,
    StockMeter,
    TotalMeter,
)
from config.plan import InputPlan, Kind, MeterPlan, Unit
from config.plant import StreamTable
from config.texts import percent, uncertainty
from config.toml import Key
from config.units import EXAMPLES, Scale, Units, quantity

NANOSECONDS = 1_000_000_000
_GAPS = 3
_CANONICAL: Mapping[str, Unit] = {"mass": "t", "volume": "m3", "energy": "MW.h"}
_RATES = {"mass": "mass rate", "volume": "volume rate", "energy": "power"}
_OTHER = {"mass": "volume", "volume": "mass"}
_ROLES = {"batch": "weight", "stock": "level"}
"""Names of a meter's first input, where it is not the meter's own."""
_Counted = RateMeter | TotalMeter | BatchMeter | StockMeter


class Unfit(Exception):  # noqa: N818 - not an error of its own: its problem has been noted
    """Stops resolving one meter, whose problem is noted."""


@dataclass(frozen=True, slots=True)
class Plant:
    """What a meter may refer to: the sound sources, and the names of those that are not."""

    sources: Mapping[str, Source]
    unsound: frozenset[str] = frozenset()
    lacking: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Points of profiles that are left out, by source, and the keys each still needs."""


@dataclass(slots=True)
class Resolver(ABC):
    """Resolves the meters of one load, noting what does not fit; heat meters: `config.heat`."""

    plant: Plant
    units: Units
    findings: Findings
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    """Of the days that attributes hold from."""

    def meter(self, stream: StreamTable, at: Key) -> tuple[Unit, MeterPlan] | None:
        """Give the stream's unit and its meter's plan; None when problems were noted."""
        table = stream.meter
        try:
            if isinstance(table, HeatMeter):
                return "MW.h", self._heat(table, at)
            return self._counted(table, stream.kind, at)
        except (Unfit, attributes.Unsound):
            return None

    def firm(self, stream: StreamTable, unit: Unit, at: Key) -> float | None:
        """Give the stream's firm level in its unit per second; None without one, or a sound one."""
        if stream.firm is None:
            return None
        name = next(each for each, canonical in _CANONICAL.items() if canonical == unit)
        density = None if isinstance(stream.meter, HeatMeter) else stream.meter.density
        try:
            course = self._density(density, (*at[:-1], "meter", "density"))
            return self._amount(stream.firm, _Quantity(name, course), "/s", at)
        except (Unfit, attributes.Unsound):
            return None

    @abstractmethod
    def _heat(self, table: HeatMeter, at: Key) -> MeterPlan:
        """Resolve a heat meter: the business of `config.heat`."""

    def _counted(self, table: _Counted, kind: Kind, at: Key) -> tuple[Unit, MeterPlan]:
        meter, name = _counting(table)
        point = self._point(name, (*at, meter))
        counted = "energy" if kind == "heat" else None
        measured = self._measured(point, name, meter, counted, (*at, meter))
        density = self._density(table.density, (*at, "density"))
        wanted = _wanted(kind, measured, density is not None)
        scale = _Quantity(measured, density)
        factor = self._factor(point.unit, meter, measured)
        role = _ROLES.get(meter, meter)
        inputs = {role: self._input(role, name, factor)}
        if isinstance(table, BatchMeter):
            inputs |= self._batch_inputs(table, measured, at)
        if isinstance(table, TotalMeter) and table.check is not None:
            inputs |= self._check(table.check, measured, (*at, "check"))
        status, gates = self._status(table, inputs, at)
        inputs |= status
        return _CANONICAL[wanted], MeterPlan(
            kind=meter,
            inputs=inputs,
            max_gap=self._gap(table, inputs),
            hold=isinstance(table, RateMeter | StockMeter) and table.hold,
            modulus=self._modulus(table, point, factor, scale, at),
            max_rate=self._max_rate(table, scale, at),
            gates=gates,
            uncertainty=uncertainty(table.class_) if table.class_ else None,
            tolerance=percent(table.tolerance) if isinstance(table, TotalMeter) else 0.0,
            empty=self._empty(table, scale, at),
            remember=table.remember if isinstance(table, BatchMeter) else 0,
            measures=_CANONICAL[measured],
            exchange=_exchange(measured, wanted, density),
        )

    def _batch_inputs(self, table: BatchMeter, measured: str, at: Key) -> dict[str, InputPlan]:
        """Give what a scale says beside its weight: numbers and flags as they are."""
        inputs = {}
        for role in ("ticket", "stable", "void"):
            name = getattr(table, role)
            if name is not None:
                self._point(name, (*at, role))
                inputs[role] = self._input(role, name, Scale(1.0))
        if table.tare is not None:
            point = self._point(table.tare, (*at, "tare"))
            self._fitting(point, table.tare, (measured,), (*at, "tare"))
            factor = self._factor(point.unit, "batch", measured)
            inputs["tare"] = self._input("tare", table.tare, factor)
        return inputs

    def _check(self, name: str, measured: str, at: Key) -> dict[str, InputPlan]:
        point = self._point(name, at)
        self._fitting(point, name, (_RATES[measured],), at)
        return {"check": self._input("check", name, self._factor(point.unit, "rate", measured))}

    def _empty(self, table: MeterTable, to: "_Quantity", at: Key) -> float:
        if not isinstance(table, BatchMeter) or table.empty is None:
            return 0.0
        return self._amount(table.empty, to, "", (*at, "empty"))

    def _status(
        self, table: MeterTable, inputs: Mapping[str, InputPlan], at: Key
    ) -> tuple[dict[str, InputPlan], dict[str, tuple[float, ...]]]:
        """Give the status points that gate a meter, and the values of each that are good.

        They are the one it names; else those of the sources its inputs are from.
        """
        if table.status is not None:
            self._point(table.status.point, (*at, "status", "point"))
            own = self._input("status", table.status.point, Scale(1.0))
            return {"status": own}, {"status": table.status.good}
        gates = {
            f"status {name}.{point}": good
            for name in dict.fromkeys(one.source for one in inputs.values())
            for point, good in _speaking(self.plant.sources[name])
        }
        named = {role: role.partition(" ")[2] for role in gates}
        return {role: self._input(role, one, Scale(1.0)) for role, one in named.items()}, gates

    def _point(self, name: str, at: Key) -> PointSettings:
        """Find a point by its `source.point`; notes what there is when there is none."""
        source, _, point = name.partition(".")
        if source in self.plant.unsound:
            raise Unfit
        if source not in self.plant.sources:
            known = list(self.plant.sources)
            named = ", ".join([*known, *sorted(self.plant.unsound)][:20]) or "none"
            hint = meant(name, self._points()) or meant(source, known)
            self.findings.add(at, f"no source `{source}`", f"sources: {named}", hint)
            raise Unfit
        points = self.plant.sources[source].settings.points
        if point not in points:
            needed = self.plant.lacking.get(source, {}).get(point, ())
            hint = meant(name, self._points())
            if needed:
                given = ", ".join(f"{key} = …" for key in needed)
                hint = (
                    f"its profile needs more: {point} = {{ {given} }} in [sources.{source}.points]"
                )
            named = ", ".join(list(points)[:20]) or "none"
            self.findings.add(at, f"no point `{point}` in `{source}`", f"its points: {named}", hint)
            raise Unfit
        return points[point]

    def _points(self) -> list[str]:
        return [
            f"{name}.{point}"
            for name, source in self.plant.sources.items()
            for point in source.settings.points
        ]

    def _measured(
        self, point: PointSettings, name: str, role: str, counted: str | None, at: Key
    ) -> str:
        """Say which quantity the point measures or counts: mass, volume or energy."""
        quantities = (counted,) if counted else ("mass", "volume")
        names = {_RATES[each] if role == "rate" else each: each for each in quantities}
        return names[self._fitting(point, name, tuple(names), at)]

    def _fitting(self, point: PointSettings, name: str, wanted: tuple[str, ...], at: Key) -> str:
        accepted = " or ".join(EXAMPLES[each] for each in wanted)
        try:
            dimension = self.units.dimension(point.unit)
        except ValueError:
            dimension = None
        if dimension not in wanted:
            source, _, own = name.partition(".")
            hint = f"set `unit` of [sources.{source}.points] {own} to what it counts"
            self.findings.add(at, f'`{name}` in "{point.unit}"', accepted, hint)
            raise Unfit
        return str(dimension)

    def _factor(self, unit: str, role: str, measured: str) -> Scale:
        own = _CANONICAL[measured] + ("/s" if role == "rate" else "")
        return Scale(self.units.scale(unit, own).factor, 0.0)

    def _density(self, given: Density | None, at: Key) -> Course[float] | None:
        if given is None:
            return None
        return attributes.density(given, at, self.zone, self.findings, self._tonnes_a_cubic_metre)

    def _tonnes_a_cubic_metre(self, text: str, at: Key) -> float:
        return self._positive(text, "density", "t/m3", at)

    def _modulus(
        self, table: MeterTable, point: PointSettings, factor: Scale, to: "_Quantity", at: Key
    ) -> float | None:
        if not isinstance(table, TotalMeter):
            return None
        if table.modulus is not None:
            return self._amount(table.modulus, to, "", (*at, "modulus"))
        span = point.span()
        return span * factor.factor if span else None

    def _max_rate(self, table: MeterTable, to: "_Quantity", at: Key) -> float | None:
        if not isinstance(table, TotalMeter) or table.max_rate is None:
            return None
        return self._amount(table.max_rate, to, "/s", (*at, "max_rate"))

    def _amount(self, text: str, to: "_Quantity", per: str, at: Key) -> float:
        """Turn `"60 t/h"` into a quantity, through the density where it never changes."""
        kinds = [to.name, *([_OTHER[to.name]] if to.steady and to.name in _OTHER else [])]
        for kind in kinds:
            dimension = _RATES[kind] if per else kind
            if self._dimension(text) == dimension:
                value = self._positive(text, dimension, _CANONICAL[kind] + per, at)
                through = _exchange(kind, to.name, to.density)
                return value if through is None else value * through.values[0]
        accepted = " or ".join(EXAMPLES[_RATES[kind] if per else kind] for kind in kinds)
        dated = to.density is not None and not to.steady
        hint = "as the density changes, say it in the quantity that counts here" if dated else ""
        self.findings.add(at, f'"{text}"', accepted, hint)
        raise Unfit

    def _dimension(self, text: str) -> str | None:
        try:
            return self.units.dimension(quantity(text)[1])
        except ValueError:
            return None

    def _positive(self, text: str, dimension: str, target: str, at: Key) -> float:
        if self._dimension(text) != dimension or quantity(text)[0] <= 0:
            self.findings.add(at, f'"{text}"', f"{EXAMPLES[dimension]} above zero")
            raise Unfit
        return self.units.amount(text, target)

    def _difference(self, text: str, at: Key) -> float:
        """Turn a temperature difference into kelvin: the degree's size counts, not its zero."""
        if self._dimension(text) != "temperature" or quantity(text)[0] < 0:
            self.findings.add(at, f'"{text}"', "a temperature difference (K), zero or more")
            raise Unfit
        return self.units.amount(text, "K")

    def _gap(self, table: MeterTable, inputs: Mapping[str, InputPlan]) -> int:
        if table.max_gap is not None:
            return round(table.max_gap * NANOSECONDS)
        every = max(self.plant.sources[given.source].settings.every for given in inputs.values())
        return round(_GAPS * every * NANOSECONDS)

    @staticmethod
    def _input(role: str, name: str, scale: Scale) -> InputPlan:
        source, _, point = name.partition(".")
        return InputPlan(role, source, point, scale.factor, scale.offset)


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A quantity, and the density (t/m3) that turns the other one into it."""

    name: str
    density: Course[float] | None

    @property
    def steady(self) -> bool:
        """Whether there is a density, and but one."""
        return self.density is not None and len(self.density.values) == 1


def _speaking(source: Source) -> list[tuple[str, tuple[float, ...]]]:
    """Give a source's status points with the values that are good."""
    return [(name, point.good) for name, point in source.settings.points.items() if point.good]


def _counting(table: _Counted) -> tuple[Literal["rate", "total", "batch", "stock"], str]:
    """Give the kind of a meter, which is the key of its first point, and that point."""
    if isinstance(table, RateMeter):
        return "rate", table.rate
    if isinstance(table, TotalMeter):
        return "total", table.total
    if isinstance(table, StockMeter):
        return "stock", table.stock
    return "batch", table.batch


def _wanted(kind: Kind, measured: str, convertible: bool) -> str:
    """Materials count as mass, water and gas as volume; else, without a density, as measured."""
    if kind == "heat":
        return "energy"
    usual = "mass" if kind == "material" else "volume"
    return usual if convertible else measured


def _exchange(measured: str, wanted: str, density: Course[float] | None) -> Course[float] | None:
    """Give what a unit of one quantity is in the other (t, m3) by density; None for the same."""
    if measured == wanted or density is None:
        return None
    return density if wanted == "mass" else density.each(lambda each: 1.0 / each)
