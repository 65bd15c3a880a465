"""OPC UA: values subscribed to or polled from a server, by reading services only."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from adapters.adapter import Outlet, Probe, Source

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaSource
    from adapters.settings import SourceSettings

__all__ = ["OPCUA", "OpcUa"]

_CONNECTION = (
    "security",
    "message_mode",
    "certificate",
    "private_key",
    "server_certificate",
    "trusted",
    "trust_any",
    "application_uri",
    "username",
    "password_file",
)
_PLAIN = ["None", "SignAndEncrypt", None, None, None, None, False, None, None, None]
"""What an anonymous session without security has of these."""


@dataclass(frozen=True, slots=True)
class OpcUa:
    """The adapter; `wall` is a clock in ns since 1970, `mono` one in ns that is never set.

    `retry` is the time between two attempts to find a node that is not there, `slow` that between
    two attempts to connect after an error that a person must mend, both in seconds.
    """

    wall: Callable[[], int] = time.time_ns
    mono: Callable[[], int] = time.monotonic_ns
    retry: float = 60.0
    slow: float = 30.0

    @property
    def settings(self) -> "type[SourceSettings]":
        """Model of a source's table."""
        from adapters.opcua.settings import OpcUaSource  # noqa: PLC0415 # see `resolved`

        return OpcUaSource

    def lane(self, source: Source) -> str:
        """Name the session a source uses: sources of one server and one identity share it.

        It is the address, and for anything but an anonymous session without security a short
        digest of how the session is made.
        """
        settings = _settings(source)
        chosen = [getattr(settings, name) for name in _CONNECTION]
        if chosen == _PLAIN:
            return settings.url
        digest = hashlib.sha256(repr(chosen).encode()).hexdigest()[:6]
        return f"{settings.url} ({settings.security} {digest})"

    def prepare(self) -> None:
        """Import nothing yet: the library takes long, so `run` imports it in a thread."""

    async def run(
        self,
        sources: Sequence[Source],
        outlet: Outlet,
        resume: Mapping[str, str],  # noqa: ARG002  # a server is not resumable
    ) -> None:
        """Read the sources of one lane, over one session, until cancelled."""
        # The library takes a quarter of a second to import, on a small computer much longer: in a
        # thread, for meanwhile other sources are asked, and their answers waited for.
        await asyncio.to_thread(import_module, "adapters.opcua.lane")
        from adapters.opcua.feed import Clocks, Feed  # noqa: PLC0415
        from adapters.opcua.lane import Lane  # noqa: PLC0415

        clocks = Clocks(self.wall, self.mono, self.retry)
        feeds = [Feed(source, _settings(source), outlet, clocks) for source in sources]
        await Lane(feeds, clocks, self.slow).run()

    async def probe(self, source: Source) -> Sequence[Probe]:
        """Read every point once; raises a `SidestreamError` when there is no session."""
        from adapters.opcua.probe import probe  # noqa: PLC0415  # the library is heavy

        return await probe(_settings(source), self.wall())


def _settings(source: Source) -> "OpcUaSource":
    return cast("OpcUaSource", source.settings)


OPCUA = OpcUa()
"""The entry point `opcua`."""
