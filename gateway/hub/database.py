"""The ledger's file: opened, never replaced when it is damaged, and what it notes about itself."""

from pathlib import Path
from typing import Self

from adapters.errors import PermanentError
from gateway.database import CorruptError, Layout
from gateway.database import Database as File
from gateway.hub.schema import TABLES, UPGRADES, VERSION

LAYOUT = Layout("ledger", TABLES, VERSION, UPGRADES)
_MISSING = "start the hub: `sidestream hub run`"
_RESTORE = (
    "stop the hub and restore it: `sidestream hub restore --copy FILE`, or without a copy what can "
    "still be read of it: `sidestream hub restore`"
)


class DamagedError(PermanentError):
    """The ledger is damaged, and a person must say what takes its place."""

    exit_code = 78
    """Starting again does not help: the unit leaves the hub stopped."""


class Database(File):
    """The open ledger."""

    @classmethod
    def open(cls, path: Path, now: int) -> Self:
        """Open the ledger or make it; raises `PermanentError` when a newer version wrote it.

        A damaged one is never replaced: what it says was released must not be released again, and
        what it holds is nowhere else. `DamagedError` tells how it is restored.
        """
        try:
            return cls.create(path, LAYOUT, now, replace=False)
        except CorruptError as error:
            raise DamagedError(error.what, where=str(path), mend=_RESTORE) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open the ledger for looking only; raises `PermanentError` when there is none."""
        return cls.look_at(path, LAYOUT, _MISSING)

    def meta(self, key: str) -> str | None:
        """Read one of the ledger's notes about itself."""
        with self.look() as cursor:
            row = cursor.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])
