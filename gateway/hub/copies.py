"""Copies of the ledger, made while the hub runs, and a ledger made anew of one after damage."""

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from adapters.errors import PermanentError, TransientError
from config.hub_plan import Calendar, HubPlan
from gateway.aside import Aside, conclude, interrupted, set_aside
from gateway.database import CorruptError, translated
from gateway.durable import sync_names
from gateway.hub.calendar import window_of
from gateway.hub.database import LAYOUT, Database
from gateway.hub.resheeting import FORMER, fill
from gateway.hub.sheet import checked_lines, lines_of, text_of
from gateway.hub.status import LEDGER
from gateway.hub.yearbook import YEAR
from gateway.salvage import Saved, salvage
from gateway.wire import rfc3339

_TABLES = {
    "meta": "key", "records": "rowid", "sheets": "rowid", "senders": "plant, run",
    "pseudonyms": "pseudonym", "quarantine": "number", "counters": "name", "calendars": "kind",
    "partitions": "period, kind, direction, unit", "cells": "number",
    "magnitudes": "record, position", "remainders": "number", "peers": "hub",
}  # fmt: skip
_FORMER = {"figures": "record, position"}
"""Ledgers before version 6 have a row a figure, in place of sheets."""
_BY_ID = {"records": "id"}
"""Ledgers that were begun with such keep records by their ids, not in the order they came in."""
_PRIVATE = 0o600


class SoundError(PermanentError):
    """The ledger that is there is sound, and so is not replaced."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a ledger was made of: rows by table, read of the damaged one and added of the copy.

    `presumed` counts figures of windows that were due: they are taken as released, where the
    damaged ledger no longer tells.
    """

    damaged: Mapping[str, Saved]
    copied: Mapping[str, Saved]
    presumed: int
    aside: str


def backup(plan: HubPlan, target: Path) -> int:
    """Copy the ledger as of now into a file, replaced at once; gives its size in bytes.

    The hub may run meanwhile. Raises `PermanentError` when there is no ledger, or it is damaged.
    """
    path = Path(plan.state_dir) / LEDGER
    draft = target.with_name(target.name + ".new")
    with closing(Database.read(path, former=True)):
        pass
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE))
        with translated(path, "ledger"):
            _copy(path, draft)
        _check(draft, "the copy is not whole")
        draft.replace(target)
        sync_names(target.parent)
        return target.stat().st_size
    except OSError as error:
        raise PermanentError(
            f"the copy cannot be written ({error.strerror})",
            where=str(target),
            mend="give --output a file you may write",
        ) from error
    finally:
        with suppress(OSError):
            _remove(draft)


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        new.execute("PRAGMA synchronous = FULL")
        old.backup(new)
        new.execute("PRAGMA journal_mode = DELETE")


def _check(copy: Path, what: str) -> None:
    """See that a copy is a whole ledger of a version this program knows."""
    try:
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as found:
            state = found.execute("PRAGMA integrity_check(1)").fetchone()[0]
            version = found.execute("PRAGMA user_version").fetchone()[0]
            found.execute("SELECT count(*) FROM calendars").fetchone()
    except sqlite3.Error as error:
        raise PermanentError(f"{what}: {error}", where=str(copy), mend="use another") from error
    if state != "ok" or not 0 < version <= LAYOUT.version:
        problem = state if state != "ok" else f"it is of version {version}"
        raise PermanentError(f"{what}: {problem}", where=str(copy), mend="use another")


def restore(plan: HubPlan, copy: Path | None, now: int) -> Restored:
    """Make the ledger anew of what can be read of the damaged one, and of a copy where it is given.

    What the damaged one tells goes first, since it is newer. The hub must not run. The damaged
    ledger is kept beside the new one; a sound one is not replaced. Raises `PermanentError`.
    """
    path = Path(plan.state_dir) / LEDGER
    source, draft = path.with_name(LEDGER + ".copied"), path.with_name(LEDGER + ".restored")
    if copy is not None:
        _check(copy, "the copy cannot be used")
    aside = _damaged(path, now)
    _remove(draft)
    try:
        if copy is not None:
            _remove(source)
            _copy(copy, source)
            # A copy of an older version gets the tables of this one.
            Database.create(source, LAYOUT, now, replace=False).close()
        with closing(Database.create(draft, LAYOUT, now)) as fresh:
            made = _fill(fresh, plan, aside, source if copy is not None else None, now)
    finally:
        _remove(source)
    _owned_like_folder(draft)
    draft.replace(path)
    sync_names(path.parent)
    if aside is not None:
        conclude(aside)
    return made


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _damaged(path: Path, now: int) -> Aside | None:
    """Set the present ledger aside, or find the one an interrupted attempt has set aside."""
    if not path.exists():
        return interrupted(path)
    try:
        with closing(Database.create(path, LAYOUT, now, replace=False)):
            pass
    except CorruptError as error:
        return set_aside(path, error.what, now)
    raise SoundError(
        "the ledger is sound, and is not replaced",
        where=str(path),
        mend="move it away first, if it is to be given up for the copy",
    )


