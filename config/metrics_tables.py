"""The table `[metrics]` of a plant's and a hub's file: what is counted, for whom."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator
from pydantic_core import PydanticCustomError

from adapters.fields import Settings
from config.locate import at
from config.metrics_plan import MetricsPlan
from config.tables import loopback, text_schema

_LOOPBACK = re.compile(r"(?:(\d{1,3}(?:\.\d{1,3}){3})|\[([0-9a-fA-F:]+)\]):(\d{1,5})")
_UNIX = re.compile(r"unix:(/[^\s\0]{1,100})")
_HIGHEST = 65_535
_NOT_HERE = "nothing: the agent takes no connection; what scrapes reads its file"


def _listen(text: str) -> str:
    if _UNIX.fullmatch(text):
        return text
    found = _LOOPBACK.fullmatch(text)
    if not found or not loopback(found[1] or found[2]) or not 0 < int(found[3]) <= _HIGHEST:
        raise ValueError('"unix:/run/sidestream-hub/metrics.sock", or 127.0.0.1 with a port')
    return text


class MetricsTable(Settings):
    """Metrics in Prometheus' text format."""

    file: bool = True
    """Writes them as `metrics.prom` beside the status file."""
    labels: Literal["full", "none"] = "full"
    """`none` leaves out names of sources and members: their metrics are then added up."""

    def plan(self) -> MetricsPlan:
        """Give what the table means."""
        return MetricsPlan(self.file, self.labels == "full", getattr(self, "listen", None))


class PlantMetricsTable(MetricsTable):
    """Metrics in Prometheus' text format, as a file: the agent takes no connection."""

    @model_validator(mode="before")
    @classmethod
    def _no_port(cls, data: Any) -> Any:
        if isinstance(data, dict) and "listen" in data:
            raise _refused()
        return data


def _refused() -> PydanticCustomError:
    return at("listen", _NOT_HERE)


class HubMetricsTable(MetricsTable):
    """Metrics in Prometheus' text format, as a file and, where asked for, to scrape."""

    listen: (
        Annotated[
            str,
            AfterValidator(_listen),
            text_schema(
                "address",
                r"^(unix:/\S+|127\.[0-9.]+:[0-9]+|\[::1\]:[0-9]+)$",
                "unix:/run/sidestream-hub/metrics.sock",
                "127.0.0.1:9464",
            ),
        ]
        | None
    ) = None
    """Answers HTTP on a socket of this computer, `"unix:/run/…"`, or on its loopback,
    `"127.0.0.1:9464"`; nowhere else. The service's unit must let it: `sidestream hub confine`."""
