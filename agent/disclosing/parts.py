"""What a record was merged of, stream by stream: kept in the plant, so that it can be made again.

A record that has never been sent is made again without a stream that was withdrawn meanwhile.
"""

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from agent.disclosing.figure import Figure, Part
from agent.disclosing.magnitude import Magnitudes, Ordered
from agent.disclosing.policy import Step

_ALONE = (
    "consent",
    "security-class",
    "generalise",
    "coarsen",
    "tickets",
    "annualise",
    "coverage",
)
"""Steps that each stream takes by itself."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a record's figures, and its orders of magnitude with the streams in each.

    `orders` is None in a record that tells none.
    """

    figures: tuple[Part, ...] = ()
    orders: tuple[tuple[Ordered, tuple[str, ...]], ...] | None = None

    @property
    def streams(self) -> frozenset[str]:
        """Name the streams that are in the record."""
        told = {name for _, names in self.orders or () for name in names}
        return frozenset({part.stream for part in self.figures} | told)

    def without(self, names: Container[str]) -> "Parts":
        """Leave streams out; an order of magnitude that one of them is in goes as a whole."""
        orders = self.orders
        if orders is not None:
            orders = tuple(one for one in orders if not any(name in names for name in one[1]))
        return Parts(tuple(one for one in self.figures if one.stream not in names), orders)


def parts_of(figures: Sequence[Part], year: Magnitudes | None) -> Parts:
    """Give the parts of a record."""
    if year is None:
        return Parts(tuple(figures))
    members = {item.key: [p.stream for p in year.parts if p.key == item.key] for item in year.items}
    return Parts(tuple(figures), tuple((item, tuple(members[item.key])) for item in year.items))


def written(parts: Parts) -> str:
    """Write parts for the state file."""
    orders = parts.orders
    told = None if orders is None else [[one.key, one.level, names] for one, names in orders]
    return json.dumps({"figures": [asdict(part) for part in parts.figures], "orders": told})


def read(text: str) -> Parts:
    """Read parts from the state file."""
    found: dict[str, Any] = json.loads(text)
    figures = tuple(
        Part(one["stream"], _figure(one["figure"]), one["digits"]) for one in found["figures"]
    )
    if found["orders"] is None:
        return Parts(figures)
    told = ((Ordered(_key(key), level), tuple(names)) for key, level, names in found["orders"])
    return Parts(figures, tuple(told))


def _figure(body: dict[str, Any]) -> Figure:
    return replace(Figure(**body), marks=tuple(body["marks"]))


def _key(body: Sequence[str]) -> tuple[str, str, str, str]:
    kind, code, direction, unit = body
    return kind, code, direction, unit


def streams_in(parts: str | None, steps: str) -> frozenset[str]:
    """Name the streams of a record; one of an older program has no parts but its steps."""
    if parts is not None:
        return read(parts).streams
    log = json.loads(steps)
    passed = {step["subject"] for step in log if step["name"] == "consent" and not step["stopped"]}
    return frozenset(passed)


def steps_without(steps: Sequence[Step], withdrawn: Mapping[str, str]) -> list[Step]:
    """Give the steps that streams took, in which those withdrawn stop at consent."""
    found: list[Step] = []
    for step in steps:
        if step.name not in _ALONE:
            continue
        why = withdrawn.get(step.subject)
        if why is None:
            found.append(step)
        elif step.name == "consent":
            found.append(Step("consent", step.subject, why, stopped=True))
    return found
