"""Resolve the classifications of a stream: what it is, and what it was until which day."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

from config.course import Course
from config.days import midnight
from config.locate import Findings
from config.plan import Classification
from config.series_tables import BeforeTable
from config.toml import Key

_FIELDS = ("status", "treatment", "ns9431", "direction", "basis")


def series(
    now: Classification,
    before: Sequence[BeforeTable],
    at: Key,
    zone: ZoneInfo,
    findings: Findings,
) -> Course[Classification] | None:
    """Give a stream's classifications by their instants; None when none was declared, or soundly.

    Tables come in the order of their days; each says how it differed from what came after.
    """
    for number, (one, after) in enumerate(pairwise(before), start=1):
        if after.until <= one.until:
            accepted = f'a day after "{one.until}"'
            findings.add((*at, number, "until"), f'"{after.until}"', accepted)
            return None
    found = [now]
    for number, table in reversed(list(enumerate(before))):
        former = _former(found[0], table)
        if former == found[0]:
            findings.add(
                (*at, number), "nothing that was different", ", ".join(("material", *_FIELDS))
            )
            return None
        found.insert(0, former)
    edges = (midnight(date.fromisoformat(one.until), zone) for one in before)
    return Course((0, *edges), tuple(found)) if before else None


def _former(after: Classification, table: BeforeTable) -> Classification:
    given = {name: getattr(table, name) for name in _FIELDS if getattr(table, name) is not None}
    return replace(after, **given, code=table.material or after.code)
