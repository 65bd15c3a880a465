"""What people write for a Modbus source and its points."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from adapters.fields import Duration, FileName, Settings
from adapters.modbus.address import ADDRESSES, Numbering, Table, placed
from adapters.modbus.points import Polled, Way, polled
from adapters.modbus.values import LENGTHS, MAX_DECIMALS, Order, Type
from adapters.settings import PointSettings, SourceSettings

_WRAPS = {"uint16": 2**16, "uint32": 2**32, "uint64": 2**64, "bcd16": 10**4, "bcd32": 10**8}
_BIT_TABLES = ("coil", "discrete")
_FIELD_TYPES = {"bool": 16, "uint16": 16, "uint32": 32}


class ModbusPoint(PointSettings):
    """One value of a Modbus device: where it is and how it is written there."""

    number: Annotated[int, Field(ge=0)] = Field(alias="register")
    """Register number, read as the source's `numbering` says."""
    table: Table | None = None
    """Table the register is in; implied by 4xxxx numbering, otherwise holding unless set."""
    type: Type | None = None
    """How the value is written; a coil or discrete input is bool, a register uint16 unless set."""
    length: Annotated[int, Field(ge=1, le=125)] | None = None
    """Registers of a string (two characters each)."""
    order: Order | None = None
    """Byte order of this value: big (ABCD), little (DCBA), big-swapped (BADC), little-swapped
    (CDAB); the source's unless set."""
    bits: tuple[Annotated[int, Field(ge=0, le=31)], Annotated[int, Field(ge=0, le=31)]] | None = (
        None
    )
    """Lowest and highest bit, both included, of a field in a bool, uint16 or uint32 register."""
    scale: float = 1.0
    """Factor on the value as read."""
    offset: float = 0.0
    """Added after the factor, in the point's unit."""
    decimals: Annotated[int, Field(ge=0, le=MAX_DECIMALS)] | None = None
    """Fixed decimals: the value as read is divided by ten to this power."""
    decimals_register: Annotated[int, Field(ge=0)] | None = None
    """Register (same numbering and table) that holds the number of decimals, read each time."""

    @property
    def registers(self) -> int:
        """Length of the value in registers (or bits, in a table of bits)."""
        if self.type == "string":
            return self.length or 1
        return LENGTHS[self.type or "uint16"]

    def span(self) -> float | None:
        """Give the value at which an unsigned or BCD counter wraps, scaled; None for others."""
        if self.decimals_register is not None:
            return None
        width = 1 + self.bits[1] - self.bits[0] if self.bits else None
        whole = 2**width if width else _WRAPS.get(self.type or "uint16")
        return None if whole is None else whole * self.scale / 10 ** (self.decimals or 0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.type == "string") != (self.length is not None):
            raise ValueError('`length` (in registers) goes with type = "string", and only with it')
        if self.decimals is not None and self.decimals_register is not None:
            raise ValueError("either `decimals` or `decimals_register`, not both")
        if self.type in ("bool", "string") and self._scaled():
            raise ValueError(f'a value of type = "{self.type}" has no scale, offset or decimals')
        self._check_bits()
        return self

    def _scaled(self) -> bool:
        fixed = (self.scale, self.offset) == (1.0, 0.0)
        return not fixed or self.decimals is not None or self.decimals_register is not None

    def _check_bits(self) -> None:
        if self.bits is None:
            return
        low, high = self.bits
        width = _FIELD_TYPES.get(self.type or "uint16", 0)
        if not low <= high < width:
            raise ValueError(
                "`bits` is [lowest, highest], within 0 to 15 of a bool or uint16 "
                "or 0 to 31 of a uint32"
            )
        if self.type == "bool" and low != high:
            raise ValueError('`bits` of type = "bool" names one bit, such as [3, 3]')


class Identity(Settings):
    """What a device must say of itself before anything else of it is read."""

    what: str = "identity"
    """What the register holds, for messages: `"product code"`."""
    number: Annotated[int, Field(ge=0)] = Field(alias="register")
    """Register number, read as the source's `numbering` says."""
    table: Literal["holding", "input"] | None = None
    """Table the register is in, as of a point."""
    type: Literal["int16", "uint16", "int32", "uint32"] = "uint16"
    """How the value is written."""
    accepted: tuple[int, ...] = Field(min_length=1)
    """The values of the devices meant."""

    @property
    def point(self) -> ModbusPoint:
        """The register as a point."""
        return ModbusPoint(register=self.number, table=self.table, type=self.type)


