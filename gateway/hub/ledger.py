"""The ledger's intake side: verdicts in, one transaction a batch, receipts out."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from types import MappingProxyType

from config.hub_plan import HubLimits
from gateway.hub.calendar import DAY, Window
from gateway.hub.contents import Contents
from gateway.hub.database import Database
from gateway.hub.intake import Accepted, Refused, Verdict
from gateway.hub.sheet import INSERT_NEW
from gateway.hub.yearbook import insert_orders
from gateway.wire import Refusal

_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(slots=True)
class Draft:
    """What a receipt for one pseudonym will say."""

    stored: list[str] = field(default_factory=list)
    refused: list[tuple[str, Refusal]] = field(default_factory=list)
    sequence: int = 0


@dataclass(slots=True)
class _Sender:
    """A plant's run of records, as the table of senders has it."""

    plant: str
    run: int
    member: str
    pseudonym: str
    first: int
    last: int
    records: int
    received: int
    end: int


_Known = tuple[str, str, int]
"""A record in the ledger: its id, digest and revision."""


class _Batch:
    """One transaction: its cursor, and what is counted in it, which is written at its end."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self.cursor = cursor
        self._senders: dict[tuple[str, int], _Sender | None] = {}
        self.named: set[str] = set()
        """Pseudonyms that are known to be in the ledger."""
        self._counts: dict[str, int] = {}
        self._counted: set[str] = set()

    def value(self, name: str) -> int:
        """Give a counter as it is now; 0 for one that there is not."""
        if name not in self._counts:
            row = self.cursor.execute(
                "SELECT value FROM counters WHERE name = ?", (name,)
            ).fetchone()
            self._counts[name] = 0 if row is None else int(row[0])
        return self._counts[name]

    def count(self, name: str, more: int = 1) -> None:
        """Count on."""
        self._counts[name] = self.value(name) + more
        self._counted.add(name)

    def begin_day(self, now: int) -> bool:
        """Forget what was stored of members in another day; tells whether one has begun."""
        day = now // DAY
        if self.value("today") == day:
            return False
        self.cursor.execute("DELETE FROM counters WHERE name = 'today' OR name LIKE 'today:%'")
        self._counts = {}
        self.count("today", day)
        return True

    def of_window(self, plant: str, window: Window) -> list[_Known]:
        """List what is known of a plant's window: ids, digests and revisions."""
        query = (
            'SELECT id, digest, revision FROM records WHERE plant = ? AND start = ? AND "end" = ?'
        )
        return self.cursor.execute(query, (plant, *window)).fetchall()

    def sender(self, record: Contents) -> _Sender | None:
        """Give the sender of a record's run as it is now; None before its first record."""
        of = record.plant, record.run or 0
        if of not in self._senders:
            query = "SELECT * FROM senders WHERE plant = ? AND run = ?"
            row = self.cursor.execute(query, of).fetchone()
            self._senders[of] = None if row is None else _Sender(*row)
        return self._senders[of]

    def send(self, verdict: Accepted, now: int) -> int:
        """Count a new record of a sender; gives the highest sequence of its run."""
        record, known = verdict.record, self.sender(verdict.record)
        sequence, end = record.sequence, verdict.window.end
        self._senders[record.plant, record.run or 0] = _Sender(
            record.plant,
            record.run or 0,
            verdict.member.name,
            record.pseudonym,
            min(known.first, sequence) if known else sequence,
            last := max(known.last, sequence) if known else sequence,
            known.records + 1 if known else 1,
            now,
            max(known.end, end) if known else end,
        )
        return last

    def write(self) -> None:
        """Write what was counted."""
        self.cursor.executemany(
            "INSERT OR REPLACE INTO senders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [astuple(one) for one in self._senders.values() if one is not None],
        )
        self.cursor.executemany(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
            "value = excluded.value",
            [(name, self._counts[name]) for name in self._counted],
        )


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
            batch = _Batch(cursor)
            new_day, newest = batch.begin_day(now), _newest(cursor)
            for name, count in limited.items():
                batch.count(f"limited:{name}", count)
            for verdict in verdicts:
                if isinstance(verdict, Accepted):
                    self._accept(batch, verdict, drafts[verdict.record.pseudonym], now)
                else:
                    self._refuse(batch, verdict, drafts, now)
            if new_day or _newest(cursor) != newest:
                self._trim(batch, now)
            batch.write()
        return dict(drafts)

    def _accept(self, batch: _Batch, verdict: Accepted, draft: Draft, now: int) -> None:
        record = verdict.record
        # An id tells plant, window and revision: a known record is among those of its window.
        of_window = batch.of_window(record.plant, verdict.window)
        known = next((digest for id_, digest, _ in of_window if id_ == record.id), None)
        if known is None:
            if self._beyond_day(batch, verdict):
                batch.count(f"limited:{verdict.member.name}")
                return
            draft.stored.append(record.id)
            draft.sequence = _insert(batch, verdict, of_window, now)
            return
        sender = batch.sender(record)
        draft.sequence = 0 if sender is None else sender.last
        if known == verdict.digest:
            batch.count("duplicates")
            draft.stored.append(record.id)
        elif _remade(batch, verdict):
            batch.count("remade")
            draft.refused.append((record.id, "remade"))
        else:
            detail = "another content is in the ledger under this id"
            _quarantine(batch, _conflict(verdict, detail), self._limits, now)
            draft.refused.append((record.id, "conflict"))

    def _refuse(self, batch: _Batch, refused: Refused, drafts: dict[str, Draft], now: int) -> None:
        _quarantine(batch, refused, self._limits, now)
        if refused.record is not None and refused.pseudonym is not None:
            drafts[refused.pseudonym].refused.append((refused.record, refused.reason))

    def _beyond_day(self, batch: _Batch, verdict: Accepted) -> bool:
        """Count a new record towards its member's day; tells when there is no room for it."""
        name, size = verdict.member.name, len(verdict.content)
        records = batch.value(f"today:records:{name}") + 1
        if records > self._limits.daily_records:
            return True
        if batch.value(f"today:bytes:{name}") + size > self._limits.daily_bytes:
            return True
        batch.count(f"today:records:{name}")
        batch.count(f"today:bytes:{name}", size)
        return False

    def _trim(self, batch: _Batch, now: int) -> None:
        """Drop the oldest of the quarantine past its bounds, counting them."""
        rows, each = self._limits.quarantine_rows, self._limits.quarantine_each
        batch.cursor.execute(
            "DELETE FROM quarantine WHERE received < ?1 OR number IN (SELECT number FROM (SELECT "
            "number, row_number() OVER (PARTITION BY member ORDER BY number DESC) AS mine, "
            "row_number() OVER (ORDER BY number DESC) AS place FROM quarantine) "
            "WHERE mine > ?2 OR place > ?3)",
            (now - self._limits.quarantine_age, each, rows),
        )
        if batch.cursor.rowcount > 0:
            batch.count("quarantine-dropped", batch.cursor.rowcount)

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


