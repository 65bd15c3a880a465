"""A durable SQLite file: opened safely, set aside when damaged, changed in whole transactions."""

import errno
import os
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
_TOO_LITTLE = 65_536
"""Bytes of free space below which a file SQLite needs beside its own cannot be made."""
KEEP_DAMAGED = 3
"""Damaged files kept beside the new one; of more, the oldest are removed."""


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
        self.aside: Path | None = None
        """The damaged file that was found at opening, under its new name."""
        self.fresh = False
        """Whether the file was made at opening."""
        self._replacing = False

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
        fresh = not path.exists()
        try:
            database = cls(_connect(path, layout), path, layout.name)
            database.fresh = fresh
        except CorruptError as error:
            aside, reason = _set_aside(path, error.what, now)
            database = cls(_connect(path, layout), path, layout.name)
            database.set_aside, database.aside, database.fresh = reason, aside, True
        return database

    def renew(self, layout: Layout, reason: str, now: int) -> None:
        """Set the file aside as damaged and go on with a new one; raises `TransientError`."""
        with self._lock, translated(self.path, self._name):
            self._connection.close()
            if self._replacing:
                _remove(self.path)
            else:
                self.aside, self.set_aside = _set_aside(self.path, reason, now)
            self._replacing = True
            self._connection = _connect(self.path, layout)
            self._replacing, self.fresh = False, True

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


def _set_aside(path: Path, reason: str, now: int) -> tuple[Path, str]:
    """Rename a damaged file and what belongs to it; gives its new path, and why in words.

    Raises `TransientError` when the medium does not let it be renamed.
    """
    stamp = rfc3339(now).replace(":", "")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 2
    while target.exists():
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
        number += 1
    try:
        for suffix in ("-wal", "-shm", ""):
            if (file := path.with_name(path.name + suffix)).exists():
                file.rename(target.with_name(target.name + suffix))
        for old in sorted(path.parent.glob(f"{path.name}.damaged-*[0-9Z]"))[:-KEEP_DAMAGED]:
            _remove(old)
    except OSError as error:
        raise TransientError(
            f"a damaged file cannot be set aside ({error.strerror})",
            where=str(path),
            mend="look for errors of the disk in `journalctl -k`",
        ) from error
    text = f"{reason}; set aside as {target.name}"
    _write_reason(target.with_name(target.name + ".reason"), text)
    return target, text


def _write_reason(path: Path, text: str) -> None:
    """Write the reason beside a damaged file, unless the disk is full: it is told elsewhere too."""
    try:
        path.write_text(text + "\n")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise TransientError(
                f"the reason cannot be written ({error.strerror})", where=str(path)
            ) from error


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".reason"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
