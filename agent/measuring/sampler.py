"""The child process that asks the property library: requests on stdin, samples on stdout.

It is a process of its own because the library takes seconds to import and some 80 MB to hold, and
neither is of use once the samples are there. Enthalpies of liquids are the integral of the
library's heat capacity: its own enthalpy differs from that by the pressure's share, up to 0.04 %.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

_ZERO = 273.15
_FEWEST = 3
"""Intervals of a curve."""
_Answer = dict[str, tuple[float, float, list[float]]]


def answer(needs: list[Mapping[str, Any]]) -> list[_Answer]:
    """Sample what is asked for; raises ValueError for what the library refuses, ImportError."""
    return [_KINDS[need["kind"]](need) for need in needs]


def _liquid(need: Mapping[str, Any]) -> _Answer:
    """Sample a liquid at whole steps between its ends, as far as it is liquid at the pressure."""
    state = _incompressible(need)
    step = need["step"]
    first, last = math.ceil(need["low"] / step), math.floor(need["high"] / step)
    while first < last and state(first * step) is None:
        first += 1
    while first < last and state(last * step) is None:
        last -= 1
    if last - first < _FEWEST:
        raise ValueError(f"no liquid at {need['mpa'] * 10:g} bar")
    nodes = [_known(state, node * step) for node in range(first, last + 1)]
    enthalpy = [0.0]
    for node, (left, right) in enumerate(pairwise(nodes), first):
        middle = _known(state, (node + 0.5) * step)
        mean = (left[0] + 4 * middle[0] + right[0]) / 6  # exact for a cubic (Simpson)
        enthalpy.append(enthalpy[-1] + mean * step)
    volume = [1.0 / density for _, density in nodes]
    return {"enthalpy": (first * step, step, enthalpy), "volume": (first * step, step, volume)}


def _incompressible(need: Mapping[str, Any]) -> Callable[[float], tuple[float, float] | None]:
    """Give heat capacity (kJ/(kg K)) and density (kg/m3) by Celsius; None where it is no liquid."""
    from CoolProp import CoolProp  # noqa: PLC0415 - only this process pays for it

    fluid = CoolProp.AbstractState("INCOMP", need["fluid"])
    if need["concentration"]:
        fluid.set_mass_fractions([need["concentration"]])

    def state(celsius: float) -> tuple[float, float] | None:
        try:
            fluid.update(CoolProp.PT_INPUTS, need["mpa"] * 1e6, celsius + _ZERO)
        except ValueError:
            return None
        return fluid.cpmass() / 1000, fluid.rhomass()

    return state


def _known(
    state: Callable[[float], tuple[float, float] | None], celsius: float
) -> tuple[float, float]:
    found = state(celsius)
    if found is None:
        raise ValueError(f"no liquid at {celsius:g} Cel")
    return found


_SPECIES = {
    "N2": "Nitrogen",
    "O2": "Oxygen",
    "Ar": "Argon",
    "CO2": "CarbonDioxide",
    "CO": "CarbonMonoxide",
    "SO2": "SulfurDioxide",
    "H2": "Hydrogen",
    "CH4": "Methane",
    "H2O": "Water",
}
_THIN = 1e-3
"""A density in mol/m3 at which every gas is ideal."""


def _gas(need: Mapping[str, Any]) -> _Answer:
    """Sample ideal gases' enthalpies (kJ/mol above 0 Cel), and the enhancement of saturation."""
    from CoolProp import CoolProp  # noqa: PLC0415 - only this process pays for it

    low, step = need["low"], need["step"]
    found: _Answer = {}
    for species in need["species"]:
        gas = CoolProp.AbstractState("HEOS", _SPECIES[species])
        values = []
        for node in range(round((need["high"] - low) / step) + 1):
            gas.update(CoolProp.DmolarT_INPUTS, _THIN, low + node * step + _ZERO)
            values.append(gas.hmolar() / 1000)
        found[species] = (low, step, [value - values[0] for value in values])
    return {**found, "enhancement": (0.0, 1.0, _enhancement(need["mpa"] * 1e6))}


def _enhancement(pascal: float) -> list[float]:
    """Give, each kelvin from 0 Cel, how much more vapour saturated air holds than is ideal."""
    from CoolProp import CoolProp  # noqa: PLC0415 - only this process pays for it

    values: list[float] = []
    while True:
        kelvin = len(values) + _ZERO
        boiling = CoolProp.PropsSI("P", "T", kelvin, "Q", 0, "IF97::Water")
        if boiling > _WETTEST * pascal:
            return values
        share = CoolProp.HAPropsSI("psi_w", "T", kelvin, "P", pascal, "R", 1.0)
        values.append(share * pascal / boiling)


_WETTEST = 0.93
"""Share of vapour up to which the library knows humid air."""
_KINDS: Mapping[str, Callable[[Mapping[str, Any]], _Answer]] = {"liquid": _liquid, "gas": _gas}


def main() -> None:
    """Answer one request; what is wrong goes to stderr, with exit code 3 without the library."""
    try:
        json.dump(answer(json.load(sys.stdin)), sys.stdout)
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(3)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
