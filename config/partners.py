"""Resolve the partners of a plant file, and note what contradicts the rest of it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from adapters.fields import Place
from config.days import midnight
from config.errors import meant
from config.locate import Findings, validated
from config.partner_plan import PartnerPlan
from config.partner_tables import PartnerTable
from config.plan import StreamPlan, WindowPlan
from config.sizes import fitting, largest_detail
from config.toml import Key

_NANOSECONDS = 1_000_000_000


def partners(
    tables: Any, zone: ZoneInfo, windows: WindowPlan, findings: Findings, place: Place
) -> list[PartnerPlan]:
    """Resolve `[[partners]]`, each by itself; what is wrong is noted and left out."""
    if not isinstance(tables, list):
        findings.add(("partners",), "one table", "[[partners]], with two brackets")
        return []
    found: list[PartnerPlan] = []
    for position, table in enumerate(tables):
        at = ("partners", position)
        read = validated(PartnerTable, table, at, findings, place)
        if read is not None:
            _distinct(read, found, at, findings)
            found.append(_plan(read, zone, windows, at, findings))
    return found


def _plan(
    table: PartnerTable, zone: ZoneInfo, windows: WindowPlan, at: Key, findings: Findings
) -> PartnerPlan:
    window = windows.measure if table.window is None else round(table.window * _NANOSECONDS)
    if window % windows.measure or windows.release % window:
        accepted = "a whole number of `measure` windows that makes up a `release` window"
        findings.add((*at, "window"), f"{window / _NANOSECONDS:g} s", accepted)
    labels = list(table.streams.values())
    for stream, label in table.streams.items():
        if labels.count(label) > 1:
            findings.add((*at, "streams", stream), f'"{label}" twice', "a name for each stream")
    until = midnight(date.fromisoformat(table.until), zone)
    return PartnerPlan(table.name, table.key, table.contract, dict(table.streams), until, window)


def _distinct(
    one: PartnerTable, before: Sequence[PartnerPlan], at: Key, findings: Findings
) -> None:
    for other in before:
        if other.name == one.name:
            findings.add((*at, "name"), f'"{one.name}" a second time', "a name of its own")
        if (other.key, other.contract) == (one.key, one.contract):
            accepted = "one table for each contract with a partner"
            findings.add((*at, "contract"), f'"{one.contract}" a second time', accepted)


def check_partners(
    found: Sequence[PartnerPlan],
    streams: Sequence[StreamPlan],
    named: Mapping[str, Any],
    size: int,
    windows: WindowPlan,
    findings: Findings,
) -> None:
    """Note what the streams contradict: consent is given twice, by stream and by partner.

    `named` are all streams of the file, also those that could not be read; `size` is what a detail
    is padded to.
    """
    known = {stream.name: stream for stream in streams}
    for position, partner in enumerate(found):
        at = ("partners", position)
        for name in partner.streams:
            if name not in named:
                accepted = ", ".join(named) or "a stream of this file"
                where = (*at, "streams", name)
                findings.add(where, f'no stream "{name}"', accepted, meant(name, list(named)))
            elif name in known:
                _check_stream(known[name], (*at, "streams", name), findings)
        _check_size(partner, known, size, windows, at, findings)


def _check_stream(stream: StreamPlan, at: Key, findings: Findings) -> None:
    if stream.never_publish:
        hint = f"take it out here, or never_publish out of [streams.{stream.name}]"
        findings.add(at, "a stream with never_publish = true", "a stream that may leave", hint)
    elif stream.share != "partner":
        hint = f'its people consent with share = "partner" in [streams.{stream.name}]'
        found = f'a stream with share = "{stream.share}"'
        findings.add(at, found, 'a stream with share = "partner"', hint)


def _check_size(
    partner: PartnerPlan,
    known: Mapping[str, StreamPlan],
    size: int,
    windows: WindowPlan,
    at: Key,
    findings: Findings,
) -> None:
    """Note a size that a detail of these streams could outgrow: its size would tell."""
    own = [(known[name], label) for name, label in partner.streams.items() if name in known]
    if windows.release % partner.window:
        return  # noted already
    needed = largest_detail(partner.contract, own, windows.release // partner.window)
    if needed > size:
        fits = fitting(needed)
        hint = "or give it a longer `window`, or fewer streams"
        wanted = "less detail" if fits is None else f"[disclosure] detail_size = {fits}"
        found = f"detail that may take {needed} bytes, and detail_size is {size}"
        findings.add((*at, "streams"), found, wanted, hint)
