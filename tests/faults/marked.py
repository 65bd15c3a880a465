"""Run `sidestream` so that a trace tells when a commit has returned: each writes a line to a file.

Also runs it on a file that is synced less than the program asks for, which a replay must notice.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from agent.cli import main
from gateway.database import Database

MARKS = "SIDESTREAM_MARKS"
"""Environment: the file that gets the lines."""
SYNCHRONOUS = "SIDESTREAM_SYNCHRONOUS"
"""Environment: what stands in for synchronous = FULL."""
CHECKPOINT = "SIDESTREAM_CHECKPOINT"
"""Environment: pages in the log after which it is moved into the file."""


class Careless(sqlite3.Connection):
    """A connection whose program thinks that it is synced as it asked."""

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        """Run a statement, except for what it says of syncing."""
        if statement == "PRAGMA synchronous = FULL":
            super().execute(f"PRAGMA wal_autocheckpoint = {os.environ.get(CHECKPOINT, '1000')}")
            statement = f"PRAGMA synchronous = {os.environ.get(SYNCHRONOUS, 'FULL')}"
        return super().execute(statement, *arguments)


def _marked() -> None:
    out = os.open(os.environ[MARKS], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    change = Database.change

    @contextmanager
    def told(self: Database) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            with change(self) as cursor:
                yield cursor
            os.write(out, b"%s\n" % self.path.name.encode())

    Database.change = told  # type: ignore[method-assign]
    sqlite3.connect = partial(sqlite3.connect, factory=Careless)  # type: ignore[assignment]


if __name__ == "__main__":
    _marked()
    main()
