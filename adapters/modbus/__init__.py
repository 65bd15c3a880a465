"""Modbus over TCP, TLS, serial lines and RTU framing over TCP: reads, and can do nothing else."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from adapters.adapter import Outlet, Probe, Source
from adapters.errors import PermanentError
from adapters.modbus.points import Polled, Way

if TYPE_CHECKING:
    import ssl

    from adapters.modbus.line import Network, Serial
    from adapters.settings import SourceSettings

__all__ = ["RTU", "RTU_OVER_TCP", "TCP", "TLS", "Modbus"]


@dataclass(frozen=True, slots=True)
class Modbus:
    """A kind of Modbus line, as an adapter; `clock` gives ns since 1970 UTC."""

    table: str
    """Name of the model of a source's table."""
    rtu: bool = False
    clock: Callable[[], int] = time.time_ns

    @property
    def settings(self) -> "type[SourceSettings]":
        """Model of a source's table."""
        from adapters.modbus import settings  # noqa: PLC0415 # a running agent does without models

        found: type[SourceSettings] = getattr(settings, self.table)
        return found

    def lane(self, source: Source) -> str:
        """Name the line: `host:port`, or the serial port."""
        way = _polled(source).way
        return way.device or f"{way.host}:{way.port}"

    def prepare(self) -> None:
        """Import what `run` reads by."""
        for name in ("line", "poll"):
            import_module(f"adapters.modbus.{name}")

    async def run(
        self,
        sources: Sequence[Source],
        outlet: Outlet,
        resume: Mapping[str, str],  # noqa: ARG002
    ) -> None:
        """Poll the sources of one line until cancelled; nothing is resumed, so `resume` is unused.

        Raises `PermanentError` when sources disagree about their line, or a TLS file is unusable.
        """
        from adapters.modbus.line import Line  # noqa: PLC0415 # pymodbus only when it is needed
        from adapters.modbus.poll import Lane  # noqa: PLC0415
        from adapters.modbus.unit import Unit  # noqa: PLC0415

        if not sources:
            return
        known = [(source.name, _polled(source)) for source in sources]
        line = Line(self._place(sources), self.clock, max(settings.gap for _, settings in known))
        units = [(Unit(name, settings), settings) for name, settings in known]
        await Lane(line, units, outlet, self.clock).run()

    async def probe(self, source: Source) -> Sequence[Probe]:
        """Read every point of one source once.

        Raises `TransientError` when the device cannot be reached or gives no answer at all, and
        `PermanentError` when a TLS file is unusable.
        """
        from adapters.modbus.line import Line  # noqa: PLC0415 # pymodbus only when it is needed
        from adapters.modbus.probe import probed  # noqa: PLC0415

        settings = _polled(source)
        line = Line(self._place([source]), self.clock, settings.gap)
        try:
            return await probed(source.name, settings, line)
        finally:
            line.close()

    def _place(self, sources: Sequence[Source]) -> "Network | Serial":
        found = {source.name: _polled(source).way for source in sources}
        first = sources[0]
        for name, line in found.items():
            if line != found[first.name]:
                raise PermanentError(
                    f"shares the line {self.lane(first)} with source {first.name!r} "
                    "but describes it otherwise",
                    where=f"source {name!r}",
                    mend="give both the same serial or TLS settings",
                )
        return _place(first, self.rtu)


def _polled(source: Source) -> Polled:
    """Give what a source resolves to; in a running agent it is that already."""
    found: Polled = source.settings.resolved()
    return found


def _place(source: Source, rtu: bool) -> "Network | Serial":
    from adapters.modbus.line import Network, Serial  # noqa: PLC0415

    way = _polled(source).way
    if way.device:
        return Serial(way.device, way.baudrate, way.parity, way.stopbits, way.bytesize)
    if way.tls:
        return Network(way.host, way.port, rtu, _tls(source.name, way), way.server_name)
    return Network(way.host, way.port, rtu)


def _tls(name: str, way: Way) -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415 # the settings' models are found through this module, too

    try:
        context = ssl.create_default_context(cafile=way.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if way.certificate is not None:
            context.load_cert_chain(way.certificate, way.key)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise PermanentError(
            f"a TLS file cannot be used: {error}",
            where=f"source {name!r}",
            mend="check `ca`, `certificate` and `key`: PEM files the service's user can read",
        ) from error
    return context


TCP = Modbus("TcpSource")
TLS = Modbus("TlsSource")
RTU = Modbus("SerialSource", rtu=True)
RTU_OVER_TCP = Modbus("TcpSource", rtu=True)
