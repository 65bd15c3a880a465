"""The ledger's intake side: verdicts in, one transaction a batch, receipts out."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from config.hub_plan import HubLimits
from gateway.contract import Record, Refusal
from gateway.hub.calendar import DAY
from gateway.hub.database import Database
from gateway.hub.intake import Accepted, Refused, Verdict

_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(slots=True)
class Draft:
    """What a receipt for one pseudonym will say."""

    stored: list[str] = field(default_factory=list)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    sequence: int = 0


class Ledger:
    """The durable log of records, of their figures, and of what was not taken."""

    def __init__(self, database: Database, limits: HubLimits) -> None:
        self._database = database
        self._limits = limits

    def store(
        self, verdicts: Sequence[Verdict], now: int, limited: Mapping[str, int] = _NONE
    ) -> dict[str, Draft]:
        """Commit a batch and give what to tell each pseudonym.

        `limited` counts messages by sender that were not even looked at. A record beyond its
        member's day is counted with them, and nobody is told of it.

        A record already there is told of again; one whose id is known with other content is
        quarantined as a conflict, unless its plant has begun a new run since: then the first stands
        and the new one is told of as remade. Raises `TransientError` when nothing could be stored.
        """
        drafts: dict[str, Draft] = defaultdict(Draft)
        with self._database.change() as cursor:
            new_day, newest = _begin_day(cursor, now), _newest(cursor)
            for name, count in limited.items():
                _count(cursor, f"limited:{name}", count)
            for verdict in verdicts:
                if isinstance(verdict, Accepted):
                    self._accept(cursor, verdict, drafts[verdict.record.pseudonym], now)
                else:
                    self._refuse(cursor, verdict, drafts, now)
            if new_day or _newest(cursor) != newest:
                self._trim(cursor, now)
        return dict(drafts)

    def _accept(self, cursor: sqlite3.Cursor, verdict: Accepted, draft: Draft, now: int) -> None:
        record = verdict.record
        known = cursor.execute("SELECT digest FROM records WHERE id = ?", (record.id,)).fetchone()
        if known is None:
            if self._beyond_day(cursor, verdict):
                _count(cursor, f"limited:{verdict.member.name}")
                return
            _insert(cursor, verdict, now)
        elif known[0] == verdict.digest:
            _count(cursor, "duplicates")
        elif _remade(cursor, verdict):
            _count(cursor, "remade")
            draft.refused.append((record.id, "remade"))
            draft.sequence = _last(cursor, record)
            return
        else:
            detail = "another content is in the ledger under this id"
            _quarantine(cursor, _conflict(verdict, detail), self._limits, now)
            draft.refused.append((record.id, "conflict"))
            draft.sequence = _last(cursor, record)
            return
        draft.stored.append(record.id)
        draft.sequence = _last(cursor, record)

    def _refuse(
        self, cursor: sqlite3.Cursor, refused: Refused, drafts: dict[str, Draft], now: int
    ) -> None:
        _quarantine(cursor, refused, self._limits, now)
        if refused.record is not None and refused.pseudonym is not None:
            drafts[refused.pseudonym].refused.append((refused.record, refused.reason))

    def _beyond_day(self, cursor: sqlite3.Cursor, verdict: Accepted) -> bool:
        """Count a new record towards its member's day; tells when there is no room for it."""
        name, size = verdict.member.name, len(verdict.content)
        records = _value(cursor, f"today:records:{name}") + 1
        if records > self._limits.daily_records:
            return True
        if _value(cursor, f"today:bytes:{name}") + size > self._limits.daily_bytes:
            return True
        _count(cursor, f"today:records:{name}")
        _count(cursor, f"today:bytes:{name}", size)
        return False

    def _trim(self, cursor: sqlite3.Cursor, now: int) -> None:
        """Drop the oldest of the quarantine past its bounds, counting them."""
        rows, each = self._limits.quarantine_rows, self._limits.quarantine_each
        cursor.execute(
            "DELETE FROM quarantine WHERE received < ?1 OR number IN (SELECT number FROM (SELECT "
            "number, row_number() OVER (PARTITION BY member ORDER BY number DESC) AS mine, "
            "row_number() OVER (ORDER BY number DESC) AS place FROM quarantine) "
            "WHERE mine > ?2 OR place > ?3)",
            (now - self._limits.quarantine_age, each, rows),
        )
        if cursor.rowcount > 0:
            _count(cursor, "quarantine-dropped", cursor.rowcount)

    def member_of(self, pseudonym: str) -> str | None:
        """Tell which member has used a pseudonym in a record that was stored."""
        with self._database.look() as cursor:
            row = cursor.execute(
                "SELECT member FROM pseudonyms WHERE pseudonym = ?", (pseudonym,)
            ).fetchone()
        return None if row is None else str(row[0])


def _conflict(verdict: Accepted, detail: str) -> Refused:
    return Refused(
        "conflict",
        detail,
        "",
        verdict.content,
        verdict.record.pseudonym,
        verdict.member.name,
        verdict.record.id,
    )


