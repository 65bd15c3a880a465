"""The points of a source, resolved: where each value is and how it is read."""

from dataclasses import dataclass
from typing import NamedTuple

from adapters.modbus.address import Table
from adapters.modbus.settings import Identity, ModbusPoint, ModbusSource, Order, Type


class Span(NamedTuple):
    """Consecutive addresses of one table: a value's place, or a request."""

    table: Table
    start: int
    length: int

    @property
    def end(self) -> int:
        """First address after the span."""
        return self.start + self.length

    @property
    def of_bits(self) -> bool:
        """Whether the table holds bits rather than registers."""
        return self.table in ("coil", "discrete")

    def holds(self, other: "Span") -> bool:
        """Tell whether another span lies within this one."""
        return self.table == other.table and self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class PointPlan:
    """One point, resolved; `decimals` is the place of its decimals register, when it has one."""

    name: str
    span: Span
    type: Type
    order: Order
    settings: ModbusPoint
    decimals: Span | None = None

    @property
    def divisor(self) -> int:
        """Ten to the power of the fixed decimals."""
        return int(10 ** (self.settings.decimals or 0))


def resolve(settings: ModbusSource) -> tuple[PointPlan, ...]:
    """Resolve every point of a source, which has been validated."""
    return tuple(_resolve(name, point, settings) for name, point in settings.points.items())


def identities(settings: ModbusSource) -> tuple[tuple[Identity, PointPlan], ...]:
    """Resolve the registers by which a device is known."""
    return tuple((one, _resolve(one.what, one.point, settings)) for one in settings.identity)


def _resolve(name: str, point: ModbusPoint, source: ModbusSource) -> PointPlan:
    table, address = source.place(point.number, point.table)
    bits = table in ("coil", "discrete")
    decimals = None
    if point.decimals_register is not None:
        decimals = Span(*source.place(point.decimals_register, table), 1)
    return PointPlan(
        name=name,
        span=Span(table, address, 1 if bits else point.registers),
        type="bool" if bits else point.type or "uint16",
        order=point.order or source.order,
        settings=point,
        decimals=decimals,
    )
