"""The certificates a plant file names: told of before they run out, and taken up when replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.plan import PlantPlan
from gateway.certificates import runs_out, state_of, warning

_OF_SOURCES = ("certificate", "server_certificate", "ca")
"""Settings by which adapters name certificate files."""


def broker_files(plan: PlantPlan) -> dict[str, Path]:
    """Give the files of the broker's connection by what they are."""
    tls = plan.uplink.broker.tls if plan.uplink is not None else None
    if tls is None:
        return {}
    named = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key}
    return {f"hub.tls.{name}": Path(path) for name, path in named.items() if path}


def source_files(plan: PlantPlan) -> dict[str, Path]:
    """Give the certificate files of sources by what they are."""
    return {
        f"sources.{source.name}.{name}": Path(path)
        for source in plan.sources
        for name in _OF_SOURCES
        if isinstance(path := getattr(source.settings, name, None), str)
    }


@dataclass(slots=True)
class Certificates:
    """A plant's certificate files; its methods read them, so call them from a worker thread."""

    plan: PlantPlan
    _seen: tuple[tuple[int, int] | None, ...] | None = field(init=False, default=None)

    def warnings(self, now: int) -> Mapping[str, str]:
        """Say of each file whose certificate has ended or soon will; an empty text for the rest."""
        files = {**broker_files(self.plan), **source_files(self.plan)}
        ends = {name: (path, runs_out(path)) for name, path in files.items()}
        return {
            f"certificate {name}": f"{text}: {path}" if (text := warning(end, now)) else ""
            for name, (path, end) in ends.items()
            if end is not None
        }

    def replaced(self) -> bool:
        """Tell whether a file of the broker's connection has changed since the last look."""
        now = state_of(broker_files(self.plan).values())
        before, self._seen = self._seen, now
        return before is not None and now != before
