"""A source resolved: where each of its values is, how it is read, and what its line is.

It is plain Python, made of the settings where the plant file is loaded: a running agent has no use
for the models they are checked by.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.modbus.address import Table, placed
from adapters.modbus.values import Order, Type

if TYPE_CHECKING:
    from adapters.modbus.settings import Identity, ModbusPoint, ModbusSource


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


class PointPlan(NamedTuple):
    """One point, resolved: a tuple, for thousands of them are made and sent at each start."""

    name: str
    span: Span
    type: Type
    order: Order
    number: int
    """Its register, as the plant file has it."""
    decimals: Span | None = None
    """Place of the register that holds its decimals, when it has one."""
    decimals_number: int = 0
    """That register, as the plant file has it."""
    divisor: int = 1
    """Ten to the power of the fixed decimals."""
    scale: float = 1.0
    offset: float = 0.0
    bits: tuple[int, int] | None = None
    sentinels: tuple[float, ...] = ()
    plausible: tuple[float, float] | None = None
    unit: str = "1"


class Meant(NamedTuple):
    """What a register says of the devices meant, and which register that is."""

    what: str
    number: int
    accepted: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """How a device is reached: `host` and `port`, or `device`, a serial port."""

    host: str = ""
    port: int = 0
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None
    device: str = ""
    baudrate: int = 0
    parity: str = ""
    stopbits: int = 0
    bytesize: int = 0


@dataclass(frozen=True, slots=True)
class Polled:
    """One source, resolved; times in seconds."""

    protocol: str
    way: Way
    every: float
    timeout: float
    device_id: int
    max_registers: int
    max_bits: int
    gap: float
    backoff_min: float
    backoff_max: float | None
    points: Mapping[str, PointPlan]
    identity: tuple[tuple[Meant, PointPlan], ...]

    @property
    def ca(self) -> str | None:
        """File of the certificates to trust."""
        return self.way.ca

    @property
    def certificate(self) -> str | None:
        """File of our certificate."""
        return self.way.certificate

    def resolved(self) -> "Polled":
        """Give itself: there is nothing left to resolve."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel with the points as columns: one by one they take five times as long to send."""
        others = {name: getattr(self, name) for name in self.__slots__ if name != "points"}
        columns: list[Any] = list(zip(*self.points.values(), strict=True))
        if columns:
            columns[_SPAN] = list(zip(*columns[_SPAN], strict=True))
        return _arrived, (others, tuple(self.points), columns)


_SPAN = PointPlan._fields.index("span")


def _arrived(others: dict[str, Any], names: tuple[str, ...], columns: list[Any]) -> Polled:
    """Make a source of what it travels as; `tuple.__new__` is what a named tuple is made by."""
    if columns:
        columns[_SPAN] = map(partial(tuple.__new__, Span), zip(*columns[_SPAN], strict=True))
    plans = map(partial(tuple.__new__, PointPlan), zip(*columns, strict=True))
    return Polled(points=dict(zip(names, plans, strict=True)), **others)


def polled(settings: "ModbusSource", way: Way) -> Polled:
    """Resolve a source, which has been validated."""
    return Polled(
        protocol=settings.protocol,
        way=way,
        every=settings.every,
        timeout=settings.timeout,
        device_id=settings.device_id,
        max_registers=settings.max_registers,
        max_bits=settings.max_bits,
        gap=settings.gap,
        backoff_min=settings.backoff_min,
        backoff_max=settings.backoff_max,
        points={plan.name: plan for plan in _resolved(settings, settings.points.items())},
        identity=identities(settings),
    )


def resolve(settings: "ModbusSource") -> tuple[PointPlan, ...]:
    """Resolve every point of a source, which has been validated."""
    return tuple(_resolved(settings, settings.points.items()))


def identities(settings: "ModbusSource") -> tuple[tuple[Meant, PointPlan], ...]:
    """Resolve the registers by which a device is known."""
    plans = _resolved(settings, ((one.what, one.point) for one in settings.identity))
    return tuple(zip(map(_meant, settings.identity), plans, strict=True))


def _meant(identity: "Identity") -> Meant:
    return Meant(identity.what, identity.number, identity.accepted)


def _resolved(
    source: "ModbusSource", named: Iterable[tuple[str, "ModbusPoint"]]
) -> Iterator[PointPlan]:
    # What is the same for thousands of points is looked up once, and plans are made by place: by
    # name they would take twice as long.
    order, numbering, shift = source.order, source.numbering, source.shift
    for name, point in named:
        table, address = placed(point.number, point.table, numbering, shift)
        bits = table in ("coil", "discrete")
        register = point.decimals_register
        decimals = None
        if register is not None:
            decimals = Span(*placed(register, table, numbering, shift), 1)
        yield PointPlan(
            name,
            Span(table, address, 1 if bits else point.registers),
            "bool" if bits else point.type or "uint16",
            point.order or order,
            point.number,
            decimals,
            register or 0,
            10 ** (point.decimals or 0),
            point.scale,
            point.offset,
            point.bits,
            point.sentinels,
            point.plausible,
            point.unit,
        )
