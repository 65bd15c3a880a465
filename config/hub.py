"""The hub file: its models, whose docstrings are its reference, and the plan it means."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from adapters.fields import Duration, FileName, Place, Settings, seconds
from config import toml
from config.federation import FederationTable, PeerTable, federation, peers
from config.hub_broker import BrokerFilesTable, broker_files
from config.hub_limits import LimitsTable, limits
from config.hub_plan import Calendar, HubPlan, Member, Rules, StorePlan
from config.locate import Findings, at, validated
from config.meters import NANOSECONDS
from config.metrics_tables import HubMetricsTable
from config.plan import Kind
from config.plant import whole
from config.secrets import resolved
from config.tables import BrokerTable, StateTable, broker, loopback, state, text_schema, unknown
from config.texts import Name

_PLANT_KEY = re.compile(r"ssplant1_[A-Za-z0-9_-]{43}")
_PLACE = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)*")
_CALENDARS = ("15min", "hour", "day", "week", "month")
_DAY = 86_400.0
_NEUTRAL = "run the pool as a hub of its own: it must see no member, and not be able to name one"


def _plant_key(text: str) -> str:
    if not _PLANT_KEY.fullmatch(text):
        raise ValueError("the plant's public key, ssplant1_…, as `sidestream key` prints it")
    return text


def place_path(text: str) -> str:
    """Check a place; raises ValueError saying what is accepted."""
    if not _PLACE.fullmatch(text) or "all" in text.split("/"):
        raise ValueError(
            'a path from coarse to fine, "ora/north": lower case, digits and hyphens, never "all"'
        )
    return text


def _calendar(text: str) -> str:
    if text in _CALENDARS:
        return text
    try:
        length = seconds(text)
    except ValueError:
        length = 0.0
    if length < 1 or not whole(_DAY, length):
        named = ", ".join(f'"{name}"' for name in _CALENDARS)
        raise ValueError(f'{named}, or a length that divides a day, such as "2 h"')
    return text


def _store_url(text: str) -> str:
    try:
        url = urlsplit(text)
        fits = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in text:
        raise ValueError("http://host:port or https://host, without user or password")
    return text


def _hub_sees(text: str) -> str:
    if text == "sums":
        raise ValueError(
            '"figures": hubs that see sums alone need agents that mask, of a later version'
        )
    if text != "figures":
        raise ValueError('"figures"')
    return text


CalendarName = Annotated[
    str,
    AfterValidator(_calendar),
    text_schema(
        "window", r"^(15min|hour|day|week|month|\s*\d+(\.\d+)?\s*(s|min|h|d)\s*)$", "week", "2 h"
    ),
]


class HubServiceTable(BrokerTable):
    """The hub itself."""

    key_file: FileName
    """File of the hub's private key, mode 0600, or `"credential:NAME"`."""
    record_size: Literal[1024, 2048, 4096, 8192, 16384, 32768, 65536] = 4096
    """Bytes that the cluster's plants pad records to; invitations say so."""
    hub_sees: Annotated[str, AfterValidator(_hub_sees), text_schema("sees", "^figures$")] = (
        "figures"
    )
    """What the hub can read: `"figures"`, each of its members' own. `"sums"` is reserved for hubs
    that see masked figures alone, and refused by this version."""


class DominanceTable(Settings):
    """The (n, k) rule: a cell is unsafe when its largest owners hold too much of it."""

    owners: int = Field(ge=1, le=100)
    """How many of the largest owners are taken together."""
    percent: float = Field(gt=0, lt=100)
    """Most they may hold of the cell's quantity, in percent."""


class CalendarTable(Settings):
    """Windows cells are decided for, by kind, in UTC; a week starts on Monday."""

    material: CalendarName = "week"
    """Materials."""
    heat: CalendarName = "hour"
    """Heat."""
    water: CalendarName = "day"
    """Water."""
    gas: CalendarName = "day"
    """Gas."""


