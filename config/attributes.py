"""Resolve slow attributes: days to instants in the plant's time zone, texts to numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from config.attribute_tables import CompositionTable, Dated, Density, Makeup, Moisture
from config.course import Course, always
from config.days import midnight
from config.locate import Findings
from config.plan import Composition, Unit
from config.plant import StreamTable
from config.texts import share
from config.toml import Key

Value = TypeVar("Value")


class Unsound(Exception):  # noqa: N818 - not an error of its own: its problem has been noted
    """Stops resolving one attribute, whose problem is noted."""


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of a stream's mass."""

    moisture: Course[float] | None = None
    composition: Course[Composition] | None = None


def made(stream: StreamTable, unit: Unit, at: Key, zone: ZoneInfo, findings: Findings) -> Made:
    """Resolve a stream's moisture and composition; what does not fit is noted and left out."""
    if unit != "t":
        for name in ("moisture", "composition"):
            if getattr(stream, name) is not None:
                findings.add((*at, name), f"a stream in {unit}", "a stream that counts a mass")
        return Made()
    water: Course[float] | None = None
    parts: Course[Composition] | None = None
    try:
        if stream.moisture is not None:
            water = moisture(stream.moisture, (*at, "moisture"), zone, findings)
        if stream.composition is not None:
            parts = composition(stream.composition, (*at, "composition"), zone, findings)
            _one_basis(stream, parts, (*at, "composition"), findings)
    except Unsound:
        return Made()
    return Made(water, parts)


def _one_basis(
    stream: StreamTable, parts: Course[Composition], at: Key, findings: Findings
) -> None:
    """Note shares of a mass that the stream's totals do not tell."""
    for number, each in enumerate(parts.values):
        where = (*at, number, "of") if isinstance(stream.composition, tuple) else (*at, "of")
        if each.of == "dry" and stream.moisture is None:
            findings.add(where, '"dry"', '"wet"', "or state the stream's `moisture`")
        elif each.of == "wet" and stream.basis == "dry":
            findings.add(where, '"wet"', '"dry"', 'as the stream counts with basis = "dry"')


def density(
    given: Density, at: Key, zone: ZoneInfo, findings: Findings, read: Callable[[str, Key], float]
) -> Course[float]:
    """Give the course of a density; `read` turns a text at a key into t/m3.

    Raises `Unsound`, or what `read` does, when a problem was noted.
    """
    return _course(given, at, zone, findings, lambda entry, where: read(_value(entry), where))


def moisture(given: Moisture, at: Key, zone: ZoneInfo, findings: Findings) -> Course[float]:
    """Give the course of a moisture, from 0 to below 1; raises `Unsound` when one was noted."""

    def read(entry: Any, where: Key) -> float:
        found = share(_value(entry))
        if found < 1:
            return found
        findings.add(where, f'"{_value(entry)}"', "a moisture below 100 %")
        raise Unsound

    return _course(given, at, zone, findings, read)


def composition(given: Makeup, at: Key, zone: ZoneInfo, findings: Findings) -> Course[Composition]:
    """Give the course of a composition; raises `Unsound` when a problem was noted."""
    return _course(given, at, zone, findings, lambda entry, _: _made_of(entry))


def _made_of(table: CompositionTable) -> Composition:
    return Composition(table.of, {name: share(text) for name, text in table.shares.items()})


def _value(entry: Any) -> str:
    return str(entry if isinstance(entry, str) else entry.value)


def _course(
    given: Any, at: Key, zone: ZoneInfo, findings: Findings, read: Callable[[Any, Key], Value]
) -> Course[Value]:
    if not isinstance(given, tuple):
        return always(read(given, at))
    since = _instants(given, at, zone, findings)
    values = [read(entry, (*at, number, "value")) for number, entry in enumerate(given)]
    return Course(since, tuple(values))


def _instants(
    entries: Sequence[Dated], at: Key, zone: ZoneInfo, findings: Findings
) -> tuple[int, ...]:
    days = [entry.from_ for entry in entries]
    for number, (before, day) in enumerate(pairwise(days), start=1):
        if day <= before:
            findings.add((*at, number, "from"), f'"{day}"', f'a day after "{before}"')
            raise Unsound
    return tuple(midnight(date.fromisoformat(day), zone) for day in days)
