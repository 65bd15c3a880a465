"""The hub's plan: what a hub file means, resolved once at load; durations in nanoseconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from config.metrics_plan import MetricsPlan
from config.plan import BrokerPlan, Kind

Calendar = Literal["15min", "hour", "day", "week", "month"] | int
"""Windows cells are decided for: a name, or a length in nanoseconds that divides a day. All are
in UTC; a week starts on Monday."""

Order = Literal["search", "fixed"]
"""How a partition is chosen: pooling in a fixed order, and whether a search betters it."""


@dataclass(frozen=True, slots=True)
class Member:
    """One plant of the cluster: `key_text` is what `sidestream key` prints (`ssplant1_…`).

    Sites of one `owner` count as one contributor. `place` is a path from coarse to fine, such as
    `ora/north`. An owner `waives` when it lets cells be released in which it alone is visible.
    It counts in the released cells of quarters from `since` to before `until`, each `""` where
    there is no such bound. `former` are keys it has replaced, each with the instant up to which
    windows may begin that it still signs for.
    """

    name: str
    key_text: str
    owner: str
    place: str
    waives: bool = False
    since: str = ""
    until: str = ""
    former: tuple[tuple[str, int], ...] = ()

    def counts(self, period: str) -> bool:
        """Tell whether the plant is on the roster of a quarter."""
        return self.since <= period and (not self.until or period < self.until)


@dataclass(frozen=True, slots=True)
class Rules:
    """When a cell is safe: at least `k` owners, the p% rule, and (n, k %) dominance where set.

    With `q` below 100 the p% rule is the prior-posterior rule: everybody is taken to have known
    each contribution to within q percent before.
    `waived_below_k` lets a cell whose contributors have all waived have fewer than `k` owners.
    `guard_rest` holds what was withheld of a cell to the same rules, as a sum over its windows.
    `apart` is for sums over the members of several hubs: what is left of a sum without one hub's
    members must be safe from that hub too, which knows each of their figures.
    """

    k: int = 3
    p: float = 10.0
    dominance: tuple[int, float] | None = None
    waived_below_k: bool = False
    q: float = 100.0
    apart: bool = False
    guard_rest: bool = True


@dataclass(frozen=True, slots=True)
class StorePlan:
    """Where released cells go.

    `path` is for sqlite; `url`, `org`, `bucket` and `token_file` for influxdb, which
    is InfluxDB 2 or 3, or VictoriaMetrics: they speak the same write API.
    """

    kind: Literal["sqlite", "influxdb"] = "sqlite"
    path: str | None = None
    url: str | None = None
    org: str = ""
    bucket: str = "sidestream"
    token_file: str | None = None
    measurement: str = "sidestream_cell"
    timeout: int = 10_000_000_000


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Bounds on what others send.

    `batch` is messages a commit; `rate` messages a second that a member may send, `burst` how many
    at once; `daily_records` and `daily_bytes` what is stored of a member in a day (UTC).
    `quarantine_rows` is kept in all, `quarantine_each` of one sender, `quarantine_bytes` of one
    payload, `quarantine_age` for how long. `future` is how far ahead of the hub's clock a window
    may end, `oldest` how old its start may be.
    """

    batch: int = 200
    rate: float = 100.0
    burst: int = 2000
    daily_records: int = 20_000
    daily_bytes: int = 64_000_000
    quarantine_rows: int = 1000
    quarantine_each: int = 100
    quarantine_bytes: int = 4096
    quarantine_age: int = 90 * 86_400_000_000_000
    future: int = 300_000_000_000
    oldest: int = 400 * 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """What the cluster's broker is made to be; paths are on the broker's own computer.

    `account` is the hub's, `readers` those that read cells, `partners` the fingerprints of
    partners, which are their accounts; a member's account is its key's fingerprint. `url` is
    where plants reach the broker. On this computer are `ca_key`, the authority's private key,
    `output`, the folder that admissions write the files to, and `reload`, the command that makes
    the broker read them.
    """

    clients: Literal["certificates", "passwords"] = "certificates"
    directory: str | None = None
    ca: str = "/etc/mosquitto/sidestream/ca.crt"
    certificate: str = "/etc/mosquitto/sidestream/broker.crt"
    key: str = "/etc/mosquitto/sidestream/broker.key"
    revoked: str | None = None
    passwords: str = "/etc/mosquitto/sidestream/passwords"
    persistence: str = "/var/lib/mosquitto"
    address: str | None = None
    port: int = 8883
    account: str = "hub"
    readers: tuple[str, ...] = ()
    partners: tuple[str, ...] = ()
    url: str = ""
    ca_key: str | None = None
    output: str | None = None
    reload: str | None = None


@dataclass(frozen=True, slots=True)
class FederationPlan:
    """How a hub pools what it withholds: where, and on what terms.

    `pool_key` is what `sidestream hub key` prints at the pool; `owners` gives the number in the
    companies' register by owner; without `own_cells` everything is pooled; `digits` are those of
    codes that own cells keep; `size` is that of a message in bytes; `leaves` the first quarter in
    which nothing is pooled.
    """

    name: str
    broker: BrokerPlan
    pool_key: str
    owner_key_file: str
    owners: Mapping[str, str] = field(default_factory=dict)
    own_cells: bool = True
    digits: int = 6
    size: int = 65_536
    leaves: str | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A hub that pools here: its cluster, and its public key (`sshub1_…`)."""

    cluster: str
    key_text: str


@dataclass(frozen=True, slots=True)
class HubPlan:
    """Everything the hub needs, resolved.

    `wait` is how long after a window's end records are awaited before its cells are decided;
    `noise` the scale of what is added to released quantities, in percent of the largest part;
    `record_size` is what invitations tell plants to pad records to.
    """

    cluster: str
    broker: BrokerPlan
    key_file: str
    state_dir: str
    runtime_dir: str
    members: tuple[Member, ...]
    calendars: Mapping[Kind, Calendar]
    wait: int
    store: StorePlan
    rules: Rules = Rules()
    order: Order = "search"
    limits: HubLimits = field(default_factory=HubLimits)
    files: BrokerFiles = field(default_factory=BrokerFiles)
    metrics: MetricsPlan = field(default_factory=MetricsPlan)
    noise: float | None = None
    record_size: int = 4096
    federation: FederationPlan | None = None
    peers: tuple[Peer, ...] = ()
