"""Units as people write them: what they measure, and their conversion, once, at load.

The notation is that of UCUM as payloads use it (`t/h`, `m3`, `MW.h`, `Cel`), with the everyday
`kWh`, `MWh`, `Nm3`, `degC` and `°C` taken too. Which symbols there are is decided here; what one
is worth, by pint, in exact fractions. A calorie is that of UCUM, 4.184 J.
pint is imported when the first conversion asks for it; its registry goes with the `Units` of a
load.
"""

import re
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
_QUANTITY = re.compile(r"\s*(-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?)\s*(\S{1,40})\s*")
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


@dataclass(slots=True)
class Units:
    """Conversions for the length of one load."""

    registry: Any = field(default=None, repr=False)

    def dimension(self, unit: str) -> str | None:
        """Say what a unit measures, a key of `EXAMPLES`; None when it is nothing a meter uses.

        Raises ValueError, saying what is accepted, when the text is not a unit.
        """
        found = self._dimensions(unit)
        for name, reference in _REFERENCE.items():
            if found == self._dimensions(reference):
                return name
        return None

    def scale(self, unit: str, target: str) -> Scale:
        """Give the conversion between two units of one dimension (ValueError when they are not)."""
        if self._dimensions(unit) != self._dimensions(target):
            raise ValueError(f"a unit that can be turned into {target}")
        zero = self._exact(0, unit, target)
        return Scale(float(self._exact(1, unit, target) - zero), float(zero))

    def amount(self, text: str, target: str) -> float:
        """Turn `"16 bar"` into a number of the target unit; a temperature is a difference here."""
        number, unit = _split(text)
        zero = self._exact(0, unit, target)
        return float((self._exact(1, unit, target) - zero) * Fraction(number))

    def _dimensions(self, unit: str) -> Any:
        return self._pint().Unit(_expression(unit)).dimensionality

    def _exact(self, value: int, unit: str, target: str) -> Fraction:
        registry = self._pint()
        made = registry.Quantity(Fraction(value), registry.Unit(_expression(unit)))
        return Fraction(made.to(registry.Unit(_expression(target))).magnitude)

    def _pint(self) -> Any:
        if self.registry is None:
            import pint  # noqa: PLC0415 - half a second, and only where there are units to convert

            self.registry = pint.UnitRegistry(non_int_type=Fraction, cache_folder=None)
        return self.registry
