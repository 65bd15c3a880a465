"""Modbus over TCP, TLS, serial lines and RTU framing over TCP: reads, and can do nothing else."""

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from adapters.adapter import Outlet, Probe, Source, SourceSettings
from adapters.errors import PermanentError
from adapters.modbus.settings import ModbusSource, SerialSource, TcpSource, TlsSource

if TYPE_CHECKING:
    from adapters.modbus.line import Network, Serial

__all__ = ["RTU", "RTU_OVER_TCP", "TCP", "TLS", "Modbus"]


@dataclass(frozen=True, slots=True)
class Modbus:
    """A kind of Modbus line, as an adapter; `clock` gives ns since 1970 UTC."""

    settings: type[SourceSettings]
    rtu: bool = False
    clock: Callable[[], int] = time.time_ns

    def lane(self, source: Source) -> str:
        """Name the line: `host:port`, or the serial port."""
        settings = source.settings
        if isinstance(settings, SerialSource):
            return settings.device
        tcp = cast("TcpSource", settings)
        return f"{tcp.host}:{tcp.port}"

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
        known = [(source.name, cast("ModbusSource", source.settings)) for source in sources]
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

        settings = cast("ModbusSource", source.settings)
        line = Line(self._place([source]), self.clock, settings.gap)
        try:
            return await probed(source.name, settings, line)
        finally:
            line.close()

    def _place(self, sources: Sequence[Source]) -> "Network | Serial":
        found = {source.name: _settings_of_line(source.settings) for source in sources}
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


def _settings_of_line(settings: SourceSettings) -> Mapping[str, object]:
    keys = ("baudrate", "parity", "stopbits", "bytesize", "ca", "certificate", "key", "server_name")
    return {key: getattr(settings, key, None) for key in keys}


def _place(source: Source, rtu: bool) -> "Network | Serial":
    from adapters.modbus.line import Network, Serial  # noqa: PLC0415

    settings = source.settings
    if isinstance(settings, SerialSource):
        return Serial(
            settings.device,
            settings.baudrate,
            settings.parity,
            settings.stopbits,
            settings.bytesize,
        )
    tcp = cast("TcpSource", settings)
    if isinstance(tcp, TlsSource):
        context = _tls(source.name, tcp)
        return Network(tcp.host, tcp.port, rtu, context, tcp.server_name)
    return Network(tcp.host, tcp.port, rtu)


def _tls(name: str, settings: TlsSource) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.certificate is not None:
            context.load_cert_chain(settings.certificate, settings.key)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise PermanentError(
            f"a TLS file cannot be used: {error}",
            where=f"source {name!r}",
            mend="check `ca`, `certificate` and `key`: PEM files the service's user can read",
        ) from error
    return context


TCP = Modbus(TcpSource)
TLS = Modbus(TlsSource)
RTU = Modbus(SerialSource, rtu=True)
RTU_OVER_TCP = Modbus(TcpSource, rtu=True)
