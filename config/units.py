"""Units as people write them: what they measure, and their conversion, once, at load.

The notation is that of UCUM as payloads use it (`t/h`, `m3`, `MW.h`, `Cel`), with the everyday
`kWh`, `MWh`, `Nm3`, `degC` and `°C` taken too. Which symbols there are is decided here; what one
is worth, by pint, in exact fractions. A calorie is that of UCUM, 4.184 J.

The units most plants use are tabled, equal to what pint says; only others have pint imported (half
a second and up to 17 MB that stay); its registry goes with the `Units` of a load.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

_PINT: Final = {
    "t": "metric_ton", "kt": "kilometric_ton", "Mt": "megametric_ton",
    "g": "gram", "kg": "kilogram", "mg": "milligram", "[lb_av]": "pound",
    "m": "meter", "dm": "decimeter", "cm": "centimeter",
    "m3": "meter**3", "Nm3": "meter**3", "dm3": "decimeter**3", "cm3": "centimeter**3",
    "l": "liter", "L": "liter", "hl": "hectoliter", "hL": "hectoliter", "ml": "milliliter",
    "mL": "milliliter",
    "s": "second", "min": "minute", "h": "hour", "d": "day",
    "J": "joule", "kJ": "kilojoule", "MJ": "megajoule", "GJ": "gigajoule", "TJ": "terajoule",
    "W": "watt", "kW": "kilowatt", "MW": "megawatt", "GW": "gigawatt",
    "Wh": "watt*hour", "kWh": "kilowatt*hour", "MWh": "megawatt*hour", "GWh": "gigawatt*hour",
    "cal": "calorie", "kcal": "kilocalorie", "Mcal": "megacalorie", "Gcal": "gigacalorie",
    "K": "kelvin", "Cel": "degree_Celsius", "degC": "degree_Celsius", "°C": "degree_Celsius",
    "[degF]": "degree_Fahrenheit",
    "Pa": "pascal", "kPa": "kilopascal", "MPa": "megapascal", "hPa": "hectopascal",
    "bar": "bar", "mbar": "millibar",
    "1": "dimensionless", "%": "percent",
}  # fmt: skip
_REFERENCE: Final = {
    "mass": "t",
    "volume": "m3",
    "energy": "MW.h",
    "mass rate": "t/s",
    "volume rate": "m3/s",
    "power": "MW",
    "temperature": "Cel",
    "pressure": "MPa",
    "density": "t/m3",
}
EXAMPLES: Final = {
    "mass": "mass (t, kg)",
    "volume": "volume (m3, l)",
    "energy": "energy (MW.h, kWh, GJ)",
    "mass rate": "mass per time (t/h, kg/s)",
    "volume rate": "volume per time (m3/h, l/s)",
    "power": "power (kW, MW)",
    "temperature": "temperature (Cel, K)",
    "pressure": "pressure (bar, MPa)",
    "density": "density (t/m3, kg/m3)",
}
"""What each dimension's units look like, for errors and the reference."""
_QUANTITY = re.compile(
    r"\s*(-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,2})?)\s*([^\s\d.]\S{0,39})\s*", re.ASCII
)
_PARTS = re.compile(r"([./])")
_MOST_PARTS = 8
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Scale:
    """A conversion: a value v becomes `v * factor + offset`."""

    factor: float
    offset: float = 0.0


def quantity(text: str) -> tuple[float, str]:
    """Split `"60 t/h"` into 60.0 and its unit; raises ValueError saying what is accepted."""
    number, unit = _split(text)
    return float(number), unit


def _split(text: str) -> tuple[str, str]:
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError('a number with its unit, such as "60 t/h"')
    return found[1], found[2]


def _expression(unit: str) -> str:
    """Write a unit as pint reads it; raises ValueError when it is not one."""
    parts = _PARTS.split(unit) if len(unit) <= _LONGEST else []
    if not 0 < len(parts) < 2 * _MOST_PARTS or any(part not in _PINT for part in parts[::2]):
        raise ValueError("a unit such as t, t/h, m3, m3/h, l/s, kW, MW.h, GJ, Cel or bar")
    text = _PINT[parts[0]]
    for sign, symbol in zip(parts[1::2], parts[2::2], strict=True):
        text += f" {'*' if sign == '.' else '/'} ({_PINT[symbol]})"
    return text


