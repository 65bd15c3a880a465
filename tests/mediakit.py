"""What tests of media share: meters by medium, and the property library's own word.

The library is imported by those tests only that need it, once in each process.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from agent.measuring import sampler
from agent.measuring.media import Medium, medium
from agent.measuring.media.need import need, properties
from config.combustion import AIR, FUELS, flue_gas
from config.fluids import liquid
from config.medium_plan import Gas, Grid, Properties, Steam
from config.medium_plan import Medium as MediumPlan
from config.plan import InputPlan, MeterPlan
from tests.measuring import S

ZERO = 273.15


def meter(kind: MediumPlan, *roles: str, **settings: Any) -> MeterPlan:
    """Plan a heat meter; its inputs are the flow and the roles."""
    inputs = {role: InputPlan(role, "plc", role) for role in ("flow", *roles)}
    settings = {"max_gap": 3 * S, "flow_sensor": "supply", **settings}
    return MeterPlan(kind="heat", inputs=inputs, medium=kind, **settings)


@cache
def _samples(text: str, mpa: float) -> Properties:
    plan = meter(liquid(text), "supply", "return", pressure_mpa=mpa)
    return asked(plan).properties


def asked(plan: MeterPlan) -> MeterPlan:
    """Give a plan its samples, by the library in this process."""
    wanted = need(plan)
    assert wanted is not None
    [answer] = sampler.answer([wanted])
    return replace(plan, properties=properties(answer))


def liquid_meter(text: str, mpa: float = 1.6, **settings: Any) -> MeterPlan:
    """Plan a meter of a liquid, with its samples."""
    plan = meter(liquid(text), "supply", "return", pressure_mpa=mpa, **settings)
    return replace(plan, properties=_samples(text, mpa))


@dataclass(frozen=True)
class Library:
    """The library's heat capacity, density and heat between two temperatures, for a liquid."""

    state: Callable[[float], tuple[float, float] | None]

    def density(self, celsius: float) -> float:
        found = self.state(celsius)
        assert found is not None
        return found[1]

    def heat(self, low: float, high: float) -> float:
        """Integrate the heat capacity by Gauss's rule of five points, exact for our polynomials."""
        middle, half = (low + high) / 2, (high - low) / 2
        total = 0.0
        for at, weight in _GAUSS:
            found = self.state(middle + half * at)
            assert found is not None
            total += weight * found[0]
        return total * half


_GAUSS = (
    (0.0, 128 / 225),
    *((sign * 0.5384693101056831, 0.47862867049936647) for sign in (-1, 1)),
    *((sign * 0.906179845938664, 0.23692688505618908) for sign in (-1, 1)),
)


@cache
def library(text: str, mpa: float = 1.6) -> Library:
    """Give the library's own word on a liquid."""
    wanted = need(meter(liquid(text), "supply", "return", pressure_mpa=mpa))
    assert wanted is not None
    return Library(sampler._incompressible(wanted))


def gas_of(name: str, **settings: Any) -> Gas:
    """Give a gas by a short name."""
    if name == "air":
        return Gas(tuple(sorted(AIR.items())), **settings)
    dry, vapour = flue_gas(FUELS[name], oxygen=0.05)
    return Gas(tuple(sorted(dry.items())), **{"vapour": vapour, **settings})


@cache
def _gas_samples(gas: Gas, mpa: float) -> Properties:
    plan = meter(gas, "supply", "return", pressure_mpa=mpa)
    return asked(plan).properties


def gas_meter(gas: Gas, *roles: str, mpa: float = 0.101325, **settings: Any) -> MeterPlan:
    """Plan a meter of a gas, with its samples."""
    roles = roles or ("supply", "return")
    plan = meter(gas, *roles, pressure_mpa=mpa, **settings)
    return replace(plan, properties=_gas_samples(gas, mpa))


def steam_meter(*roles: str, steam: Steam | None = None, **settings: Any) -> MeterPlan:
    """Plan a meter of steam."""
    return meter(steam or Steam(), *roles, **settings)


def synthetic(low: float, high: float) -> Properties:
    """Make samples of a liquid that never was: tests of meters need no library."""
    nodes = [low + node for node in range(round(high - low) + 1)]
    return {
        "enthalpy": Grid(low, 1.0, tuple(2.0 * t + 0.002 * t * t for t in nodes)),
        "volume": Grid(low, 1.0, tuple(0.001 + 8e-7 * t for t in nodes)),
    }


def synthetic_gas(gas: Gas) -> Properties:
    """Make samples of a gas whose constituents all have one heat capacity."""
    names = [name for name, _ in gas.dry]
    warm = Grid(0.0, 5.0, tuple(0.03 * 5.0 * node for node in range(241)))
    more = Grid(0.0, 1.0, tuple(1.004 for _ in range(97)))
    return {**dict.fromkeys([*names, "H2O"], warm), "enhancement": more}


def made(plan: MeterPlan) -> Medium:
    """Make the medium of a plan."""
    return medium(plan)
