"""What the property library must be asked for a meter's medium, and how its answer is read."""

from collections.abc import Mapping
from typing import Any, Final

from config.medium_plan import HOTTEST_GAS, Gas, Grid, Liquid, Properties
from config.plan import MeterPlan

STEP: Final = 1.0
"""Distance of the samples of a liquid, in K."""
GAS_STEP: Final = 5.0
"""Distance of the samples of a gas, in K; its properties bend less."""
WATER = "H2O"
ENHANCEMENT = "enhancement"
"""How much more vapour saturated air holds than its pressure alone says, as a factor."""

Need = Mapping[str, Any]


def need(plan: MeterPlan) -> Need | None:
    """Give what to sample, fit for JSON; None for a medium that needs no library."""
    medium = plan.medium
    if isinstance(medium, Gas):
        return {
            "kind": "gas",
            "species": sorted({name for name, _ in medium.dry} | {WATER}),
            "mpa": plan.pressure_mpa,
            "low": 0.0,
            "high": HOTTEST_GAS,
            "step": GAS_STEP,
        }
    if isinstance(medium, Liquid) and not medium.is_water:
        return {
            "kind": "liquid",
            "fluid": medium.fluid,
            "concentration": medium.concentration,
            "mpa": plan.pressure_mpa,
            "low": medium.low,
            "high": medium.high,
            "step": STEP,
        }
    return None


def properties(answer: Any) -> Properties:
    """Read an answer: a grid for each property; raises KeyError, TypeError or ValueError."""
    if not isinstance(answer, Mapping):
        raise TypeError("an answer is no table")
    return {
        name: Grid(float(low), float(step), tuple(float(value) for value in values))
        for name, (low, step, values) in answer.items()
    }
