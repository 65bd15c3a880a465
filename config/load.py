"""Load a plant file: everything wrong with it at once, or the plan it means."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from adapters.adapter import Source, adapter, installed, protocols
from adapters.errors import SidestreamError
from adapters.fields import Place
from config import toml
from config.attributes import Made, made
from config.codes import likely, read_codes, siblings
from config.disclosure import DisclosureTable, never_codes
from config.errors import ConfigError, meant, shown
from config.heat import MeterResolver
from config.locate import Findings, validated
from config.meters import NANOSECONDS, Plant
from config.metrics_tables import PlantMetricsTable
from config.partner_plan import PartnerPlan
from config.partners import check_partners, partners
from config.plan import (
    RECORDED,
    CodeList,
    MeterPlan,
    OutboxPlan,
    PlantPlan,
    StreamPlan,
    Unit,
    UplinkPlan,
    WindowPlan,
    classification,
)
from config.plant import (
    CodesTable,
    HubTable,
    OutboxTable,
    PlantFile,
    PlantTable,
    StreamTable,
    WindowsTable,
)
from config.secrets import resolved
from config.series import series
from config.sizes import fitting, largest
from config.sources import Lacking, SourceTable
from config.tables import StateTable, broker, state, unknown
from config.texts import size
from config.toml import Key
from config.units import Units

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAMES = 'letters, digits, "_" and "-", at most 64'


def load_plant(path: Path, env: Mapping[str, str]) -> PlantPlan:
    """Read a plant file; raises `ConfigError` naming every problem with its line.

    `env` gives the values of `${NAME}`, systemd's folders and its credentials.
    """
    return planned(toml.read(path), path, env)


def planned(document: toml.Document, path: Path, env: Mapping[str, str]) -> PlantPlan:
    """Make the plan of a document that stands, or would stand, at a path; raises `ConfigError`."""
    findings = Findings(document)
    place = Place(path.parent.resolve(), env)
    loader = _Loader(resolved(findings.document.data, env, findings), place, findings)
    return loader.plan()


class _Loader:
    """Validates table by table, so that a mistake in one does not hide those in another."""

    def __init__(self, data: dict[str, Any], place: Place, findings: Findings) -> None:
        self.data = data
        self.place = place
        self.findings = findings
        self.codes: CodeList | None = None
        self.lacking: dict[str, Lacking] = {}

    def plan(self) -> PlantPlan:
        unknown(PlantFile, self.data, self.findings)
        plant = self.table("plant", PlantTable)
        windows = self.table("windows", WindowsTable)
        outbox = self.table("outbox", OutboxTable)
        folders = self.table("state", StateTable)
        metrics: PlantMetricsTable | None = self.table("metrics", PlantMetricsTable)
        disclosure: DisclosureTable | None = self.table("disclosure", DisclosureTable)
        uplink = self._uplink(disclosure)
        self.codes = self._codes()
        sources = self._sources()
        self._one_time(sources)
        zone = ZoneInfo(plant.timezone if plant else "UTC")
        streams = self._streams(sources, zone)
        if uplink is not None:
            self._check_size(uplink, streams)
        contracts = self._partners(uplink, streams, zone, windows)
        self.findings.settle()
        if plant is None or windows is None or outbox is None or folders is None:
            raise AssertionError  # each None has been noted, so settle has raised
        directory, runtime = state(folders, str(self.place.base), self.place.env, "sidestream")
        return PlantPlan(
            name=plant.name,
            owner=plant.owner,
            timezone=plant.timezone,
            state_dir=directory,
            runtime_dir=runtime,
            sources=tuple(sources.sources.values()),
            streams=tuple(streams),
            windows=_windows(windows),
            outbox=OutboxPlan(
                nanoseconds(outbox.max_age), size(outbox.max_size), size(outbox.reserve)
            ),
            uplink=uplink,
            codes=self.codes,
            metrics=(metrics or PlantMetricsTable()).plan(),
            never_codes=never_codes(disclosure or DisclosureTable()),
            partners=tuple(contracts),
        )

    def table(self, name: str, model: type[Any]) -> Any:
        if name not in self.data and PlantFile.model_fields[name].is_required():
            self.findings.add((name,), "missing", f"a table [{name}]")
            return None
        return validated(model, self.data.get(name, {}), (name,), self.findings, self.place)

    def _uplink(self, disclosure: DisclosureTable | None) -> UplinkPlan | None:
        if "hub" not in self.data:
            return None
        table: HubTable | None = self.table("hub", HubTable)
        if table is None:
            return None
        return UplinkPlan(
            cluster=table.cluster,
            broker=broker(table, ("hub",), self.findings),
            hub_key=table.key,
            receipts=table.receipts,
            backlog_rate=table.backlog_rate,
            record_size=table.record_size,
            detail_size=(disclosure or DisclosureTable()).detail_size,
            renew=table.renew,
        )

    def _partners(
        self,
        uplink: UplinkPlan | None,
        streams: list[StreamPlan],
        zone: ZoneInfo,
        windows: WindowsTable | None,
    ) -> list[PartnerPlan]:
        if "partners" not in self.data or windows is None:
            return []
        lengths = _windows(windows)
        found = partners(self.data["partners"], zone, lengths, self.findings, self.place)
        if "hub" not in self.data:
            accepted = "a table [hub]: detail travels through the cluster's broker"
            self.findings.add(("partners",), "partners without a hub", accepted)
        if uplink is not None:
            size, named = uplink.detail_size, self._named("streams")
            check_partners(found, streams, named, size, lengths, self.findings)
        return found

    def _codes(self) -> CodeList | None:
        table: CodesTable | None = self.table("codes", CodesTable) if "codes" in self.data else None
        if table is None:
            return None
        try:
            return read_codes(Path(table.list))
        except ConfigError as error:
            self.findings.problems += error.problems
            return None

    def _check_code(self, stream: StreamTable, at: Key) -> None:
        """Note a code that the plant's list does not have."""
        code, known = stream.material, self.codes
        if code is None or known is None or code in known.titles:
            return
        found = f'"{code}", which {known.file} ({known.version}) does not have'
        hint = likely(code, known.titles)
        self.findings.add(at, found, siblings(code, known.titles), hint)

    def _check_size(self, uplink: UplinkPlan, streams: list[StreamPlan]) -> None:
        """Note a record size that a record of all streams could outgrow: its size would tell."""
        needed = largest(streams)
        if needed <= uplink.record_size:
            return
        found = f"{uplink.record_size}, and a record of these streams may take {needed} bytes"
        fits = fitting(needed)
        wanted = "fewer streams that share" if fits is None else f"record_size = {fits}"
        self.findings.add(("hub", "record_size"), found, wanted)

    def _one_time(self, plant: Plant) -> None:
        """Note recorded sources beside live ones: there is no one present for both."""
        recorded = [
            name for name, source in plant.sources.items() if source.settings.protocol == RECORDED
        ]
        if recorded and len(recorded) < len(plant.sources):
            hint = "put recorded sources into a plant file of their own"
            for name in recorded:
                at = ("sources", name, "protocol")
                self.findings.add(at, "recorded data beside live sources", "one or the other", hint)

    def _named(self, name: str) -> Mapping[str, Any]:
        """Give the tables below `[sources]` or `[streams]` that have a usable name."""
        tables = self.data.get(name, {})
        if not isinstance(tables, Mapping):
            self.findings.add((name,), shown(tables), f"tables [{name}.NAME]")
            return {}
        for each in tables:
            if not _NAME.fullmatch(each):
                self.findings.add((name, each), f"the name {shown(each)}", _NAMES)
        return tables

    def _sources(self) -> Plant:
        if "sources" not in self.data:
            self.findings.add(("sources",), "missing", "a table [sources.NAME] for each device")
        tables = self._named("sources")
        found = {name: self._source(name, table) for name, table in tables.items()}
        return Plant(
            {name: source for name, source in found.items() if source is not None},
            frozenset(name for name, source in found.items() if source is None),
            self.lacking,
        )

    def _source(self, name: str, table: Any) -> Source | None:
        at = ("sources", name)
        if not isinstance(table, Mapping):
            self.findings.add(at, shown(table), "a table of the source's settings")
            return None
        model = self._model(table.get("protocol"), name)
        if model is None:
            return None
        source = SourceTable(model, table, at, self.findings, self.place)
        settings = source.settings()
        self.lacking[name] = source.lacking
        return None if settings is None else Source(name, settings)

    def _model(self, protocol: Any, name: str) -> type[Any] | None:
        if not installed(protocol):
            found, there_are = "missing" if protocol is None else shown(protocol), protocols()
            hint = meant(protocol, there_are) if isinstance(protocol, str) else ""
            at = ("sources", name, "protocol")
            self.findings.add(at, found, ", ".join(there_are), hint)
            return None
        try:
            return adapter(protocol).settings
        except (SidestreamError, ImportError, AttributeError) as error:
            found = f"a protocol whose adapter cannot be loaded ({error})"
            hint = f"reinstall the package that brings {protocol}"
            self.findings.add(("sources", name, "protocol"), found, hint=hint)
            return None

    def _streams(self, plant: Plant, zone: ZoneInfo) -> list[StreamPlan]:
        resolver = MeterResolver(plant, Units(), self.findings, zone)
        plans = []
        for name, table in self._named("streams").items():
            at = ("streams", name)
            stream = validated(StreamTable, table, at, self.findings, self.place)
            meter = resolver.meter(stream, (*at, "meter")) if stream else None
            if stream:
                self._check_code(stream, (*at, "material"))
            if stream and meter:
                firm = resolver.firm(stream, meter[0], (*at, "firm"))
                mass = made(stream, meter[0], at, zone, self.findings)
                plan = _stream(name, stream, *meter, firm, mass)
                where = (*at, "before")
                told = series(classification(plan), stream.before, where, zone, self.findings)
                plans.append(replace(plan, series=told))
        return plans


