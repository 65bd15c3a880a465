"""Messages for contract partners in the state file: they wait, are sent, withdrawn, or dropped.

One leaves the queue when the broker has taken it and somebody is subscribed to it: a partner gives
no receipt. What the bounds or a full disk push out goes before any record, oldest first.
"""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from agent.disclosing.policy import Step
from agent.disclosing.sealed_detail import MADE, SealedDetail, Unmade
from agent.keeping.rows import add_events, count
from agent.keeping.tables import Queued
from agent.measuring.total import Event
from gateway.database import Database

DetailStatus = Literal["queued", "sent", "withdrawn", "ended", "dropped"]
"""How far a message is; `withdrawn`: sent before a stream in it was withdrawn, and not confirmed;
`ended`: its contract was ended while it waited."""
DROPPED = "partner_dropped"
"""Name of the number of messages that were dropped."""
_INSERT = """
INSERT OR IGNORE INTO details (id, partner, contract, start, "end", plain, payload, steps, labels,
  due, queued) VALUES (?,?,?,?,?,?,?,?,?,?,?)
"""
_WAITING = """
SELECT rowid, id, start, "end", partner, payload, due FROM details
WHERE status = 'queued' AND due <= ? AND length(payload) > 0
  AND partner NOT IN (SELECT value FROM json_each(?)) ORDER BY start LIMIT ?
"""
_SIZES = """
SELECT id, queued, length(payload) + length(plain) + length(steps) + 600
FROM details WHERE status = 'queued' ORDER BY start
"""
_SETTLE = "UPDATE details SET status = ?, settled = ?, reason = ?, payload = x'' WHERE id = ?"
_CLAIM = """
UPDATE details SET sent = coalesce(sent, ?) WHERE id = ? AND status = 'queued' AND payload = ?
"""
_KNOWN = "SELECT 1 FROM sqlite_master WHERE name = 'details'"


@dataclass(frozen=True, slots=True)
class ReleasedDetail:
    """A line of the release log: what left for a partner or waits to, and the steps to it."""

    id: str
    partner: str
    contract: str
    start: int
    end: int
    status: DetailStatus
    settled: int | None
    reason: str
    text: str
    """What was signed, as it was signed."""
    steps: tuple[Step, ...]
    labels: Mapping[str, str]

    @property
    def plain(self) -> Mapping[str, Any]:
        """What was signed; nothing when a full disk took it."""
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass(frozen=True, slots=True)
class DetailDepth:
    """How many messages wait, in how many bytes, and how many were dropped.

    `by_partner` counts them by contract, `untried` names partners with one that was never sent.
    """

    waiting: int = 0
    bytes: int = 0
    dropped: int = 0
    untried: tuple[str, ...] = ()
    by_partner: Mapping[str, int] = field(default_factory=dict)