def _newest(cursor: sqlite3.Cursor) -> int | None:
    found: int | None = cursor.execute("SELECT max(number) FROM quarantine").fetchone()[0]
    return found


def _remade(batch: _Batch, verdict: Accepted) -> bool:
    """Tell whether a record was made again in another run than the one that is stored."""
    record = verdict.record
    content = batch.cursor.execute(
        "SELECT content FROM records WHERE id = ?", (record.id,)
    ).fetchone()[0]
    return record.run is not None and json.loads(content).get("run") != record.run


def _quarantine(batch: _Batch, refused: Refused, limits: HubLimits, now: int) -> None:
    batch.cursor.execute(
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
    batch.count(f"quarantined:{refused.reason}")


def _insert(batch: _Batch, verdict: Accepted, others: Sequence[_Known], now: int) -> int:
    """Write a new record beside others of its window; gives its run's highest sequence."""
    record, member, window = verdict.record, verdict.member, verdict.window
    superseded = _supersede(batch, verdict, others)
    batch.cursor.execute(
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
    _insert_sheets(batch, verdict, superseded)
    insert_orders(batch.cursor, record, member, window.start, superseded=superseded)
    if record.pseudonym not in batch.named:
        batch.cursor.execute(
            "INSERT INTO pseudonyms VALUES (?, ?) ON CONFLICT DO NOTHING",
            (record.pseudonym, member.name),
        )
        batch.named.add(record.pseudonym)
    return batch.send(verdict, now)


def _insert_sheets(batch: _Batch, verdict: Accepted, superseded: bool) -> None:
    key, member, window = verdict.record.id, verdict.member, verdict.window
    whose = (member.name, member.owner, member.waives, member.place)
    rows = [
        (key, position, *whose, *group, *window, count, None, superseded, text)
        for group, position, count, text in verdict.record.sheets
    ]
    batch.cursor.executemany(INSERT_NEW, rows)


def _supersede(batch: _Batch, verdict: Accepted, others: Sequence[_Known]) -> bool:
    """Let the highest revision of a window count, unless one has been decided already.

    Gives whether the new record does not count: what was decided is never recomputed.
    """
    for other, _, revision in others:
        decided = batch.cursor.execute(
            "SELECT 1 FROM sheets WHERE record = ? AND counted IS NOT NULL", (other,)
        ).fetchone()
        if revision > verdict.record.revision or decided:
            batch.count("superseded")
            return True
    for other, *_ in others:
        batch.cursor.execute("UPDATE sheets SET superseded = 1 WHERE record = ?", (other,))
        batch.cursor.execute("UPDATE magnitudes SET superseded = 1 WHERE record = ?", (other,))
        batch.count("superseded")
    return False
