"""The plant file as people write it: one model a table, whose docstrings are its reference."""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    SerializeAsAny,
    Tag,
    WithJsonSchema,
    model_validator,
)

from adapters.adapter import SourceSettings
from adapters.fields import Duration, FileName, Settings
from config.locate import CHOICE, at
from config.tables import BrokerTable, StateTable, text_schema
from config.units import quantity

_DAY = 86_400.0
_CODE = re.compile(r"(\d{2}) ?(\d{2}) ?(\d{2}) ?(\*?)")
_TREATMENT = re.compile(r"R(1[0-3]|[1-9])|D(1[0-5]|[1-9])")
_NS9431 = re.compile(r"[0-9]{4}")
_REFERENCE = re.compile(r"[A-Za-z0-9_-]+\.\S(.*\S)?")
_HUB_KEY = re.compile(r"sshub1_[A-Za-z0-9_-]{86}")
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,9})?)\s*%\s*", re.ASCII)
_CLASS = r"\s*\d{1,3}(\.\d+)?\s*%\s*"
_SIZE = re.compile(r"\s*(\d{1,9})\s*(kB|MB|GB|kiB|MiB|GiB)\s*")
_BYTES = {
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "kiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip


def _code(text: str) -> str:
    found = _CODE.fullmatch(text)
    if found is None:
        raise ValueError(
            'a code of the List of Waste, "10 09 03", with a "*" at its end when hazardous'
        )
    return f"{found[1]} {found[2]} {found[3]}{found[4]}"


def _treatment(text: str) -> str:
    if not _TREATMENT.fullmatch(text):
        raise ValueError("a treatment code, R1 to R13 or D1 to D15")
    return text


def _ns9431(text: str) -> str:
    if not _NS9431.fullmatch(text):
        raise ValueError('a number of NS 9431, four digits, "1605"')
    return text


def _reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise ValueError('a point as "source.point"')
    return text


def _amount(text: str) -> str:
    quantity(text)
    return text


def _percent(text: str) -> str:
    percent(text)
    return text


def percent(text: str) -> float:
    """Turn `"5 %"` into 0.05."""
    found = _PERCENT.fullmatch(text)
    if found is None or not 0 < float(found[1]) <= 100:  # noqa: PLR2004 - all of it
        raise ValueError('a share above zero, such as "5 %"')
    return float(found[1]) / 100


def _accuracy(text: str) -> str:
    uncertainty(text)
    return text


def uncertainty(text: str) -> float:
    """Turn a meter's class, or those of its independent parts, into its expanded uncertainty.

    `"2 % + 0.5 %"`: each is the limit a of a relative error that may be anywhere within it, so its
    standard uncertainty is a/√3 (GUM, JCGM 100:2008, 4.3.7); parts add as the root of the sum of
    squares (5.1.2); expanded with k = 2 (6.2).
    """
    limits = [percent(part) for part in text.split("+")]
    return 2 * math.hypot(*limits) / math.sqrt(3)


def _hub_key(text: str) -> str:
    if not _HUB_KEY.fullmatch(text):
        raise ValueError("the hub's public key, sshub1_…, as `sidestream hub key` prints it")
    return text


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError('a time zone of the IANA database, such as "Europe/Oslo"') from None
    return text


def _size(text: str) -> str:
    size(text)
    return text


def size(text: str) -> int:
    """Turn `"200 MB"` into bytes (kB, MB, GB count by 1000; kiB, MiB, GiB by 1024)."""
    found = _SIZE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ValueError('a size with its unit, such as "200 MB"')
    return int(found[1]) * _BYTES[found[2]]


Code = Annotated[
    str,
    AfterValidator(_code),
    text_schema("code", r"^\d{2} ?\d{2} ?\d{2} ?\*?$", "10 09 03", "19 01 13*"),
]
Treatment = Annotated[
    str, AfterValidator(_treatment), text_schema("code", f"^({_TREATMENT.pattern})$", "R5")
]
Ns9431 = Annotated[
    str, AfterValidator(_ns9431), text_schema("NS 9431 number", f"^{_NS9431.pattern}$", "1605")
]
PointName = Annotated[
    str,
    AfterValidator(_reference),
    text_schema("point", f"^{_REFERENCE.pattern}$", "slag_belt.total"),
]
Amount = Annotated[
    str, AfterValidator(_amount), text_schema("quantity", r"^\s*-?\d.*\S\s*$", "60 t/h", "16 bar")
]
Percent = Annotated[
    str, AfterValidator(_percent), text_schema("percent", r"^\s*\d{1,3}(\.\d+)?\s*%\s*$", "5 %")
]
Accuracy = Annotated[
    str,
    AfterValidator(_accuracy),
    text_schema("class", rf"^{_CLASS}(\+{_CLASS})*$", "1 %", "2 % + 0.5 %"),
]
Size = Annotated[str, AfterValidator(_size), text_schema("size", f"^{_SIZE.pattern}$", "200 MB")]
HubKey = Annotated[str, AfterValidator(_hub_key), text_schema("key", f"^{_HUB_KEY.pattern}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class PlantTable(Settings):
    """The plant itself. Nothing of this table leaves it."""

    name: Name
    """The plant's name, for its own screens."""
    owner: Name
    """The company. Sites of one owner count as one contributor."""
    timezone: Annotated[str, AfterValidator(_timezone)] = "UTC"
    """Time zone of screens and reports (`"Europe/Oslo"`); windows are always in UTC."""


class HubTable(BrokerTable):
    """The cluster's hub. Without this table the plant measures and nothing is sent."""

    key: HubKey
    """The hub's public key, `sshub1_…`: records are sealed to it, receipts checked with it."""
    receipts: bool = True
    """Records are kept until the hub's signed receipt; `false` for a hub that gives none."""
    backlog_rate: float = Field(default=20.0, gt=0, le=10_000)
    """Records a second sent from a backlog, so that live ones are not delayed."""
    record_size: Literal[1024, 2048, 4096, 8192, 16384] = 4096
    """Bytes each record is padded to a multiple of, so that its size says nothing."""


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
    """A point that gates the meter."""
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
    density: Amount | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`."""


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
    density: Amount | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`."""


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
    density: Amount | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`."""

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
    density: Amount | None = None
    """Turns a volume into a mass or back: `"1.8 t/m3"`."""


class HeatMeter(MeterTable):
    """Thermal energy from a flow and two temperatures, by the properties of water (IAPWS-IF97)."""

    flow: PointName
    """The flow, `"source.point"`, in volume or mass per time; or its totaliser (m3, kg)."""
    supply: PointName
    """Temperature of the warm side."""
    return_: PointName | None = Field(default=None, alias="return")
    """Temperature of the cold side."""
    reference: Amount | None = None
    """Counts heat above this temperature, `"10 Cel"`, in place of a `return`."""
    max_rate: Amount | None = None
    """Of a totaliser: the most that is physically possible, `"500 m3/h"`."""
    modulus: Amount | None = None
    """Of a totaliser: the value at which it wraps; else from its register's width."""
    flow_sensor: Literal["supply", "return"]
    """Where the flow sensor sits, for a cubic metre weighs less where it is warm: the wrong
    position costs 2.8 % at 90/40 °C."""
    medium: Literal["water"] = "water"
    """What flows."""
    pressure: Amount = "16 bar"
    """Absolute pressure in the pipe."""
    dt_min: Amount = "3 K"
    """Temperature difference below which the heat counts as uncertain."""

    @model_validator(mode="after")
    def _above(self) -> "HeatMeter":
        if (self.return_ is None) is (self.reference is None):
            raise at("return", "the point of the cold side; or `reference` alone")
        if self.reference is not None and self.flow_sensor != "supply":
            raise at("flow_sensor", '"supply", for heat above a reference')
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


class StreamTable(Settings):
    """One side stream: what it is, how it is measured, and how far its figures may go."""

    kind: Literal["material", "heat", "water", "gas"] = "material"
    """What flows."""
    material: Code | None = None
    """Code of the List of Waste, `"10 09 03"`, `"19 01 13*"`; required for a material."""
    status: Literal["waste", "by-product", "end-of-waste"] | None = None
    """Legal status of a material."""
    treatment: Treatment | None = None
    """What may be done with it: R1 to R13 or D1 to D15 of the Waste Framework Directive."""
    ns9431: Ns9431 | None = None
    """Number of the material in NS 9431, `"1605"`, for the plant's own reports; it never leaves."""
    firm: Amount | None = None
    """What can be relied on, `"2 t/h"`: the report says how often an hour had that much. Without
    it, the level that nine hours in ten reached."""
    direction: Literal["surplus", "need"] = "surplus"
    """Whether the plant has this to give or wants it."""
    meter: Meter
    """How it is measured: `{ total = … }`, `{ rate = … }`, `{ batch = …, ticket = … }`,
    `{ stock = … }` or `{ flow = …, supply = …, … }`."""
    share: Literal["off", "cluster"] = "off"
    """How far figures may go: nowhere, or sealed to the hub for cells in which nobody shows."""
    never_publish: bool = False
    """Nothing of this stream ever leaves, whatever else is set."""
    code_digits: Literal[6, 4, 2] = 6
    """How many digits of the material code leave."""
    significant: int = Field(default=3, ge=1, le=6)
    """Significant figures that leave."""
    coverage_floor: float = Field(default=0.5, ge=0, le=1)
    """Share of a release window that must be observed for its figure to leave."""
    min_tickets: int = Field(default=3, ge=2, le=1000)
    """Batches a figure of a `batch` meter must hold; fewer wait for the next release window."""

    @model_validator(mode="after")
    def _fits_kind(self) -> "StreamTable":
        if self.kind == "material" and self.material is None:
            raise at("material", 'the code of the material, "10 09 03"; or another `kind`')
        if self.kind == "heat":
            for name in ("material", "status", "treatment", "ns9431"):
                if getattr(self, name) is not None:
                    raise at(name, "nothing, as heat has none")
        elif isinstance(self.meter, HeatMeter):
            raise at("kind", '"heat", for a meter of flow, supply and return')
        self._fits_batches()
        return self

    def _fits_batches(self) -> None:
        batches = isinstance(self.meter, BatchMeter)
        if batches and self.kind == "heat":
            raise at("kind", '"material", "water" or "gas", for a batch meter')
        if isinstance(self.meter, StockMeter) and self.share != "off":
            raise at("share", '"off": a stock is no flow, so it stays in the plant')
        if not batches and "min_tickets" in self.model_fields_set:
            raise at("min_tickets", "nothing, as only a batch meter has tickets")


class WindowsTable(Settings):
    """The lengths of windows, which are aligned to the day in UTC."""

    measure: Duration = 900.0
    """Measurement window: divides a day, or is whole days."""
    release: Duration = 3600.0
    """Release window, a whole number of measurement windows: divides a day, or is whole days."""
    grace: Duration = 60.0
    """How long after a window's end its late readings are awaited."""
    jitter: Duration = 300.0
    """Longest random delay of a record, so that its time of sending says nothing; at most a
    release window, to which the default is cut."""
    checkpoint: Duration = 10.0
    """Time between two savings of the meters' state."""

    @model_validator(mode="after")
    def _whole(self) -> "WindowsTable":
        for name, length in (("measure", self.measure), ("release", self.release)):
            if not (whole(_DAY, length) or whole(length, _DAY)):
                raise at(name, "a length that divides a day, or whole days")
        if not whole(self.release, self.measure):
            raise at("release", "a whole number of `measure` windows")
        if "jitter" in self.model_fields_set and self.jitter > self.release:
            raise at("jitter", "at most a `release` window")
        return self


def whole(length: float, part: float) -> bool:
    """Tell whether a length is a whole number of parts, in seconds, to the millisecond."""
    milliseconds = round(part * 1000)
    return milliseconds > 0 and round(length * 1000) % milliseconds == 0


class OutboxTable(Settings):
    """Bounds of the outbox, in which records wait; past either the oldest go first."""

    max_age: Duration = 90 * _DAY
    """Oldest record kept."""
    max_size: Size = "200 MB"
    """Most it may take on disk."""


class CodesTable(Settings):
    """The list of waste codes that `material` is checked against; without it, its form alone is."""

    list: FileName
    """A CSV file with the columns `code`, `title` and `hazardous`, and a comment with its version
    above them: `# version: 2026-11-09`."""


class PlantFile(Settings):
    """A plant file: one plant, its devices and its side streams."""

    plant: PlantTable
    """The plant itself."""
    hub: HubTable | None = None
    """The cluster's hub; without it nothing is sent."""
    sources: Annotated[
        Mapping[str, SerializeAsAny[SourceSettings]], WithJsonSchema({"type": "object"})
    ]
    """The devices to read: `[sources.NAME]`, with the settings of its `protocol`."""
    codes: CodesTable | None = None
    """The waste codes to go by."""
    streams: Mapping[str, StreamTable] = Field(default_factory=dict)
    """The side streams: `[streams.NAME]`."""
    windows: WindowsTable = WindowsTable()
    """Lengths of windows."""
    outbox: OutboxTable = OutboxTable()
    """Bounds of the outbox."""
    state: StateTable = StateTable()
    """Where state is kept."""