class Details:
    """The messages for partners in a state file; methods block on the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queued(self, now: int, limit: int, held: Collection[str] = ()) -> list[Queued]:
        """Give messages that may be sent by `now`, oldest window first, but to partners `held`."""
        with self._database.look() as db:
            rows = db.execute(_WAITING, (now, json.dumps(sorted(held)), limit))
            return [Queued(*row) for row in rows]

    def sending(self, message: Queued, now: int) -> bool:
        """Note that a message is about to be sent; tells whether it may be, with these bytes."""
        with self._database.change() as db:
            db.execute(_CLAIM, (now, message.id, message.payload))
            return bool(db.rowcount > 0)

    def settle(self, message: str, now: int) -> None:
        """Take a message out of the queue: the broker has it for somebody who is subscribed."""
        with self._database.change() as db:
            db.execute(f"{_SETTLE} AND status = 'queued'", ("sent", now, "", message))

    def end(self, ended: Mapping[str, str], known: Collection[str], now: int) -> list[Event]:
        """Take back what waits of contracts that were ended or are not `known` any more."""
        with self._database.change() as db:
            query = "SELECT id, partner || ' ' || contract FROM details WHERE status = 'queued'"
            gone = [
                (message, ended.get(name, "the plant file has the contract no more"))
                for message, name in db.execute(query).fetchall()
                if name in ended or name not in known
            ]
            db.executemany(_SETTLE, [("ended", now, why, message) for message, why in gone])
            text = f"{len(gone)} waiting messages for partners are not sent: no contract in force"
            events = [Event(now, "", "partner-ended", text)] if gone else []
            add_events(db, events)
            return events

    def unmade(self) -> list[Unmade]:
        """Give the messages that wait to be made again."""
        query = (
            "SELECT id, partner || ' ' || contract, start, \"end\", plain, labels, steps"
            " FROM details WHERE status = 'queued' AND length(payload) = 0 ORDER BY start"
        )
        with self._database.look() as db:
            return [_unmade(row) for row in db.execute(query)]

    def remade(self, message: SealedDetail) -> None:
        """Put a message that was made again in the place of what it was."""
        with self._database.change() as db:
            db.execute(
                "UPDATE details SET plain = ?, payload = ?, steps = ?, labels = ?"
                " WHERE id = ? AND status = 'queued' AND length(payload) = 0",
                (
                    message.plain, message.payload, _steps(message.steps),
                    json.dumps(dict(message.labels)), message.id,
                ),
            )  # fmt: skip

    def released(self, start: int, end: int) -> list[ReleasedDetail]:
        """Give the release log of windows in [start, end); a file of before has none."""
        query = (
            'SELECT id, partner, contract, start, "end", status, settled, reason, plain, steps,'
            ' labels FROM details WHERE start >= ? AND "end" <= ? ORDER BY start, partner'
        )
        with self._database.look() as db:
            if not db.execute(_KNOWN).fetchone():
                return []
            return [_released(row) for row in db.execute(query, (start, end))]

    def depth(self) -> DetailDepth:
        """Measure what waits."""
        with self._database.look() as db:
            if not db.execute(_KNOWN).fetchone():
                return DetailDepth()
            waiting, size = db.execute(
                "SELECT count(*), coalesce(sum(length(payload)), 0)"
                " FROM details WHERE status = 'queued'"
            ).fetchone()
            untried = db.execute(
                "SELECT DISTINCT partner FROM details WHERE status = 'queued' AND sent IS NULL"
            ).fetchall()
            dropped = db.execute("SELECT value FROM meta WHERE name = ?", (DROPPED,)).fetchone()
            each = db.execute(
                "SELECT partner || ' ' || contract, count(*) FROM details"
                " WHERE status = 'queued' GROUP BY 1"
            ).fetchall()
        by_partner = {str(name): int(many) for name, many in each}
        lost = int(dropped[0]) if dropped else 0
        return DetailDepth(waiting, size, lost, tuple(row[0] for row in untried), by_partner)


# Within transactions of the whole file.


def insert(db: sqlite3.Cursor, made: Sequence[tuple[SealedDetail, int]], now: int) -> None:
    """Add messages, each with the instant it may first be sent at; `now` is when it is queued."""
    db.executemany(
        _INSERT,
        [
            (
                one.id, one.partner, one.contract, one.start, one.end, one.plain, one.payload,
                _steps(one.steps), json.dumps(dict(one.labels)), due, now,
            )
            for one, due in made
        ],
    )  # fmt: skip


def withhold_details(
    db: sqlite3.Cursor, names: Collection[str], now: int
) -> tuple[int, list[Event]]:
    """Hold back what waits and has a withdrawn stream in it.

    Gives how many messages will be made again, and what to tell of those that were sent before.
    """
    query = "SELECT id, sent, labels FROM details WHERE status = 'queued' AND length(payload) > 0"
    remade, events = 0, []
    for message, sent, labels in db.execute(query).fetchall():
        held = json.loads(labels)
        if not set(held) & set(names):
            continue
        if sent is None:
            db.execute("UPDATE details SET payload = x'' WHERE id = ?", (message,))
            remade += 1
        else:
            why = "sent before a stream in it was withdrawn; not sent again"
            db.execute(_SETTLE, ("withdrawn", now, why, message))
            text = f"message {message} to a partner is not sent again: a stream was withdrawn"
            events.append(Event(now, "", "record-withdrawn", text))
    return remade, events


def sizes(db: sqlite3.Cursor) -> list[Sequence[Any]]:
    """Give id, instant of queueing and bytes of each that waits, oldest window first."""
    return list(db.execute(_SIZES).fetchall())


def drop(db: sqlite3.Cursor, dropped: Sequence[tuple[str, str]], now: int) -> list[Event]:
    """Drop waiting messages, each with its reason; gives what to tell, counted once for all."""
    if not dropped:
        return []
    db.executemany(_SETTLE, [("dropped", now, why, message) for message, why in dropped])
    count(db, DROPPED, len(dropped))
    reasons = ", ".join(sorted({why for _, why in dropped}))
    text = f"{len(dropped)} waiting messages for partners were dropped: {reasons}"
    return [Event(now, "", "partner-dropped", text)]


def _steps(steps: Sequence[Step]) -> str:
    return json.dumps([asdict(step) for step in steps])


def _read_steps(text: str) -> tuple[Step, ...]:
    return tuple(Step(**step) for step in json.loads(text))


def _unmade(row: Sequence[Any]) -> Unmade:
    message, contract, start, end, plain, labels, steps = row
    streams = tuple(json.loads(plain).get("streams", ()))
    log = tuple(step for step in _read_steps(steps) if step.name not in MADE)
    return Unmade(message, contract, start, end, streams, json.loads(labels), log)


def _released(row: Sequence[Any]) -> ReleasedDetail:
    message, partner, contract, start, end, status, settled, reason, plain, steps, labels = row
    return ReleasedDetail(
        message, partner, contract, start, end, status, settled, reason, plain,
        _read_steps(steps), json.loads(labels),
    )  # fmt: skip