def _fill(
    fresh: Database, plan: HubPlan, aside: Aside | None, source: Path | None, now: int
) -> Restored:
    with fresh.change() as cursor:
        first = _read(aside.path, cursor) if aside is not None else {}
        cursor.execute("CREATE TEMP TABLE told AS SELECT record, position FROM sheets")
        then = _read(source, cursor) if source is not None else {}
        known = first.get("calendars")
        if known is None or not known.whole or not known.rows:
            _presume_decided(cursor, plan, now if aside is None else _last_written(aside.path, now))
        presumed = _presume_counted(cursor)
        cursor.execute("DROP TABLE told")
        note = f"{rfc3339(now)}{f' after damage: {aside.reason}' if aside else ''}"
        cursor.execute("INSERT OR REPLACE INTO meta VALUES ('restored', ?)", (note,))
    return Restored(first, then, presumed, "" if aside is None else aside.path.name)


def _read(path: Path, cursor: sqlite3.Cursor) -> dict[str, Saved]:
    """Take over what can be read of a ledger of any version, and is not there yet."""
    orders = _TABLES | _BY_ID if _finds(path, _KEPT_BY_ID) else _TABLES
    if not _finds(path, _A_ROW_A_FIGURE):
        return salvage(path, cursor, orders, partial(_completes, cursor))
    # Among the temporary tables it hides the view of that name.
    cursor.execute(f"CREATE TEMP TABLE figures ({FORMER}) STRICT, WITHOUT ROWID")
    tables = {name: order for name, order in orders.items() if name != "sheets"}
    found = salvage(path, cursor, tables | _FORMER, partial(_completes, cursor))
    fill(cursor, "temp.figures")
    cursor.execute("DROP TABLE temp.figures")
    return found


_A_ROW_A_FIGURE = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'figures'"
_KEPT_BY_ID = "SELECT 1 FROM pragma_table_list WHERE name = 'records' AND wr"


def _finds(path: Path, query: str) -> bool:
    """Tell whether a ledger has what is looked for; one that tells nothing at all has not."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as found:
            return found.execute(query).fetchone() is not None
    except sqlite3.Error:
        return False


def _completes(cursor: sqlite3.Cursor, table: str, row: dict[str, Any]) -> bool:
    """Tell whether a row adds something; leaves on a sheet only the figures that are not known.

    What was salvaged of a ledger that has a row a figure may be a part of a sheet.
    """
    if table not in ("sheets", "figures"):
        return True
    try:
        if table == "figures":
            return isinstance(json.loads(row["marks"]), list)
        lines = checked_lines(row["figures"])
    except ValueError:
        return False
    query = "SELECT figures FROM sheets WHERE record = ?"
    texts = cursor.execute(query, (row["record"],)).fetchall()
    known = {line[0] for (text,) in texts for line in lines_of(text)}
    lines = [line for line in lines if line[0] not in known]
    if lines:
        row |= {"position": lines[0][0], "count": len(lines), "figures": text_of(lines)}
    return bool(lines)


def _last_written(path: Path, now: int) -> int:
    """Give the instant up to which a ledger may have decided windows."""
    try:
        return min(now, path.stat().st_mtime_ns)
    except OSError as error:
        raise TransientError("it cannot be looked at", where=str(path)) from error


def _presume_decided(cursor: sqlite3.Cursor, plan: HubPlan, until: int) -> None:
    """Take windows that were due by an instant as decided: they may have been released."""
    calendars: list[tuple[str, Calendar]] = [*plan.calendars.items(), (YEAR, "month")]
    for kind, calendar in calendars:
        end = window_of(calendar, until - plan.wait).start
        cursor.execute(
            "INSERT INTO calendars VALUES (?, ?) ON CONFLICT (kind) "
            "DO UPDATE SET decided_to = max(decided_to, excluded.decided_to)",
            (kind, end),
        )


def _presume_counted(cursor: sqlite3.Cursor) -> int:
    """Take what only the copy holds as counted, where its window has been decided since."""
    rows = cursor.execute(
        "UPDATE sheets SET counted = start WHERE counted IS NULL AND superseded = 0 AND start < "
        "(SELECT decided_to FROM calendars WHERE calendars.kind = sheets.kind) "
        "AND (record, position) NOT IN (SELECT record, position FROM told) RETURNING count"
    ).fetchall()
    return sum(count for (count,) in rows)


def _owned_like_folder(path: Path) -> None:
    """Give a file that root has made to whoever owns its folder: the hub's user."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)
    path.chmod(_PRIVATE)