@dataclass(frozen=True, slots=True)
class Worth:
    """What a unit measures, and its worth in that dimension's reference: v * factor + offset."""

    dimension: str | None
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


def _common() -> dict[str, Worth]:
    quantities = {
        "mass": {"t": "1", "kg": "1/1000"},
        "volume": {"m3": "1", "Nm3": "1", "l": "1/1000"},
        "energy": {"MW.h": "1", "MWh": "1", "kWh": "1/1000", "GJ": "5/18", "MJ": "1/3600"},
        "power": {"MW": "1", "kW": "1/1000", "W": "1/1000000"},
        "pressure": {"MPa": "1", "bar": "1/10", "kPa": "1/1000"},
        "density": {"t/m3": "1", "kg/m3": "1/1000"},
        "temperature": {"Cel": "1", "°C": "1"},
    }
    rates = {"mass": ("mass rate", 1), "volume": ("volume rate", 1), "energy": ("power", 3600)}
    table = {"1": Worth(None), "%": Worth(None)}
    table["K"] = Worth("temperature", Fraction(1), Fraction("-273.15"))
    for dimension, units in quantities.items():
        for unit, factor in units.items():
            table[unit] = Worth(dimension, Fraction(factor))
            for time, length in (("s", 1), ("min", 60), ("h", 3600)):
                rate, seconds = rates.get(dimension, ("", 0))
                if rate:
                    worth = Worth(rate, Fraction(factor) * seconds / length)
                    table[f"{unit}/{time}"] = worth
    return table


COMMON: Final[Mapping[str, Worth]] = _common()
"""The units most plants use, so that their load needs no pint; a test compares each with pint."""


@dataclass(slots=True)
class Units:
    """Conversions for the length of one load."""

    registry: Any = field(default=None, repr=False)
    worths: dict[str, Worth] = field(default_factory=lambda: dict(COMMON))

    def dimension(self, unit: str) -> str | None:
        """Say what a unit measures, a key of `EXAMPLES`; None when it is nothing a meter uses.

        Raises ValueError, saying what is accepted, when the text is not a unit.
        """
        return self._worth(unit).dimension

    def scale(self, unit: str, target: str) -> Scale:
        """Give the conversion between two units of one dimension (ValueError when they are not)."""
        own, wanted = self._pair(unit, target)
        offset = (own.offset - wanted.offset) / wanted.factor
        return Scale(float(own.factor / wanted.factor), float(offset))

    def amount(self, text: str, target: str) -> float:
        """Turn `"16 bar"` into a number of the target unit; a temperature is a difference here."""
        number, unit = _split(text)
        own, wanted = self._pair(unit, target)
        return float(Fraction(number) * own.factor / wanted.factor)

    def _pair(self, unit: str, target: str) -> tuple[Worth, Worth]:
        own, wanted = self._worth(unit), self._worth(target)
        if own.dimension is None or own.dimension != wanted.dimension:
            raise ValueError(f"a unit that can be turned into {target}")
        return own, wanted

    def _worth(self, unit: str) -> Worth:
        found = self.worths.get(unit)
        if found is None:
            found = self.worths[unit] = self.by_pint(unit)
        return found

    def by_pint(self, unit: str) -> Worth:
        """Ask pint what a unit is worth; raises ValueError when the text is not a unit."""
        expression = _expression(unit)
        if self.registry is None:
            import pint  # noqa: PLC0415 - slow to import, and rarely needed

            self.registry = pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)
        registry = self.registry
        own = registry.Unit(expression)
        for name, reference in _REFERENCE.items():
            target = registry.Unit(_expression(reference))
            if own.dimensionality == target.dimensionality:
                zero, one = (
                    Fraction(registry.Quantity(Fraction(value), own).to(target).magnitude)
                    for value in (0, 1)
                )
                return Worth(name, one - zero, zero)
        return Worth(None)
