"""The certificates a plant file names: told of before they run out, and taken up when replaced."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from agent.running.pair import Pair, settle
from config.plan import PlantPlan
from gateway.certificates import Files, account_of, broker_files, runs_out, warning

_OF_SOURCES = ("certificate", "server_certificate", "ca")
"""Settings by which adapters name certificate files."""


def source_files(plan: PlantPlan) -> dict[str, Path]:
    """Give the certificate files of sources by what they are."""
    return {
        f"sources.{source.name}.{name}": Path(path)
        for source in plan.sources
        for name in _OF_SOURCES
        if isinstance(path := getattr(source.settings, name, None), str)
    }


class Certificates:
    """A plant's certificate files; its methods read them, so call them from a worker thread."""

    def __init__(self, plan: PlantPlan) -> None:
        broker = plan.uplink.broker if plan.uplink is not None else None
        self._named = source_files(plan) | (broker_files(broker) if broker is not None else {})
        self._files = Files(broker)
        self._pair = Pair.of(broker.tls) if broker is not None else None

    def warnings(self, now: int) -> Mapping[str, str]:
        """Say of each file whose certificate has ended or soon will; an empty text for the rest."""
        ends = {name: (path, runs_out(path)) for name, path in self._named.items()}
        return {
            f"certificate {name}": f"{text}: {path}{_mend(name, path)}"
            if (text := warning(end, now))
            else ""
            for name, (path, end) in ends.items()
            if end is not None
        }

    def replaced(self) -> bool:
        """Tell whether a file of the broker's connection has changed since the last look.

        A command that was killed while it replaced the pair leaves half of one: it is made whole.
        """
        settled = False
        if self._pair is not None:
            # Where the folder is another's, that user's command finishes it.
            with suppress(OSError):
                settled = settle(self._pair)
        return self._files.replaced() or settled

    def until(self) -> int | None:
        """Give when the client certificate ends, in nanoseconds since 1970."""
        return None if self._pair is None else runs_out(self._pair.certificate)


def _mend(name: str, path: Path) -> str:
    """Name the command that renews a certificate which the hub has given."""
    own = name == "hub.tls.certificate" and account_of(path) is not None
    return "; renew it: `sudo sidestream renew`" if own else ""
