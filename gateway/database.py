"""A durable SQLite file: opened safely, set aside when damaged, changed in whole transactions."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from adapters.errors import PermanentError, TransientError
from gateway.aside import Aside, conclude, interrupted, remove, set_aside
from gateway.durable import make_directory

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY_SECONDS = 10.0
_TOO_LITTLE = 65_536
"""Bytes of free space below which a file SQLite needs beside its own cannot be made."""


Upgrade = Callable[[sqlite3.Cursor, Callable[[int, int], object]], object]
"""Makes the next version's tables in a transaction; tells how much, of how much, is done."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file holds: its name in messages, its tables, and the version they are at.

    `upgrades` holds, by version, the statements that make the next version's tables of it, or what
    does. `told` hears how much, of how much, of what takes long is done.
    """

    name: str
    tables: str
    version: int
    upgrades: Mapping[int, str | Upgrade] = field(default_factory=dict)
    told: Callable[[int, int], object] = field(default=lambda _done, _all: None, compare=False)
    cache: int = 2000
    """KiB of the file that a connection keeps in memory at most; SQLite's own bound unless set."""


Begin = Callable[[sqlite3.Cursor, Aside | None], None]
"""What a new file begins with, given the damaged file it stands in for, if any."""


class CorruptError(TransientError):
    """The file is damaged; opening it again sets it aside and starts a new one."""


class FullError(TransientError):
    """There is no room left on the medium, or for us on it."""


