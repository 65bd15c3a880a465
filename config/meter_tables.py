"""The meters of a plant file: one model for each kind, told apart by its keys."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from adapters.fields import Duration, Settings
from config.attribute_tables import Density
from config.locate import CHOICE, at
from config.medium_tables import Measured, MediumTable, SteamTable
from config.texts import Accuracy, Amount, Percent, PointName, is_point


class StatusTable(Settings):
    """A point that says whether the meter works: some meters send their last value on failure."""

    point: PointName
    """The point, `"source.point"`."""
    good: tuple[float, ...] = Field(min_length=1)
    """Its values that mean the meter is all right."""


class MeterTable(Settings):
    """What every meter may have."""

    max_gap: Duration | None = None
    """Longest time between two readings that is bridged; else three times the source's `every`."""
    status: StatusTable | None = None
    """A point that gates the meter, in place of the status points of its sources."""
    class_: Accuracy | None = Field(default=None, alias="class")
    """The largest relative error by the meter's class, `"1 %"`; of independent parts with a plus:
    flow sensor, temperature pair and calculator are `"2 % + 1 % + 0.5 %"`. Totals then carry their
    uncertainty."""


class RateMeter(MeterTable):
    """A quantity per time, integrated: a belt scale's rate, a flow, a power."""

    rate: PointName
    """The point to integrate, `"source.point"`, in a unit per time (t/h, m3/h, kW)."""
    hold: bool = False
    """Each reading counts until the next one, instead of the straight line between them."""
    density: Density | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`; or a list with the day each holds from,
    `[{ from = "2026-01-01", value = "1.8 t/m3" }, …]`."""


class TotalMeter(MeterTable):
    """A totaliser: what its counter has grown by."""

    total: PointName
    """The counting point, `"source.point"`, in a quantity (t, m3, MW.h)."""
    max_rate: Amount | None = None
    """The most that is physically possible, `"60 t/h"`: a fall of the counter is a rollover only
    when it stays below this, else a reset."""
    modulus: Amount | None = None
    """The value at which the counter wraps, `"1000000 t"`; else from its register's width."""
    check: PointName | None = None
    """The rate of the same flow, `"source.point"`: a window in which its integral is further from
    the counter than `tolerance` is marked, with an event `cross-check`."""
    tolerance: Percent = "5 %"
    """How far `check` may be off, of the larger one of the two."""
    density: Density | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`; or a list with the day each holds from,
    `[{ from = "2026-01-01", value = "1.8 t/m3" }, …]`."""


class BatchMeter(MeterTable):
    """Single weighings: a weighbridge's tickets, a hopper's or a tipping scale's loads."""

    batch: PointName
    """The weight, `"source.point"`, in a quantity (t, kg, m3): with `ticket` that of the ticket
    shown, with `stable` that on the scale."""
    ticket: PointName | None = None
    """The number of the last ticket: each number counts once; the same number with another weight
    is a correction. 0 is no ticket. The number shown at the first start does not count."""
    void: PointName | None = None
    """A flag: while it is set, the ticket shown is void."""
    stable: PointName | None = None
    """A flag: the weight is stable. For a scale without ticket numbers: what counts is the highest
    stable weight each time between two empty scales."""
    empty: Amount | None = None
    """The weight at or below which the scale is empty, `"200 kg"`; needed with `stable`."""
    tare: PointName | None = None
    """The tare, where `batch` is a gross weight."""
    remember: int = Field(default=100, ge=1, le=10_000)
    """How many ticket numbers are known as counted: a scale that numbers anew each day needs fewer
    than a day has."""
    density: Density | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`; or a list with the day each holds from,
    `[{ from = "2026-01-01", value = "1.8 t/m3" }, …]`."""

    @model_validator(mode="after")
    def _told_apart(self) -> "BatchMeter":
        if (self.ticket is None) is (self.stable is None):
            raise at("ticket", "the ticket's number; or, for a scale without, `stable` alone")
        if self.stable is not None and self.empty is None:
            raise at("empty", 'the weight at which the scale is empty, "200 kg"')
        if self.ticket is None and self.void is not None:
            raise at("void", "nothing without `ticket`")
        if self.stable is None and self.empty is not None:
            raise at("empty", "nothing without `stable`")
        return self


class StockMeter(MeterTable):
    """A stock: a silo, a tank, a heap. Windows hold its mean and its closing value, not a sum."""

    stock: PointName
    """What is there, `"source.point"`, in a quantity (t, kg, m3, MW.h)."""
    hold: bool = False
    """Each reading counts until the next one, instead of the straight line between them."""
    density: Density | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`; or a list with the day each holds from,
    `[{ from = "2026-01-01", value = "1.8 t/m3" }, …]`."""


class HeatMeter(MeterTable):
    """Thermal energy from a flow and the states of its medium before and after."""

    flow: PointName
    """The flow, `"source.point"`, in volume or mass per time; or its totaliser (m3, kg)."""
    supply: PointName | None = None
    """Temperature of the warm side. Only saturated steam told by its `pressure` has none."""
    return_: PointName | None = Field(default=None, alias="return")
    """Temperature of the cold side; of steam, of its condensate."""
    reference: Amount | None = None
    """Counts heat above this temperature, `"10 Cel"`, in place of a `return`."""
    max_rate: Amount | None = None
    """Of a totaliser: the most that is physically possible, `"500 m3/h"`."""
    modulus: Amount | None = None
    """Of a totaliser: the value at which it wraps; else from its register's width."""
    flow_sensor: Literal["supply", "return"] | None = None
    """Where the flow sensor sits, for a cubic metre weighs less where it is warm: the wrong
    position costs 2.8 % at 90/40 °C. Required, except for a flow of mass or of norm volume."""
    medium: MediumTable = "water"
    """What flows: `"water"`; a liquid by its name, a mixture with its share of mass, `"propylene
    glycol 40 %"`, `"Therminol 66"`; steam or a gas as a table. Liquids but water, and gases, need
    the extra `sidestream[media]`."""
    pressure: Measured | None = None
    """Absolute pressure in the pipe; else 16 bar, of a gas 1.01325 bar. Steam needs it, and a point
    may measure it."""
    dt_min: Amount = "3 K"
    """Temperature difference below which the heat counts as uncertain."""

    @model_validator(mode="after")
    def _above(self) -> "HeatMeter":
        if (self.return_ is None) is (self.reference is None):
            raise at("return", "the point of the cold side; or `reference` alone")
        if self.reference is not None and self.flow_sensor == "return":
            raise at("flow_sensor", '"supply", for heat above a reference')
        if not isinstance(self.medium, SteamTable):
            if self.supply is None:
                raise at("supply", "the point of the warm side")
            if self.pressure is not None and is_point(self.pressure):
                raise at("pressure", "a constant: only that of steam is measured")
        return self


_KINDS = {
    "rate": RateMeter,
    "total": TotalMeter,
    "batch": BatchMeter,
    "stock": StockMeter,
    "flow": HeatMeter,
}
_METER = 'rate = "source.point", total = …, batch = …, stock = …, or flow, supply and return'


def _meter(table: Any) -> str | None:
    """Tell a meter's kind by its keys; the name has brackets so that it is never a key itself."""
    if isinstance(table, Mapping):
        keys = ["flow" if key in ("supply", "return") else key for key in table]
        return next((f"({key})" for key in _KINDS if key in keys), None)
    return None


Meter = Annotated[
    Annotated[RateMeter, Tag("(rate)")]
    | Annotated[TotalMeter, Tag("(total)")]
    | Annotated[BatchMeter, Tag("(batch)")]
    | Annotated[StockMeter, Tag("(stock)")]
    | Annotated[HeatMeter, Tag("(flow)")],
    Discriminator(
        _meter,
        custom_error_type=CHOICE,
        custom_error_message=f"a table with {_METER}",
    ),
]
