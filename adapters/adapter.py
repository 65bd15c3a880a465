"""The door every protocol comes through: the contract of an adapter and where adapters are found.

A protocol is one module and one entry point in the group `sidestream.adapters`, whose name is the
`protocol` people write in a plant file and whose object satisfies `Adapter`. The object must be
light to import: the protocol's library is imported when `run` or `probe` is called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Protocol, cast

from pydantic import Field, SerializeAsAny

from adapters.errors import PermanentError
from adapters.fields import Duration, Settings
from adapters.reading import Block, Quality, Value

GROUP = "sidestream.adapters"


class PointSettings(Settings):
    """What every protocol's points have in common."""

    unit: str = "1"
    """Unit of the value as read, after scaling, in UCUM: t/h, m3, kW, Cel, MW.h; 1 is none."""
    plausible: tuple[float, float] | None = None
    """Lowest and highest value that can be true, in the point's unit; outside it is bad."""
    sentinels: tuple[float, ...] = ()
    """Values the device sends instead of a measurement (such as -32768), before scaling."""
    good: tuple[float, ...] = ()
    """Makes it a status point: the values that mean the device is all right. While it has another,
    or none, every meter that uses the source has bad readings, unless it names its own `status`;
    `[]` is no status point."""

    def span(self) -> float | None:
        """Give the value at which the counter wraps, in the point's unit; None when unknown."""
        return None


class SourceSettings(Settings):
    """What every protocol's sources have in common: one connection to one device."""

    protocol: str
    """Which adapter reads this source."""
    profile: str | None = None
    """Device profile that gives points and settings, such as `"siemens-mag-6000"`; what is written
    here wins."""
    every: Duration = 1.0
    """Time between two readings of a point."""
    timeout: Duration = 1.0
    """How long to wait for one answer."""
    points: Mapping[str, SerializeAsAny[PointSettings]] = Field(default_factory=dict)
    """The values to read, by name; or the name of a CSV file, one a row."""


@dataclass(frozen=True, slots=True)
class Source:
    """A named source as configured."""

    name: str
    settings: SourceSettings


class Link(StrEnum):
    """State of a source's connection."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Health:
    """A source's state for an operator: the link, the last error, what is left out and why."""

    link: Link
    error: str = ""
    requests: int = 0
    failures: int = 0
    notes: tuple[str, ...] = ()


class Outlet(Protocol):
    """Where an adapter puts what it read."""

    async def deliver(self, block: Block) -> None:
        """Take a block; returns when the pipeline has it (back-pressure for replays)."""

    def report(self, source: str, health: Health) -> None:
        """Take a source's state; called on every change and at least once a minute."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One point read once, for `sidestream probe`: as it came, decoded, and how good it is."""

    point: str
    address: str
    raw: str
    value: Value
    unit: str
    quality: Quality
    reason: str


class Adapter(Protocol):
    """A protocol's way from devices to readings."""

    @property
    def settings(self) -> type[SourceSettings]:
        """Model of a source's table in the plant file."""

    def lane(self, source: Source) -> str:
        """Name the connection a source uses; sources with the same lane share one connection."""

    async def run(
        self, sources: Sequence[Source], outlet: Outlet, resume: Mapping[str, str]
    ) -> None:
        """Read the sources of one lane until cancelled, or to their end when they have one.

        Survives every fault of the device: a lost link is reported and rebuilt for good. `resume`
        holds the last committed cursor of each source that gave one. Raises `PermanentError` only
        for what a person must mend.
        """

    async def probe(self, source: Source) -> Sequence[Probe]:
        """Read every point of one source once. Raises a `SidestreamError` when nothing answers."""


def protocols() -> list[str]:
    """Names of every installed protocol, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


@cache
def adapter(protocol: str) -> Adapter:
    """Find the adapter for a protocol; raises `PermanentError` naming the ones there are."""
    found = [entry for entry in entry_points(group=GROUP) if entry.name == protocol]
    if not found:
        known = ", ".join(protocols())
        raise PermanentError(
            f"no adapter for protocol {protocol!r}; there are: {known}",
            mend="correct `protocol`, or install the package that brings it",
        )
    loaded: Any = found[0].load()
    return cast("Adapter", loaded)
