"""A durable SQLite file: opened safely, set aside when damaged, changed in whole transactions."""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from adapters.errors import PermanentError, TransientError
from gateway.contract import rfc3339

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds: its name in messages, its tables, and the version they are at.

    `upgrades` holds, by version, the statements that make the next version's tables of it.
    """

    name: str
    tables: str
    version: int
    upgrades: Mapping[int, str] = field(default_factory=dict)


class CorruptError(TransientError):
    """The file is damaged; opening it again sets it aside and starts a new one."""


@contextmanager
def translated(path: Path, name: str) -> Iterator[None]:
    """Turn SQLite's errors into the project's.

    Damage is `CorruptError`, a broken rule of the tables `PermanentError`, and a medium that is
    full, failing, busy or closed to us `TransientError`.
    """
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise CorruptError(f"the {name} is damaged ({error})", where=str(path)) from error
        if isinstance(error, sqlite3.IntegrityError):
            raise PermanentError(
                f"the {name} refuses a change ({error})", where=str(path)
            ) from error
        raise TransientError(
            f"the {name} cannot be used ({error})",
            where=str(path),
            mend="free space on its disk, and let the service's user write there",
        ) from error


class Database:
    """One connection to a file in WAL mode with synchronous=FULL: committed means on disk.

    Threads take turns. `set_aside` says where a damaged file went at opening, and why ("" if none).
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, name: str) -> None:
        self._connection = connection
        self._lock = threading.RLock()
        self._name = name
        self.path = path
        self.set_aside = ""

    @classmethod
    def create(cls, path: Path, layout: Layout, now: int) -> Self:
        """Open a file or make it; a damaged one is renamed, its reason beside it, and begun anew.

        Raises `PermanentError` when a newer version wrote it or its folder cannot be made, and
        `TransientError` when the medium refuses.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PermanentError(
                f"the state directory cannot be made ({error.strerror})",
                where=str(path.parent),
                mend="make it, owned by the service's user, or set [state] directory",
            ) from error
        try:
            return cls(_connect(path, layout), path, layout.name)
        except CorruptError as error:
            reason = _set_aside(path, error.what, now)
            database = cls(_connect(path, layout), path, layout.name)
            database.set_aside = reason
            return database

    @classmethod
    def look_at(cls, path: Path, layout: Layout, missing: str) -> Self:
        """Open a file that another program may be writing, for looking only.

        Raises `PermanentError` when there is none; `missing` is the next step then.
        """
        if not path.exists():
            raise PermanentError(f"there is no {layout.name} yet", where=str(path), mend=missing)
        with translated(path, layout.name):
            uri = f"{path.absolute().as_uri()}?mode=ro"
            connection = sqlite3.connect(
                uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
        return cls(connection, path, layout.name)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Cursor]:
        """Run statements as one transaction: all of them, durably, or none."""
        with self.look() as cursor:
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
        with (
            self._lock,
            translated(self.path, self._name),
            closing(self._connection.cursor()) as cursor,
        ):
            yield cursor

    def close(self) -> None:
        """Close the file; everything committed is already on disk."""
        with self._lock, translated(self.path, self._name):
            self._connection.close()


def _connect(path: Path, layout: Layout) -> sqlite3.Connection:
    with translated(path, layout.name):
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            _prepare(connection, path, layout)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise CorruptError(f"the {layout.name} is damaged ({found})", where=str(path))
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > layout.version:
        raise PermanentError(
            f"the {layout.name} is of version {version}, this program knows {layout.version}",
            where=str(path),
            mend="install the newer program again",
        )
    if version == 0:
        tables, number = layout.tables, layout.version
        connection.executescript(f"BEGIN; {tables} PRAGMA user_version = {number}; COMMIT;")
        return
    for number in range(version, layout.version):
        change = layout.upgrades[number]
        connection.executescript(f"BEGIN; {change} PRAGMA user_version = {number + 1}; COMMIT;")


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