def _stream(
    name: str, table: StreamTable, unit: Unit, meter: MeterPlan, firm: float | None, mass: Made
) -> StreamPlan:
    return StreamPlan(
        name=name,
        kind=table.kind,
        unit=unit,
        meter=replace(meter, moisture=mass.moisture),
        code=table.material,
        status=table.status,
        treatment=table.treatment,
        direction=table.direction,
        share=table.share,
        never_publish=table.never_publish,
        code_digits=table.code_digits,
        significant=table.significant,
        coverage_floor=table.coverage_floor,
        min_tickets=table.min_tickets,
        ns9431=table.ns9431,
        firm=firm,
        basis=table.basis,
        composition=mass.composition,
        analysis_age=None if table.analysis_age is None else nanoseconds(table.analysis_age),
    )


def _windows(table: WindowsTable) -> WindowPlan:
    return WindowPlan(
        measure=nanoseconds(table.measure),
        release=nanoseconds(table.release),
        grace=nanoseconds(table.grace),
        jitter=nanoseconds(min(table.jitter, table.release)),
        checkpoint=nanoseconds(table.checkpoint),
        require_clock_sync=table.require_clock_sync,
    )


def nanoseconds(seconds: float) -> int:
    """Turn seconds into nanoseconds."""
    return round(seconds * NANOSECONDS)
