"""What every store must do, and how a plan's store is opened."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from adapters.errors import PermanentError
from config.hub_plan import StorePlan
from gateway.contract import Cell


class Store(Protocol):
    """A place for released cells, safe to call again with what it already has."""

    @property
    def settling(self) -> int:
        """Nanoseconds in which a store that is killed may still lose what it has confirmed."""

    def write(self, cells: Sequence[Cell]) -> None:
        """Store released cells; on return the store has confirmed all of them.

        Raises `TransientError` when trying again may help and `PermanentError` when somebody must
        act; nothing is then assumed to be stored.
        """

    def read(self, start: int, end: int) -> list[Cell]:
        """Give the cells whose windows start in [start, end), in nanoseconds, by start and name."""

    def missing(self, cells: Sequence[Cell]) -> list[Cell]:
        """Give those of some confirmed cells that the store has not, or not wholly.

        A store that cannot be asked is believed. Raises `TransientError` when it is away.
        """

    def close(self) -> None:
        """Let go of files and connections."""


def open_store(plan: StorePlan, state_dir: str) -> Store:
    """Open the plan's store; raises `PermanentError` when it lacks a setting or a package."""
    if plan.kind == "sqlite":
        from gateway.stores.sqlite import SqliteStore  # noqa: PLC0415 only the one in use

        return SqliteStore(Path(plan.path or Path(state_dir) / "cells.db"), plan.measurement)
    if plan.url is None:
        raise PermanentError("an influxdb store needs its address", mend="set `url` in [store]")
    from gateway.stores.influx import InfluxStore  # noqa: PLC0415 needs the extra `influx`

    return InfluxStore(plan)
