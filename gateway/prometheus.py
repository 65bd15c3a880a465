"""Metrics as text in Prometheus' exposition format 0.0.4, for node_exporter's textfile collector.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from adapters.errors import TransientError
from config.metrics_plan import MetricsPlan
from gateway.shown import show

FILE = "metrics.prom"
NAMING = frozenset({"source", "member"})
"""Labels that name somebody or something of a plant."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, what it is, and its values by labels."""

    name: str
    kind: Literal["counter", "gauge"]
    about: str
    values: Mapping[tuple[tuple[str, str], ...], float] = field(default_factory=dict)


def one(name: str, kind: Literal["counter", "gauge"], about: str, value: float | None) -> Metric:
    """Make a metric without labels; without a value it has no line."""
    return Metric(name, kind, about, {} if value is None else {(): float(value)})


def by(
    name: str,
    kind: Literal["counter", "gauge"],
    about: str,
    label: str,
    values: Mapping[str, float],
) -> Metric:
    """Make a metric with one label."""
    return Metric(
        name, kind, about, {((label, key),): float(value) for key, value in values.items()}
    )


def unnamed(metrics: Iterable[Metric]) -> list[Metric]:
    """Leave out the names of sources and members: add up what they have, of instants the oldest."""
    return [_together(metric) for metric in metrics]


def _together(metric: Metric) -> Metric:
    if not any(name in NAMING for labels in metric.values for name, _ in labels):
        return metric
    values = metric.values.values()
    joined = min(values) if metric.name.endswith("_time_seconds") else sum(values)
    return replace(metric, values={(): joined})


def render(metrics: Iterable[Metric]) -> str:
    """Write metrics as text; instants and durations are in seconds, sizes in bytes."""
    lines = []
    for metric in metrics:
        lines += [
            f"# HELP {metric.name} {_escaped(metric.about)}",
            f"# TYPE {metric.name} {metric.kind}",
        ]
        lines += [f"{metric.name}{_labels(at)} {value!r}" for at, value in metric.values.items()]
    return "\n".join(lines) + "\n"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    text = ",".join(f'{name}="{_escaped(value, quote=True)}"' for name, value in labels)
    return f"{{{text}}}" if text else ""


def _escaped(text: str, *, quote: bool = False) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quote else escaped


def publish(directory: Path, plan: MetricsPlan, metrics: Sequence[Metric]) -> str:
    """Write the file where the plan wants one; gives its text. Raises `TransientError`.

    A file of before is removed, so that nobody takes it for the present.
    """
    text = render(metrics if plan.names else unnamed(metrics))
    if plan.file:
        write(directory, text)
    else:
        (directory / FILE).unlink(missing_ok=True)
    return text


def write(directory: Path, text: str) -> None:
    """Replace the file in one step; raises `TransientError` when it cannot be written."""
    try:
        show(directory / FILE, text)
    except OSError as error:
        raise TransientError(
            f"the metrics cannot be written ({error.strerror})",
            where=str(directory / FILE),
            mend="let the service's user write there, or set [state] runtime",
        ) from error
