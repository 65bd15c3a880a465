"""The plan: what a plant file means, resolved once at load, in canonical units and nanoseconds.

Canonical units of a stream's quantity: `t` (mass), `m3` (volume), `MW.h` (energy). A point's value
v in its own unit becomes `v * factor + offset` in the canonical unit of the meter input it feeds:
rates in quantity per second (`t/s`, `m3/s`, `MW.h/s`), totals in the quantity, temperatures in
`Cel`, flows of a heat meter in `m3/s` or `kg/s`. A meter of volume in a stream of mass, or the
other way round, measures in its point's quantity, which `exchange` turns into the stream's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from adapters.adapter import Source
from config.course import Course
from config.medium_plan import WATER, Medium, Properties
from config.metrics_plan import MetricsPlan
from config.partner_plan import PartnerPlan

Kind = Literal["material", "heat", "water", "gas"]
MeterKind = Literal["rate", "total", "batch", "heat", "stock"]
Unit = Literal["t", "m3", "MW.h"]
Share = Literal["off", "band", "cluster", "partner"]
SHARES: tuple[Share, ...] = ("off", "band", "cluster", "partner")
"""How far a stream may go; each includes those before it."""
Direction = Literal["surplus", "need"]
Basis = Literal["wet", "dry"]
RECORDED = "replay"
"""The protocol whose readings have their own present: the newest one's time."""
BANDS: tuple[tuple[float, str], ...] = (
    (40.0, "<40"),
    (60.0, "40-60"),
    (90.0, "60-90"),
    (120.0, "90-120"),
    (200.0, "120-200"),
    (float("inf"), ">200"),
)
"""Temperature bands of heat: the upper limit in degrees Celsius of the supply, and the name."""


@dataclass(frozen=True, slots=True)
class InputPlan:
    """One point as an input of a meter; `role` is the meter's name for it."""

    role: str
    source: str
    point: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class MeterPlan:
    """A meter: its kind, its inputs by role, and its settings in canonical units.

    Roles: rate → `rate`; total → `total`, and `check`, its rate; batch → `weight` with `ticket`
    (and `void`) or `stable`, and `tare` of a gross weight; heat → `flow`, `supply`, and `return`
    unless there is a `reference`, and what else tells the medium's state: `pressure` (MPa),
    `humidity` (a share, or Cel of the dew point); stock → `level`; any may add status points: their
    roles, `status` or that and the point's name, are the keys of `gates`, with the good values.
    Durations in nanoseconds. `modulus` and `max_rate` are in the measured quantity's unit (per
    second), and so is `empty`, the weight at or below which a scale is empty. `exchange` is what a
    unit of the measured quantity, `measures`, is in the stream's unit; None where they are one.
    `moisture` is the share of water in a mass. `remember` counts ticket numbers.
    `reference` is in Cel. `modulus` and `max_rate` of a heat meter whose flow is a totaliser are in
    m3 or kg. `tolerance` of the check is a share; `uncertainty`, that of the
    quantity (k = 2), too. `properties` of the medium are sampled when the agent starts.
    """

    kind: MeterKind
    inputs: Mapping[str, InputPlan]
    max_gap: int
    hold: bool = False
    modulus: float | None = None
    max_rate: float | None = None
    gates: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    flow_is_mass: bool = False
    flow_sensor: Literal["supply", "return"] | None = None
    pressure_mpa: float = 1.6
    dt_min: float = 3.0
    empty: float = 0.0
    remember: int = 100
    flow_is_total: bool = False
    reference: float | None = None
    tolerance: float = 0.05
    uncertainty: float | None = None
    medium: Medium = WATER
    properties: Properties = field(default_factory=dict)
    measures: Unit | None = None
    exchange: Course[float] | None = None
    moisture: Course[float] | None = None


@dataclass(frozen=True, slots=True)
class Composition:
    """What a stream is made of: shares, from 0 to 1, of its wet or its dry mass by component."""

    of: Basis
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Classification:
    """What a stream is, by law and in figures: a change of any of it begins a new series."""

    code: str | None
    status: str | None
    treatment: str | None
    ns9431: str | None
    direction: Direction
    basis: Basis = "wet"


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One side stream: what it is, how it is measured and how far it may go."""

    name: str
    kind: Kind
    unit: Unit
    meter: MeterPlan
    code: str | None = None
    status: str | None = None
    treatment: str | None = None
    direction: Direction = "surplus"
    share: Share = "off"
    never_publish: bool = False
    code_digits: int = 6
    significant: int = 3
    coverage_floor: float = 0.5
    min_tickets: int = 3
    ns9431: str | None = None
    firm: float | None = None
    """Firm level in the quantity's unit per second."""
    basis: Basis = "wet"
    """Which mass figures and reports count; totals hold both."""
    composition: Course[Composition] | None = None
    analysis_age: int | None = None
    """Nanoseconds after which an analysis is told to be old."""
    series: Course[Classification] | None = None
    """What it was and is, where the plant file declares a change."""


@dataclass(frozen=True, slots=True)
class WindowPlan:
    """Lengths in nanoseconds: measurement window, release window, grace, jitter, checkpoint.

    `require_clock_sync`: nothing is measured before the clock was synchronised.
    """

    measure: int
    release: int
    grace: int
    jitter: int
    checkpoint: int
    require_clock_sync: bool = True


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """Paths of the CA, and of the client's certificate and key, where set."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """How to reach a broker; the password's file, where there is one, is read for each link."""

    host: str
    port: int
    tls: TlsPlan | None
    version: Literal["5", "3.1.1"] = "5"
    username: str | None = None
    password: str | None = None
    client_id: str | None = None
    keepalive: int = 30
    password_file: str | None = None


@dataclass(frozen=True, slots=True)
class UplinkPlan:
    """The plant's hub: cluster, broker, the hub's public key, and how records are sent."""

    cluster: str
    broker: BrokerPlan
    hub_key: str
    receipts: bool = True
    backlog_rate: float = 20.0
    record_size: int = 4096
    detail_size: int = 8192
    """Bytes that messages to partners are padded to."""
    renew: int = 60
    """Days before its end from which the agent asks for a new client certificate; 0: never."""


@dataclass(frozen=True, slots=True)
class OutboxPlan:
    """Bounds of the outbox: the oldest records go first past either; bytes kept in reserve."""

    max_age: int
    max_bytes: int
    reserve: int = 0


@dataclass(frozen=True, slots=True)
class CodeList:
    """The waste codes a plant goes by: the file's name, its version and the title of each code."""

    file: str
    version: str
    titles: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlantPlan:
    """Everything the agent needs, resolved."""

    name: str
    owner: str
    timezone: str
    state_dir: str
    runtime_dir: str
    sources: tuple[Source, ...]
    streams: tuple[StreamPlan, ...]
    windows: WindowPlan
    outbox: OutboxPlan
    uplink: UplinkPlan | None
    codes: CodeList | None = None
    metrics: MetricsPlan = field(default_factory=MetricsPlan)
    never_codes: tuple[str, ...] = ()
    """Beginnings of material codes that are never published."""
    partners: tuple[PartnerPlan, ...] = ()
    """Contracts under which detail leaves."""

    def partners_of(self, stream: str) -> tuple[str, ...]:
        """Name the partners whose contract names a stream."""
        return tuple(one.name for one in self.partners if stream in one.streams)


def classification(stream: StreamPlan) -> Classification:
    """Give what a stream is."""
    return Classification(
        stream.code, stream.status, stream.treatment, stream.ns9431, stream.direction, stream.basis
    )
