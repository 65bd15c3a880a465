"""What becomes of a program's metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MetricsPlan:
    """Whether a file is written, whether names are labels, and the address to answer on.

    `listen` is `unix:/path`, or an address of the loopback with its port.
    """

    file: bool = True
    names: bool = True
    listen: str | None = None
