"""A column: readings of one point, one after the other, that a meter takes as far as they go on."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

from agent.measuring.meter import Meter
from agent.measuring.window import Windows

Rows = Iterator[tuple[int, Any]]
"""Instants and values of good readings, in the order of arrival."""


@runtime_checkable
class Columnar(Meter, Protocol):
    """A meter of one input that has a quick way for readings of which each goes on from the last.

    Recorded data are such columns. What comes of the quick way is, bit by bit, what `take` makes of
    each reading by itself.
    """

    def go_on(self, rows: Rows, windows: Windows) -> tuple[int, Any] | None:
        """Take rows while they are as usual; gives the first that is not, None at the end."""


def take_column(
    meter: Columnar, role: str, times: Sequence[int], values: Sequence[Any], windows: Windows
) -> None:
    """Take good readings of a meter's only input: what is not as usual goes its plain way."""
    rows = zip(times, values, strict=True)
    odd = next(rows, None)
    while odd is not None:
        time, value = odd
        meter.take(time, ((role, value, None),), windows)
        odd = meter.go_on(rows, windows)
