"""The door every protocol comes through: the contract of an adapter and where adapters are found.

A protocol is one module and one entry point in the group `sidestream.adapters`, whose name is the
`protocol` people write in a plant file and whose object satisfies `Adapter`. The object must be
light to import: the protocol's library is imported when `run` or `probe` is called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol, cast

from adapters.errors import PermanentError
from adapters.reading import Block, Quality, Value

if TYPE_CHECKING:
    from adapters.settings import SourceSettings

GROUP = "sidestream.adapters"
OURS: Mapping[str, str] = {
    "modbus-tcp": "adapters.modbus:TCP",
    "modbus-tls": "adapters.modbus:TLS",
    "modbus-rtu": "adapters.modbus:RTU",
    "modbus-rtu-tcp": "adapters.modbus:RTU_OVER_TCP",
    "opcua": "adapters.opcua:OPCUA",
    "replay": "adapters.replay:REPLAY",
}
"""Where adapters of ours are, as the package tells it: they are found without a search."""


@dataclass(frozen=True, slots=True)
class Source:
    """A named source as configured; in a running agent, with what its settings resolved to."""

    name: str
    settings: "SourceSettings"
    found: str = ""
    """Where its adapter is, `module:object`; looked for among those installed unless set."""

    def resolved(self) -> "Source":
        """Give what a running agent needs of it; see `SourceSettings.resolved`."""
        return Source(self.name, self.settings.resolved(), _place(self.settings.protocol) or "")


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
    def settings(self) -> "type[SourceSettings]":
        """Model of a source's table in the plant file."""

    def lane(self, source: Source) -> str:
        """Name the connection a source uses; sources with the same lane share one connection."""

    def prepare(self) -> None:
        """Import what `run` reads by, where that is quick; only a wait is saved by it."""

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


@cache
def _entries() -> Mapping[str, str]:
    """Where each installed adapter is, by its protocol."""
    from importlib.metadata import entry_points  # noqa: PLC0415 # a running agent does without it

    return {entry.name: f"{entry.module}:{entry.attr}" for entry in entry_points(group=GROUP)}


def _place(protocol: str) -> str | None:
    return OURS.get(protocol) or _entries().get(protocol)


def protocols() -> list[str]:
    """Names of every installed protocol, sorted."""
    return sorted({*OURS, *_entries()})


def installed(protocol: object) -> bool:
    """Tell whether there is an adapter for a protocol."""
    return isinstance(protocol, str) and _place(protocol) is not None


@cache
def adapter(protocol: str, found: str = "") -> Adapter:
    """Find the adapter for a protocol; raises `PermanentError` naming the ones there are.

    `found` is where it is, when that was looked up before.
    """
    value = found or _place(protocol)
    if value is None:
        raise PermanentError(
            f"no adapter for protocol {protocol!r}; there are: {', '.join(protocols())}",
            mend="correct `protocol`, or install the package that brings it",
        )
    module, _, name = value.partition(":")
    loaded: Any = attrgetter(name)(import_module(module))
    return cast("Adapter", loaded)