def _begin_day(cursor: sqlite3.Cursor, now: int) -> bool:
    """Forget what was stored of members in another day; tells whether one has begun."""
    day = now // DAY
    if _value(cursor, "today") == day:
        return False
    cursor.execute("DELETE FROM counters WHERE name = 'today' OR name LIKE 'today:%'")
    _count(cursor, "today", day)
    return True


def _newest(cursor: sqlite3.Cursor) -> int | None:
    found: int | None = cursor.execute("SELECT max(number) FROM quarantine").fetchone()[0]
    return found


def _value(cursor: sqlite3.Cursor, name: str) -> int:
    row = cursor.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def _count(cursor: sqlite3.Cursor, name: str, more: int = 1) -> None:
    cursor.execute(
        "INSERT INTO counters VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        (name, more),
    )


def _remade(cursor: sqlite3.Cursor, verdict: Accepted) -> bool:
    """Tell whether a record was made again in another run than the one that is stored."""
    record = verdict.record
    content = cursor.execute("SELECT content FROM records WHERE id = ?", (record.id,)).fetchone()[0]
    return record.run is not None and json.loads(content).get("run") != record.run


def _last(cursor: sqlite3.Cursor, record: Record) -> int:
    row = cursor.execute(
        "SELECT last FROM senders WHERE plant = ? AND run = ?", (record.plant, record.run or 0)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _quarantine(cursor: sqlite3.Cursor, refused: Refused, limits: HubLimits, now: int) -> None:
    cursor.execute(
        "INSERT INTO quarantine (reason, detail, member, record, topic, payload, size, received) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            refused.reason,
            # What others sent may hold halves of surrogate pairs, which no file can.
            refused.detail[:500].encode(errors="backslashreplace").decode(),
            refused.member,
            refused.record,
            refused.topic[:500].encode(errors="backslashreplace").decode(),
            refused.payload[: limits.quarantine_bytes],
            len(refused.payload),
            now,
        ),
    )
    _count(cursor, f"quarantined:{refused.reason}")


def _insert(cursor: sqlite3.Cursor, verdict: Accepted, now: int) -> None:
    record, member, window = verdict.record, verdict.member, verdict.window
    superseded = _supersede(cursor, verdict)
    cursor.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.id,
            verdict.digest,
            record.plant,
            member.name,
            member.owner,
            record.pseudonym,
            record.sequence,
            record.revision,
            *window,
            verdict.content,
            now,
        ),
    )
    _insert_figures(cursor, verdict, superseded)
    _insert_sender(cursor, verdict, now)


def _insert_figures(cursor: sqlite3.Cursor, verdict: Accepted, superseded: bool) -> None:
    member = verdict.member
    key, who = verdict.record.id, (member.name, member.owner, member.waives)
    span = (*verdict.window, superseded)
    rows = (
        ((f.kind, f.direction, f.unit, f.code, member.place, f.band), f)
        for f in verdict.record.figures
    )
    cursor.executemany(
        "INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)",
        (
            (key, position, *who, *what, f.quantity, f.coverage, json.dumps(f.marks), *span)
            for position, (what, f) in enumerate(rows)
        ),
    )


def _supersede(cursor: sqlite3.Cursor, verdict: Accepted) -> bool:
    """Let the highest revision of a window count, unless one has been decided already.

    Gives whether the new record does not count: what was decided is never recomputed.
    """
    record, window = verdict.record, verdict.window
    others = cursor.execute(
        'SELECT id, revision FROM records WHERE plant = ? AND start = ? AND "end" = ?',
        (record.plant, *window),
    ).fetchall()
    for other, revision in others:
        decided = cursor.execute(
            "SELECT 1 FROM figures WHERE record = ? AND counted IS NOT NULL", (other,)
        ).fetchone()
        if revision > record.revision or decided:
            _count(cursor, "superseded")
            return True
    for other, _ in others:
        cursor.execute("UPDATE figures SET superseded = 1 WHERE record = ?", (other,))
        _count(cursor, "superseded")
    return False


def _insert_sender(cursor: sqlite3.Cursor, verdict: Accepted, now: int) -> None:
    record = verdict.record
    cursor.execute(
        "INSERT INTO senders VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)"
        " ON CONFLICT (plant, run) DO UPDATE SET "
        "member = excluded.member, pseudonym = excluded.pseudonym, "
        "first = min(first, excluded.first), last = max(last, excluded.last), "
        'records = records + 1, received = excluded.received, "end" = max("end", excluded."end")',
        (
            record.plant,
            record.run or 0,
            verdict.member.name,
            record.pseudonym,
            record.sequence,
            record.sequence,
            now,
            verdict.window.end,
        ),
    )
    cursor.execute(
        "INSERT INTO pseudonyms VALUES (?, ?) ON CONFLICT DO NOTHING",
        (record.pseudonym, verdict.member.name),
    )
