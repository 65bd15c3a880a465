"""The kinds of meter, by the name a stream's plan gives them."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from agent.measuring.meter import Meter
from agent.measuring.meters.batch import BatchMeter
from agent.measuring.meters.heat import HeatMeter
from agent.measuring.meters.heat_total import HeatTotalMeter
from agent.measuring.meters.rate import RateMeter, StockMeter
from agent.measuring.meters.total import TotalMeter
from config.plan import MeterKind, MeterPlan


def _heat(plan: MeterPlan) -> Meter:
    return HeatTotalMeter(plan) if plan.flow_is_total else HeatMeter(plan)


METERS: Mapping[MeterKind, Callable[[MeterPlan], Meter]] = MappingProxyType(
    {
        "rate": RateMeter,
        "total": TotalMeter,
        "batch": BatchMeter,
        "heat": _heat,
        "stock": StockMeter,
    }
)
"""A new kind is one module and one line here."""
