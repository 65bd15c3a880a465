"""What the lines of a report are about: a stream's classification, and how it was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.measuring.continuity import Continuity
from agent.reporting.accounts import BandSum, Sum
from agent.reporting.levels import Stock
from agent.reporting.makeup import Component
from config.plan import Basis, MeterPlan, StreamPlan

MATERIAL = "material recovery"
ENERGY = "energy recovery"
OTHER = "other"
UNSTATED = "not stated"
_ENERGY = {"R1"}
_MATERIAL = {f"R{number}" for number in range(2, 12)}
_MEASURING = ("rate", "total", "weight", "tare", "flow", "supply", "return", "level")
"""Roles of the points that a quantity is made of; others tell when it counts, or check it."""


@dataclass(frozen=True, slots=True)
class What:
    """What a stream is, in one unit."""

    stream: str
    kind: str
    unit: str
    code: str | None
    title: str | None
    """Title of the code in the plant's code list."""
    hazardous: bool | None
    """Whether the code has the asterisk of the List of Waste; None without a code."""
    ns9431: str | None
    status: str | None
    treatment: str | None
    treatment_class: str | None
    direction: str
    method: str
    """How it is measured, in words."""
    points: tuple[str, ...]
    """The points its quantity is made of, `source.point`; none when the plan has no such stream."""
    basis: Basis = "wet"
    """Which mass the quantities count."""
    since: str | None = None
    """When the stream came to be this, in local time; None where it was so before all else."""
    until: str | None = None
    """When it became something else; None while it is so."""


@dataclass(frozen=True, slots=True)
class Line:
    """One stream in one unit: what it is, its sum, and the sums of the parts of the report."""

    what: What
    whole: Sum
    parts: tuple[Sum, ...]
    bands: tuple[BandSum, ...]
    """The whole's heat by temperature band, coldest first; of anything else, nothing."""
    band_parts: tuple[BandSum, ...]
    """The same by part, without the parts that have none of a band."""
    continuity: tuple[Continuity, ...]
    components: tuple[Component, ...]
    """What its mass was made of over the whole report, by its analyses."""


@dataclass(frozen=True, slots=True)
class StockLine:
    """One stock: what it is, and what was there over the report and each of its parts."""

    what: What
    whole: Stock
    parts: tuple[Stock, ...]


def treatment_class(treatment: str | None) -> str | None:
    """Give the class of a treatment of Annexes I and II of Directive 2008/98/EC.

    R1 is energy recovery. R2 to R11 are material recovery (Article 3(15a): any recovery but that of
    energy and the making of fuels). R12 (exchange, pre-treatment) and R13 (storage) come before a
    recovery that they do not name, and D is disposal: both are other.
    """
    if treatment is None:
        return None
    if treatment in _ENERGY:
        return ENERGY
    return MATERIAL if treatment in _MATERIAL else OTHER


def what(
    key: tuple[str, str], stream: StreamPlan | None, titles: Mapping[str, str], *, stock: bool
) -> What:
    """Say what a stream is by its plan; without one it has its name alone.

    Totals in another unit than the plan's, or of a stock that is none, are of an earlier meter,
    which is not known.
    """
    name, unit = key
    if stream is None:
        return What(
            name, UNSTATED, unit, None, None, None, None, None, None, None, UNSTATED, UNSTATED, ()
        )
    code, meter = stream.code, stream.meter
    own = stream.unit == unit and (meter.kind == "stock") is stock
    return What(
        stream=name,
        kind=stream.kind,
        unit=unit,
        code=code,
        title=titles.get(code) if code else None,
        hazardous=code.endswith("*") if code else None,
        ns9431=stream.ns9431,
        status=stream.status,
        treatment=stream.treatment,
        treatment_class=treatment_class(stream.treatment),
        direction=stream.direction,
        method=method(meter) if own else UNSTATED,
        points=measuring(meter) if own else (),
        basis=stream.basis,
    )


def measuring(meter: MeterPlan) -> tuple[str, ...]:
    """Name the points that a meter's quantity is made of, as `source.point`."""
    inputs = meter.inputs.items()
    return tuple(f"{one.source}.{one.point}" for role, one in inputs if role in _MEASURING)


def method(meter: MeterPlan) -> str:
    """Say in words how a meter measures."""
    if meter.kind == "heat":
        flow = "counted flow" if meter.flow_is_total else "flow"
        if meter.reference is not None:
            return f"heat of {flow} and supply above {meter.reference:g} Cel"
        return f"heat of {flow}, supply and return"
    if meter.kind == "batch":
        return "weighings by ticket" if "ticket" in meter.inputs else "weighings of stable loads"
    return {"total": "totaliser", "rate": "rate over time", "stock": "level"}[meter.kind]
