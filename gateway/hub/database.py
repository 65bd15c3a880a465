"""The ledger's file: what it remembers about itself, and what damage means for its windows."""

import sqlite3
from pathlib import Path
from typing import Self

from gateway.aside import Aside
from gateway.database import Database as File
from gateway.database import Layout
from gateway.hub.schema import TABLES, UPGRADES, VERSION

LAYOUT = Layout("ledger", TABLES, VERSION, UPGRADES)
_MISSING = "start the hub: `sidestream hub run`"


class Database(File):
    """The open ledger."""

    @classmethod
    def open(cls, path: Path, now: int) -> Self:
        """Open the ledger or make it; raises `PermanentError` when a newer version wrote it.

        In place of a damaged one a new ledger is begun in which every window up to `now` counts as
        decided, since what was released of them is not known.
        """

        def begin(cursor: sqlite3.Cursor, aside: Aside | None) -> None:
            if aside is not None:
                cursor.execute("INSERT INTO meta VALUES ('set_aside', ?)", (aside.reason,))
                cursor.execute("INSERT INTO meta VALUES ('floor', ?)", (str(now),))

        return cls.create(path, LAYOUT, now, begin)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Open the ledger for looking only; raises `PermanentError` when there is none."""
        return cls.look_at(path, LAYOUT, _MISSING)

    def meta(self, key: str) -> str | None:
        """Read one of the ledger's notes about itself."""
        with self.look() as cursor:
            row = cursor.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])