@contextmanager
def translated(path: Path, name: str) -> Iterator[None]:
    """Turn SQLite's errors into the project's.

    Damage is `CorruptError`, no room `FullError`, a broken rule of the tables `PermanentError`, and
    a medium that is failing, busy or closed to us `TransientError`.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGE:
            raise CorruptError(f"the {name} is damaged ({error})", where=str(path)) from error
        if code == sqlite3.SQLITE_FULL or _no_room(path, code):
            raise FullError(
                f"the {name} has no room ({error})",
                where=str(path),
                mend=f"free space on its disk: `df -h {path.parent}`",
            ) from error
        if code == sqlite3.SQLITE_IOERR:
            raise TransientError(
                f"the medium of the {name} fails ({error})",
                where=str(path),
                mend="look for errors of the disk in `journalctl -k`",
            ) from error
        if isinstance(error, sqlite3.IntegrityError):
            raise PermanentError(
                f"the {name} refuses a change ({error})", where=str(path)
            ) from error
        raise TransientError(
            f"the {name} cannot be used ({error})",
            where=str(path),
            mend="free space on its disk, and let the service's user write there",
        ) from error


def _no_room(path: Path, code: int) -> bool:
    """Tell whether a failure comes of a full disk, where files beside the file cannot be made."""
    if code not in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return False
    try:
        return disk_space(path.parent) < _TOO_LITTLE
    except TransientError:
        return False


def disk_space(directory: Path) -> int:
    """Give the bytes a program like ours may still write on a directory's disk.

    Raises `TransientError` when the disk cannot be asked.
    """
    try:
        found = os.statvfs(directory)
    except OSError as error:
        raise TransientError(
            f"the disk cannot be looked at ({error.strerror})", where=str(directory)
        ) from error
    return found.f_bavail * found.f_frsize


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
        self._replacing: Aside | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        layout: Layout,
        now: int,
        begin: Begin | None = None,
        *,
        replace: bool = True,
    ) -> Self:
        """Open a file or make it; a damaged one is renamed, its reason beside it, and begun anew.

        Without `replace` a damaged file is left where it is: `CorruptError`, also where one was
        renamed and nothing has taken its place yet.

        A new file gets its tables and what `begin` writes in one transaction: it has all or
        nothing of its beginning, wherever the program or the power stops.

        Raises `PermanentError` when a newer version wrote it or its folder cannot be made, and
        `TransientError` when the medium refuses.
        """
        try:
            make_directory(path.parent)
        except OSError as error:
            raise PermanentError(
                f"the state directory cannot be made ({error.strerror})",
                where=str(path.parent),
                mend="make it, owned by the service's user, or set [state] directory",
            ) from error
        aside = interrupted(path)
        if aside is not None and not replace and not path.exists():
            raise CorruptError(aside.reason, where=str(path))
        try:
            connection, begun = _connect(path, layout, begin, aside)
        except CorruptError as error:
            if not replace:
                raise
            aside = set_aside(path, error.what, now)
            connection, begun = _connect(path, layout, begin, aside)
        database = cls(connection, path, layout.name)
        if begun and aside is not None:
            database.set_aside = aside.reason
            conclude(aside)
        return database

    @classmethod
    def join(cls, path: Path, layout: Layout) -> Self:
        """Open a file that another program may be writing, to change it too.

        Raises `CorruptError` when it is damaged: to set it aside is for the program that owns it.
        """
        return cls(_connect(path, layout, None, None)[0], path, layout.name)

    def renew(self, layout: Layout, reason: str, now: int, begin: Begin | None = None) -> None:
        """Set the file aside as damaged and go on with a new one; raises `TransientError`."""
        with self._lock, translated(self.path, self._name):
            self._connection.close()
            if self._replacing is None:
                self._replacing = set_aside(self.path, reason, now)
            else:
                remove(self.path)
            self.set_aside = self._replacing.reason
            self._connection, _ = _connect(self.path, layout, begin, self._replacing)
            conclude(self._replacing)
            self._replacing = None

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
        with self._lock, translated(self.path, self._name), _whole(self._connection) as cursor:
            yield cursor

    @contextmanager
    def look(self) -> Iterator[sqlite3.Cursor]:
        """Run statements that change nothing."""
        with (
            self._lock,
            translated(self.path, self._name),
            closing(self._connection.cursor()) as cursor,
        ):
            yield cursor

    def checkpoint(self) -> None:
        """Move what the log beside the file holds into it, as far as no reader needs the log."""
        with self.look() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def room(self) -> int:
        """Give the bytes in the file that nothing uses: what may be added without its growing."""
        with self.look() as cursor:
            free = cursor.execute("PRAGMA freelist_count").fetchone()[0]
            return int(free * cursor.execute("PRAGMA page_size").fetchone()[0])

    def size(self) -> int:
        """Give the bytes of the file and of the log beside it; raises `TransientError`."""
        files = (self.path, self.path.with_name(self.path.name + "-wal"))
        try:
            return sum(file.stat().st_size for file in files if file.exists())
        except OSError as error:
            raise TransientError(
                f"the {self._name} cannot be looked at ({error.strerror})", where=str(self.path)
            ) from error

    def close(self) -> None:
        """Close the file; everything committed is already on disk."""
        with self._lock, translated(self.path, self._name):
            self._connection.close()


def _connect(
    path: Path, layout: Layout, begin: Begin | None, aside: Aside | None
) -> tuple[sqlite3.Connection, bool]:
    """Open a file; tells whether it was begun."""
    with translated(path, layout.name):
        connection = sqlite3.connect(
            path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            begun = _prepare(connection, path, layout)
            if begun:
                _begin(connection, layout, begin, aside)
        except BaseException:
            connection.close()
            raise
    return connection, begun


def _prepare(connection: sqlite3.Connection, path: Path, layout: Layout) -> bool:
    """See that a file is sound and of this version; tells whether it is still to be begun."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA cache_size = {-layout.cache}")
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
    for number in range(version, layout.version if version else 0):
        _upgrade(connection, layout, number)
    return bool(version == 0)


def _upgrade(connection: sqlite3.Connection, layout: Layout, number: int) -> None:
    """Make the next version of a file: all of it, or nothing."""
    change, done = layout.upgrades[number], f"PRAGMA user_version = {number + 1}"
    if isinstance(change, str):
        connection.executescript(f"BEGIN; {change} {done}; COMMIT;")
        return
    with _whole(connection) as cursor:
        change(cursor, layout.told)
        cursor.execute(done)


@contextmanager
def _whole(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """Run statements as one transaction: all of them, durably, or none."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN IMMEDIATE")
        try:
            yield cursor
            cursor.execute("COMMIT")
        finally:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")


def _begin(
    connection: sqlite3.Connection, layout: Layout, begin: Begin | None, aside: Aside | None
) -> None:
    connection.executescript(f"BEGIN; {layout.tables} PRAGMA user_version = {layout.version};")
    with closing(connection.cursor()) as cursor:
        try:
            if begin is not None:
                begin(cursor, aside)
            cursor.execute("COMMIT")
        finally:
            if connection.in_transaction:
                cursor.execute("ROLLBACK")
