"""A source resolved: where each of its values is, how it is read, and what its line is.

It is plain Python, made of the settings where the plant file is loaded: a running agent has no use
for the models they are checked by.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from adapters.modbus.address import Numbering, Table, placed
from adapters.modbus.values import LENGTHS, Order, Type

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
        points=Points.of(settings),
        identity=identities(settings),
    )


def resolve(settings: "ModbusSource") -> tuple[PointPlan, ...]:
    """Resolve every point of a source, which has been validated."""
    return tuple(Points.of(settings).values())


def identities(settings: "ModbusSource") -> tuple[tuple[Meant, PointPlan], ...]:
    """Resolve the registers by which a device is known."""
    names = [one.what for one in settings.identity]
    columns = _columns([one.point for one in settings.identity])
    plans = _resolved(names, columns, _Map.of(settings))
    return tuple(zip(map(_meant, settings.identity), plans, strict=True))


def _meant(identity: "Identity") -> Meant:
    return Meant(identity.what, identity.number, identity.accepted)


class _Map(NamedTuple):
    """What a source's points have in common: how registers are numbered, the order of bytes."""

    numbering: Numbering
    shift: int
    order: Order

    @classmethod
    def of(cls, source: "ModbusSource") -> Self:
        return cls(source.numbering, source.shift, source.order)


_WRITTEN = (
    "number", "table", "type", "length", "order", "decimals", "decimals_register", "scale",
    "offset", "bits", "sentinels", "plausible", "unit",
)  # fmt: skip
_Columns = Sequence[Sequence[Any]]


def _columns(points: Collection["ModbusPoint"]) -> _Columns:
    return [list(map(attrgetter(name), points)) for name in _WRITTEN]


class Points(Mapping[str, PointPlan]):
    """The points of a source by name, resolved when the first of them is asked for.

    Thousands travel to a running agent at its start, as columns of what is written of them; the
    first device is asked while the others' are still to be resolved.
    """

    def __init__(self, names: Sequence[str], columns: _Columns, common: _Map) -> None:
        self._names = names
        self._written = columns
        self._common = common

    @classmethod
    def of(cls, source: "ModbusSource") -> Self:
        """Take the points of a source, which has been validated."""
        return cls(tuple(source.points), _columns(source.points.values()), _Map.of(source))

    @cached_property
    def _plans(self) -> dict[str, PointPlan]:
        found = _resolved(self._names, self._written, self._common)
        return dict(zip(self._names, found, strict=True))

    def __getitem__(self, name: str) -> PointPlan:
        return self._plans[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(self._plans)

    def __reduce__(self) -> tuple[Any, ...]:
        return Points, (self._names, self._written, self._common)


def _resolved(names: Sequence[str], columns: _Columns, common: _Map) -> Iterator[PointPlan]:
    numbering, shift, usual = common
    for (
        name, number, table, kind, length, order, places, register, scale, offset, bits, sentinels,
        plausible, unit,
    ) in zip(names, *columns, strict=True):  # fmt: skip
        where, address = placed(number, table, numbering, shift)
        single = where in ("coil", "discrete")
        decimals = None
        if register is not None:
            decimals = Span(*placed(register, where, numbering, shift), 1)
        # By place: by name it would take twice as long.
        yield PointPlan(
            name,
            Span(where, address, 1 if single else length or LENGTHS[kind or "uint16"]),
            "bool" if single else kind or "uint16",
            order or usual,
            number,
            decimals,
            register or 0,
            10 ** (places or 0),
            scale,
            offset,
            bits,
            sentinels,
            plausible,
            unit,
        )
