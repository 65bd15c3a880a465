"""The plant file as people write it: one model a table, whose docstrings are its reference."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    Field,
    SerializeAsAny,
    WithJsonSchema,
    model_validator,
)

from adapters.fields import Duration, FileName, Settings
from adapters.settings import SourceSettings
from config.attribute_tables import Makeup, Moisture
from config.disclosure import DisclosureTable
from config.locate import at
from config.meter_tables import BatchMeter, HeatMeter, Meter, StockMeter
from config.metrics_tables import PlantMetricsTable
from config.partner_tables import PartnerTable
from config.series_tables import BeforeTable
from config.tables import BrokerTable, StateTable
from config.texts import (
    Amount,
    Code,
    HubKey,
    Name,
    Ns9431,
    Size,
    Timezone,
    Treatment,
)

_DAY = 86_400.0


class PlantTable(Settings):
    """The plant itself. Nothing of this table leaves it."""

    name: Name
    """The plant's name, for its own screens."""
    owner: Name
    """The company. Sites of one owner count as one contributor."""
    timezone: Timezone = "UTC"
    """Time zone of screens and reports (`"Europe/Oslo"`); windows are always in UTC."""


class HubTable(BrokerTable):
    """The cluster's hub. Without this table the plant measures and nothing is sent."""

    key: HubKey
    """The hub's public key, `sshub1_…`: records are sealed to it, receipts checked with it."""
    receipts: bool = True
    """Records are kept until the hub's signed receipt; `false` for a hub that gives none."""
    backlog_rate: float = Field(default=20.0, gt=0, le=10_000)
    """Records a second sent from a backlog, so that live ones are not delayed."""
    record_size: Literal[1024, 2048, 4096, 8192, 16384, 32768, 65536] = 4096
    """Bytes that every record is padded to, so that its size says nothing. Loading refuses a size
    that a record could outgrow; a cluster should agree on one."""
    renew: int = Field(default=60, ge=0, le=365)
    """Days before the end of its client certificate from which the agent asks the hub for a new
    one, with a new key that never leaves the plant; `0`: `sidestream renew` alone does."""


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
    """What can be relied on, `"2 t/h"`: the report, and detail to a partner, say how often an hour
    had that much. Without it, the level that nine hours in ten reached."""
    moisture: Moisture | None = None
    """Share of water in the wet mass, `"12 %"`, or a list with the day each holds from. Totals then
    hold the dry mass too."""
    basis: Literal["wet", "dry"] = "wet"
    """Which mass counts in figures and reports: as it is, or without its water."""
    composition: Makeup | None = None
    """What it is made of, `{ of = "dry", shares = { CaO = "41 %" } }`, or a list with the day each
    holds from. For the plant's own reports; it leaves in detail to a partner alone."""
    analysis_age: Duration | None = None
    """How old the last dated density, moisture or composition may be, `"180 d"`, before
    `sidestream check` says so."""
    before: tuple[BeforeTable, ...] = Field(default=(), max_length=100)
    """What it was before a change of its classification, `[[streams.NAME.before]]`, the earliest
    first: totals then belong to the series of their time, and a step is marked."""
    direction: Literal["surplus", "need"] = "surplus"
    """Whether the plant has this to give or wants it."""
    meter: Meter
    """How it is measured: `{ total = … }`, `{ rate = … }`, `{ batch = …, ticket = … }`,
    `{ stock = … }` or `{ flow = …, supply = …, … }`."""
    share: Literal["off", "band", "cluster", "partner"] = "off"
    """How far it may go: nowhere; its order of magnitude (of a year, once a month), sealed to the
    hub; its figures too, sealed to the hub for cells in which nobody shows; or, beside all that,
    its detail, sealed to the partners whose `[[partners]]` table names it."""
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
            if any(set(one.model_fields_set) - {"until", "direction"} for one in self.before):
                raise at("before", "`direction` alone, as heat has no other classification")
        elif isinstance(self.meter, HeatMeter):
            raise at("kind", '"heat", for a meter of flow, supply and return')
        if self.basis == "dry" and self.moisture is None:
            raise at("moisture", "the share of water, without which there is no dry mass")
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
    """The lengths of windows, which are aligned to the day in UTC, and what they need."""

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
    require_clock_sync: bool = True
    """Measure nothing until this computer's clock was synchronised since the agent started; `false`
    where there is no time server. Recorded data needs none."""

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
    """Oldest record kept; counts only while the clock is synchronised."""
    max_size: Size = "200 MB"
    """Most that waiting records may take on disk; the log of changes beside takes 5 MB at most."""
    reserve: Size = "16 MB"
    """Room kept on the disk by a file that is given up when the disk is full."""


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
    disclosure: DisclosureTable = DisclosureTable()
    """What holds for all streams, whatever they say themselves."""
    streams: Mapping[str, StreamTable] = Field(default_factory=dict)
    """The side streams: `[streams.NAME]`."""
    partners: tuple[PartnerTable, ...] = Field(default=(), max_length=100)
    """Partners under contract, each with the streams it gets detail of: `[[partners]]`."""
    windows: WindowsTable = WindowsTable()
    """Lengths of windows."""
    outbox: OutboxTable = OutboxTable()
    """Bounds of the outbox."""
    state: StateTable = StateTable()
    """Where state is kept."""
    metrics: PlantMetricsTable = PlantMetricsTable()
    """Metrics in Prometheus' text format."""
