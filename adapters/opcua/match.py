"""Which of the variables found on a server are a profile's points, and how sure that is.

Decided without I/O. A variable stands for a point when it is of the point's type. Several that do
are a choice a person must make: the values are shown, none is hidden. What speaks against one is
told: no good value, a value outside its own range, no unit, or the wrong kind of unit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.opcua.address import Named, named
from adapters.opcua.settings import OpcUaPoint
from adapters.reading import Fault, Quality, Value

Limits = tuple[float, float]
TO_FIND = "i=0"
"""Address of a point whose node is not known yet; the standard's null node."""
_CLOSE = 1e-3
"""How far gross may be from net and tare together, of the largest of the three."""


class Told(Protocol):
    """A value as it was read."""

    @property
    def value(self) -> Value:
        """The value; None when it is bad."""

    @property
    def fault(self) -> Fault | None:
        """What is wrong with it; None when it is good."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A variable of a server: its address by namespace URI, its path, its types nearest first.

    `unit` is in the notation of plant files, empty when not told, `unit_shown` the same by the name
    shown beside the code, and `unit_told` as the server says it; `limits` is its EURange.
    """

    node: str
    path: str
    line: tuple[Named, ...]
    told: Callable[[OpcUaPoint], Told]
    unit: str = ""
    unit_shown: str = ""
    unit_told: str = ""
    limits: Limits | None = None
    point: str = ""
    """The point it is for, where the profile has the node itself."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable that may be a point, its value as that point, and what speaks against it."""

    seen: Seen
    value: Value
    quality: Quality
    against: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The choices there are for each point of a profile, the best one first."""

    choices: Mapping[str, tuple[Choice, ...]]

    @property
    def found(self) -> Mapping[str, Choice]:
        """The best choice of each point that has one."""
        return {name: choices[0] for name, choices in self.choices.items() if choices}

    @property
    def certainty(self) -> str:
        """Say how sure the match is: `sure`, `likely` or `not sure`.

        It is sure when each point found has one choice that nothing speaks against, and not when
        one has several, or no good value.
        """
        found = self.found.values()
        several = any(len(choices) > 1 for choices in self.choices.values())
        if not found or several or any(one.quality is Quality.BAD for one in found):
            return "not sure"
        return "likely" if any(one.against for one in found) else "sure"


def matched(
    points: Mapping[str, OpcUaPoint], seen: Sequence[Seen], known: Callable[[str], bool]
) -> Match:
    """Match a profile's points to variables; `known` tells whether a text is a unit."""
    return Match(
        {
            name: tuple(
                sorted(
                    (_choice(point, one, points, known) for one in seen if _fits(name, point, one)),
                    key=lambda one: (one.quality, len(one.against), one.seen.path),
                )
            )
            for name, point in points.items()
        }
    )


def _fits(name: str, point: OpcUaPoint, one: Seen) -> bool:
    if point.node != TO_FIND or one.point:
        return one.point == name
    return _of_type(point, one)


def _of_type(point: OpcUaPoint, one: Seen) -> bool:
    return point.type is not None and named(point.type) in one.line


def _choice(
    point: OpcUaPoint, one: Seen, points: Mapping[str, OpcUaPoint], known: Callable[[str], bool]
) -> Choice:
    told = one.told(point)
    quality = Quality.GOOD if told.fault is None else told.fault.quality
    against = [] if told.fault is None else [told.fault.reason]
    if point.type is not None and not _of_type(point, one):
        against.append(f"it is not {point.type}")
    if not one.unit:
        against.append("the server tells no unit")
    elif not known(one.unit):
        against.append(f"its unit is {one.unit_told}, which is not known here")
    elif known(one.unit_shown) and one.unit_shown != one.unit:
        against.append(f"its unit is told as {one.unit} and as {one.unit_shown}")
    if isinstance(told.value, str):
        against.append("it is a text")
    against += _implausible(one, told.value) + _unbalanced(point, one, points)
    return Choice(one, told.value, quality, tuple(against))


def _implausible(one: Seen, value: Value) -> list[str]:
    if one.limits is None or isinstance(value, str) or value is None:
        return []
    low, high = one.limits
    return [] if low <= value <= high or low >= high else [f"outside its range {low:g} to {high:g}"]


def _unbalanced(point: OpcUaPoint, one: Seen, points: Mapping[str, OpcUaPoint]) -> list[str]:
    """Hold the parts of a weight against each other: gross is net and tare."""
    names = ("gross", "net", "tare")
    if point.element is None or not all(name in points for name in names):
        return []
    gross, net, tare = (one.told(points[name]).value for name in names)
    if not all(isinstance(value, float) for value in (gross, net, tare)):
        return []
    weights = [float(value or 0) for value in (gross, net, tare)]
    off = abs(weights[0] - weights[1] - weights[2])
    return [] if off <= _CLOSE * max(map(abs, weights)) else ["gross is not net and tare together"]