class ReleaseTable(Settings):
    """When a cell is safe, and when it is decided."""

    k: int = Field(default=3, ge=2, le=100)
    """Owners that must contribute to a cell; a zero does not count."""
    p: float = Field(default=10.0, ge=0, le=100)
    """The p% rule: without its two largest owners a cell must hold p percent of the largest."""
    q: float = Field(default=100.0, gt=0, le=100)
    """The prior-posterior rule: how near, in percent, others are taken to know each contribution
    before. 100 leaves the p% rule; lower is stricter, and never below `p`."""
    dominance: DominanceTable | None = None
    """The (n, k) rule, where the cluster wants it too."""
    waived_below_k: bool = False
    """Releases a cell of fewer than `k` owners when all of them have waived."""
    guard_rest: bool = True
    """After a withheld window of a cell withholds the next, too, until their sum is safe: else who
    knows the yearly tonnages of its plants finds it by taking away all that was released."""
    partition: Literal["search", "fixed"] = "search"
    """How cells are chosen: pooled in a fixed order, and bettered by a search or not."""
    noise: float | None = Field(default=None, gt=0, le=100)
    """Adds noise to released quantities, of this scale in percent of the largest contribution:
    drawn once for a cell and window, by the hub's key. A cell says that it has it."""
    wait: Duration = 7200.0
    """How long after a window's end its records are awaited."""
    calendars: CalendarTable = CalendarTable()
    """Windows cells are decided for, by kind."""

    @model_validator(mode="after")
    def _knows_less_before(self) -> "ReleaseTable":
        if self.q < self.p:
            raise at("q", f"at least p, {self.p:g}: nobody may be taken to know that much before")
        return self


class MemberTable(Settings):
    """A plant of the cluster: `[[members]]`."""

    name: Name
    """The plant's name, for the hub's own screens."""
    key: Annotated[str, AfterValidator(_plant_key), text_schema("key", f"^{_PLANT_KEY.pattern}$")]
    """The plant's public key, `ssplant1_…`."""
    owner: Name
    """The company. Sites of one owner count as one contributor."""
    place: Annotated[
        str, AfterValidator(place_path), text_schema("path", f"^{_PLACE.pattern}$", "ora/north")
    ]
    """Where it is, from coarse to fine: `"ora/north"`."""
    waives: bool = False
    """The owner lets cells be released in which it alone is visible."""


class StoreTable(Settings):
    """Where released cells go."""

    kind: Literal["sqlite", "influxdb"] = "sqlite"
    """A file of the hub's own, or InfluxDB 2 or 3 or VictoriaMetrics by the InfluxDB write API."""
    path: FileName | None = None
    """The file of `sqlite`; else one in the state folder."""
    url: Annotated[str, AfterValidator(_store_url)] | None = None
    """URL of `influxdb`. With a token it must be `https://`, save on this computer itself."""
    org: str = ""
    """Organisation, for InfluxDB."""
    bucket: str = Field(default="sidestream", min_length=1)
    """Bucket or database, for InfluxDB."""
    token_file: FileName | None = None
    """File with the token alone in it, mode 0600, or `"credential:NAME"`; read for each batch."""
    measurement: str = Field(default="sidestream_cell", pattern=r"^[A-Za-z0-9_]+$")
    """Measurement the cells are written as."""
    timeout: Duration = 10.0
    """How long to wait for the store."""

    @model_validator(mode="after")
    def _fits_kind(self) -> "StoreTable":
        influx = self.kind == "influxdb"
        if influx and self.url is None:
            raise at("url", 'the store\'s URL, such as "http://localhost:8086"')
        only = ("path",) if influx else ("url", "token_file")
        for name in only:
            if getattr(self, name) is not None:
                raise at(name, f'nothing, as `kind = "{self.kind}"` has none')
        url = urlsplit(self.url or "")
        if self.token_file and url.scheme == "http" and not loopback(url.hostname or ""):
            raise at("url", "https://, so that nobody overhears the token")
        return self


class HubFile(Settings):
    """A hub file: one cluster, its members and its rules."""

    hub: HubServiceTable
    """The hub itself."""
    release: ReleaseTable = ReleaseTable()
    """When a cell is safe, and when it is decided."""
    members: tuple[MemberTable, ...] = ()
    """The plants of the cluster."""
    federation: FederationTable | None = None
    """Pooling with other hubs, where this one does."""
    peers: tuple[PeerTable, ...] = ()
    """The hubs that pool here, where this hub is a pool."""
    store: StoreTable = StoreTable()
    """Where released cells go."""
    limits: LimitsTable = LimitsTable()
    """What the hub takes of what others send."""
    broker: BrokerFilesTable = BrokerFilesTable()
    """The cluster's broker, as `sidestream hub broker-config` writes it."""
    state: StateTable = StateTable()
    """Where state is kept."""
    metrics: HubMetricsTable = HubMetricsTable()
    """Metrics in Prometheus' text format."""


