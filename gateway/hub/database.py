"""The ledger's file: opened, never replaced when it is damaged, and what it notes about itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from adapters.errors import PermanentError
from gateway.database import CorruptError, Layout
from gateway.database import Database as File
from gateway.hub.schema import TABLES, UPGRADES, VERSION

LAYOUT = Layout("ledger", TABLES, VERSION, UPGRADES)
_MISSING = "start the hub: `sidestream hub run`"
_OLDER = "start the hub again: it brings the ledger up to date"
_NEWER = "install the newer program again"
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
    def open(
        cls, path: Path, now: int, told: Callable[[int, int], object] = lambda _done, _all: None
    ) -> Self:
        """Open the ledger or make it; raises `PermanentError` when a newer version wrote it.

        One of an older version is brought up to date, which may take minutes: `told` hears how
        many of how many records are done. A damaged one is never replaced: what it says was
        released must not be released again, and what it holds is nowhere else. `DamagedError`
        tells how it is restored.
        """
        try:
            return cls.create(path, replace(LAYOUT, told=told), now, replace=False)
        except CorruptError as error:
            raise DamagedError(error.what, where=str(path), mend=_RESTORE) from error

    @classmethod
    def read(cls, path: Path, *, former: bool = False) -> Self:
        """Open the ledger for looking only; with `former` also one that is not yet up to date.

        Raises `PermanentError` when there is none, or it is of another version than this program.
        """
        opened = cls.look_at(path, LAYOUT, _MISSING)
        with opened.look() as cursor:
            (version,) = cursor.execute("PRAGMA user_version").fetchone()
        if version > LAYOUT.version or (version < LAYOUT.version and not former):
            opened.close()
            raise PermanentError(
                f"the ledger is of version {version}, this program reads {LAYOUT.version}",
                where=str(path),
                mend=_OLDER if version < LAYOUT.version else _NEWER,
            )
        return opened

    def meta(self, key: str) -> str | None:
        """Read one of the ledger's notes about itself."""
        with self.look() as cursor:
            row = cursor.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])