class ModbusSource(SourceSettings):
    """What Modbus sources of every kind of line have in common: one device on a line."""

    points: Mapping[str, SerializeAsAny[ModbusPoint]] = Field(default_factory=dict)
    """The values to read, by name; or the name of a CSV file, one a row."""
    device_id: Annotated[int, Field(ge=0, le=255)] = 1
    """Address of the device on its line (unit id)."""
    numbering: Numbering = "4xxxx"
    """How register numbers are written: as 40001, 30001, 10001 and 1 (4xxxx), or counted from 0 or
    1 within the point's table."""
    shift: Annotated[int, Field(ge=-1, le=1)] = 0
    """Added to every address, for a device whose map is one off its document."""
    identity: tuple[Identity, ...] = ()
    """Registers read before anything else, and after each silence; a device that says something
    else is not read."""
    order: Order = "big"
    """Byte order of values: big (ABCD), little (DCBA), big-swapped (BADC), little-swapped (CDAB);
    its byte part holds for single registers and strings too."""
    max_registers: Annotated[int, Field(ge=1, le=125)] = 125
    """Most registers the device gives in one answer."""
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 2000
    """Most coils or discrete inputs the device gives in one answer."""
    gap: Duration = 0.0
    """Rest between an answer and the next request on the line."""
    backoff_min: Duration = 0.5
    """First pause after a fault of the line or the device; each further fault doubles it."""
    backoff_max: Duration | None = None
    """Longest pause; unset, `every` for a line, and on a shared line ten times `timeout` (or
    `every`, when longer) for a device that alone is silent."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        self._check_all("point {!r}: {}", self.points.items())
        self._check_all("identity ({}): {}", ((one.what, one.point) for one in self.identity))
        return self

    def _check_all(self, told: str, named: Iterable[tuple[str, ModbusPoint]]) -> None:
        # What is the same for thousands of points is looked up once.
        numbering, shift, most = self.numbering, self.shift, self.max_registers
        for name, point in named:
            try:
                _check(point, numbering, shift, most)
            except ValueError as error:
                raise ValueError(told.format(name, error)) from None

    @property
    def way(self) -> Way:
        """How the device is reached; each kind of line has its own."""
        return Way()

    def resolved(self) -> Polled:
        """Give the source as it is polled."""
        return polled(self, self.way)

    def place(self, register: int, table: Table | None) -> tuple[Table, int]:
        """Give a register's table and address on the wire; raises ValueError when it has none."""
        return placed(register, table, self.numbering, self.shift)


def _check(point: ModbusPoint, numbering: Numbering, shift: int, max_registers: int) -> None:
    table, address = placed(point.number, point.table, numbering, shift)
    bits = table in _BIT_TABLES
    if bits and (point.type not in (None, "bool") or point.bits is not None):
        raise ValueError(
            f'register {point.number} is a {table}: type = "bool" without `bits`'
            f' (numbering is "{numbering}"; see `numbering` and `table`)'
        )
    length = 1 if bits else point.registers
    if address + length > ADDRESSES:
        raise ValueError(f"the value runs past the last address of its table ({table})")
    if not bits and length > max_registers:
        raise ValueError(f"{length} registers, more than max_registers = {max_registers}")
    if point.decimals_register is not None:
        placed(point.decimals_register, table, numbering, shift)


class TcpSource(ModbusSource):
    """A Modbus device reached over TCP, or through a gateway."""

    host: Annotated[str, Field(min_length=1)]
    """Name or address of the device or gateway."""
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    """TCP port."""

    @property
    def way(self) -> Way:
        """Host and port."""
        return Way(self.host, self.port)


class TlsSource(TcpSource):
    """A Modbus device reached over TLS (Modbus/TCP Security)."""

    port: Annotated[int, Field(ge=1, le=65535)] = 802
    """TCP port."""
    ca: FileName | None = None
    """File of the certificates to trust, PEM; the system's unless set."""
    certificate: FileName | None = None
    """File of our certificate, PEM, for devices that ask for one."""
    key: FileName | None = None
    """File of our certificate's private key, PEM, when it is not in the same file."""
    server_name: str | None = None
    """Name the device's certificate must hold; `host` unless set."""

    @property
    def way(self) -> Way:
        """Host and port, and what the connection is made safe with."""
        return Way(
            self.host, self.port, True, self.ca, self.certificate, self.key, self.server_name
        )


class SerialSource(ModbusSource):
    """A Modbus device on a serial line (RTU)."""

    device: Annotated[str, Field(min_length=1)]
    """Serial port, such as /dev/ttyUSB0 or a path under /dev/serial/by-id."""
    baudrate: Annotated[int, Field(ge=50)] = 19_200
    """Bits a second."""
    parity: Literal["none", "even", "odd"] = "even"
    """Parity bit; even is the standard's default."""
    stopbits: Literal[1, 2] = 1
    """Stop bits."""
    bytesize: Literal[7, 8] = 8
    """Data bits."""

    @property
    def way(self) -> Way:
        """The serial port and how it is set."""
        return Way(
            device=self.device,
            baudrate=self.baudrate,
            parity=self.parity,
            stopbits=self.stopbits,
            bytesize=self.bytesize,
        )
