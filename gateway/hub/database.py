"""The ledger's file: opened safely, set aside when corrupt, changed in whole transactions only."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from adapters.errors import PermanentError, TransientError
from gateway.contract import rfc3339
from gateway.hub.schema import TABLES, VERSION

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY_SECONDS = 10.0


class CorruptError(TransientError):
    """The file is damaged; opening it again sets it aside and starts a new one."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the project's: damage, or a medium that is full or failing."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT:
            raise CorruptError(f"the ledger is damaged ({error})", where=str(path)) from error
        raise TransientError(
            f"the ledger cannot be used ({error})",
            where=str(path),
            mend="free space on its disk, and let the hub's user write there",
        ) from error


class Database:
    """One connection to the ledger, in WAL mode with synchronous=FULL: committed means on disk.

    Not for use by two threads at once. `set_aside` says where a damaged file went, and why.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self.path = path

    @classmethod
    def open(cls, path: Path, now: int) -> Self:
        """Open the ledger or make it; raises `PermanentError` when a newer version wrote it.

        A damaged file is renamed with its reason beside it, and a new ledger begun in which every
        window up to `now` counts as decided, since what was released of them is not known.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PermanentError(
                f"the state directory cannot be made ({error.strerror})", where=str(path.parent)
            ) from error
        try:
            return cls(_connect(path), path)
        except CorruptError as error:
            reason = _set_aside(path, error.what, now)
            database = cls(_connect(path), path)
            with database.change() as cursor:
                cursor.execute("INSERT INTO meta VALUES ('set_aside', ?)", (reason,))
                cursor.execute("INSERT INTO meta VALUES ('floor', ?)", (str(now),))
            return database

    @contextmanager
    def change(self) -> Iterator[sqlite3.Cursor]:
        """Run statements as one transaction: all of them, durably, or none."""
        with translated(self.path), closing(self._connection.cursor()) as cursor:
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    cursor.execute("ROLLBACK")

    @contextmanager
    def look(self) -> Iterator[sqlite3.Cursor]:
        """Run statements that change nothing."""
        with translated(self.path), closing(self._connection.cursor()) as cursor:
            yield cursor

    def meta(self, key: str) -> str | None:
        """Read one of the ledger's notes about itself."""
        with self.look() as cursor:
            row = cursor.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Close the file; everything committed is already on disk."""
        with translated(self.path):
            self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    with translated(path):
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise CorruptError(f"the ledger is damaged ({found})", where=str(path))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise PermanentError(
            f"the ledger is of version {version}, this program knows {VERSION}",
            where=str(path),
            mend="install the newer program again",
        )
    if version == 0:
        connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")


def _set_aside(path: Path, reason: str, now: int) -> str:
    stamp = rfc3339(now).replace(":", "")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 2
    while target.exists():
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
        number += 1
    for suffix in ("-wal", "-shm"):
        if (beside := path.with_name(path.name + suffix)).exists():
            beside.rename(target.with_name(target.name + suffix))
    path.rename(target)
    text = f"{reason}; set aside as {target.name}"
    target.with_name(target.name + ".reason").write_text(text + "\n")
    return text


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open the ledger for looking only, while the hub uses it; raises `PermanentError`."""
    if not path.exists():
        raise PermanentError(
            "there is no ledger yet", where=str(path), mend="start the hub: `sidestream hub run`"
        )
    with translated(path):
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        connection.row_factory = sqlite3.Row
    return connection