def load_hub(path: Path, env: Mapping[str, str]) -> HubPlan:
    """Read a hub file; raises `ConfigError` naming every problem with its line.

    `env` gives the values of `${NAME}`, systemd's folders and its credentials.
    """
    findings = Findings(toml.read(path))
    place = Place(path.parent.resolve(), env)
    data = resolved(findings.document.data, env, findings)
    tables = {name: _table(name, data, findings, place) for name in HubFile.model_fields}
    unknown(HubFile, data, findings)
    members = _members(data.get("members", []), findings, place)
    pooled = tables["federation"] and federation(tables["federation"], findings)
    pooling = peers(data.get("peers", []), findings, place)
    if pooling and (members or pooled):
        findings.add(
            ("peers",), "a pool with members, or with a pool", "one or the other", _NEUTRAL
        )
    hub = tables["hub"]
    reached = broker(hub, ("hub",), findings) if hub else None
    findings.settle()
    if reached is None:
        raise AssertionError  # a missing [hub] has been noted, so settle has raised
    release: ReleaseTable = tables["release"]
    directory, runtime = state(tables["state"], str(place.base), env, "sidestream-hub")
    return HubPlan(
        cluster=hub.cluster,
        broker=reached,
        key_file=hub.key_file,
        state_dir=directory,
        runtime_dir=runtime,
        members=members,
        calendars=_calendars(release.calendars),
        wait=round(release.wait * NANOSECONDS),
        store=_store(tables["store"]),
        rules=_rules(release),
        limits=limits(tables["limits"]),
        order=release.partition,
        files=broker_files(tables["broker"], reached),
        metrics=tables["metrics"].plan(),
        noise=release.noise,
        record_size=hub.record_size,
        federation=pooled,
        peers=pooling,
    )


def _table(name: str, data: dict[str, Any], findings: Findings, place: Place) -> Any:
    if name in ("members", "peers") or (name == "federation" and name not in data):
        return None
    info = HubFile.model_fields[name]
    if name not in data and info.is_required():
        findings.add((name,), "missing", f"a table [{name}]")
        return None
    model: Any = FederationTable if name == "federation" else info.annotation
    return validated(model, data.get(name, {}), (name,), findings, place)


def _members(tables: Any, findings: Findings, place: Place) -> tuple[Member, ...]:
    if not isinstance(tables, list):
        findings.add(("members",), "one table", "[[members]], with two brackets")
        return ()
    members: list[Member] = []
    for position, table in enumerate(tables):
        found = validated(MemberTable, table, ("members", position), findings, place)
        if found is not None:
            member = Member(found.name, found.key, found.owner, found.place, found.waives)
            _distinct(member, members, ("members", position), findings)
            members.append(member)
    return tuple(members)


def _distinct(member: Member, before: list[Member], key: toml.Key, findings: Findings) -> None:
    if any(other.name == member.name for other in before):
        findings.add((*key, "name"), f'"{member.name}" a second time', "a name of its own")
    if any(other.key_text == member.key_text for other in before):
        findings.add((*key, "key"), "a key given before", "the plant's own key")


def _calendars(table: CalendarTable) -> dict[Kind, Calendar]:
    kinds: tuple[Kind, ...] = ("material", "heat", "water", "gas")
    return {kind: _window(getattr(table, kind)) for kind in kinds}


def _window(text: Any) -> Calendar:
    return text if text in _CALENDARS else round(seconds(text) * NANOSECONDS)


def _rules(table: ReleaseTable) -> Rules:
    limit = table.dominance
    dominance = (limit.owners, limit.percent) if limit else None
    return Rules(
        table.k, table.p, dominance, table.waived_below_k, table.q, guard_rest=table.guard_rest
    )


def _store(table: StoreTable) -> StorePlan:
    return StorePlan(
        kind=table.kind,
        path=table.path,
        url=table.url,
        org=table.org,
        bucket=table.bucket,
        token_file=table.token_file,
        measurement=table.measurement,
        timeout=round(table.timeout * NANOSECONDS),
    )
