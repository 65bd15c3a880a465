"""What a hub leaves to its pool: made with the decision it comes of, kept until the pool has it.

A message a window and kind, also when nothing is left over, so that sending one says nothing; what
does not fit one goes in several. All are of one size.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from config.hub_plan import Calendar, FederationPlan
from config.plan import Kind
from gateway.canonical import canonical
from gateway.federation import FIGURES, owner_token
from gateway.hub.calendar import Window, due, window_of
from gateway.hub.database import Database
from gateway.hub.federated import left_over, nameless
from gateway.hub.rollup import NOT_PLANNED, Decision
from gateway.hub.table import Contribution, Group
from gateway.wire import quarter

LEFT = "left to the federation"
UNNAMED = "its owner has no number in [federation.owners]"
_HEAD = 1500
"""Bytes of a message beside its figures, at most."""
_MOST = 50
Decided = list[tuple[Group, Decision]]


@dataclass(frozen=True, slots=True)
class Leaving:
    """On what terms a cluster's hub leaves something to a pool, and what stands for its owners."""

    cluster: str
    plan: FederationPlan
    key: bytes

    def active(self, period: str) -> bool:
        """Tell whether windows of a quarter are pooled."""
        return self.plan.leaves is None or period < self.plan.leaves

    def token(self, owner: str, period: str) -> str | None:
        """Give what stands for an owner in a quarter; None for one that cannot be told apart."""
        number = self.plan.owners.get(owner)
        return number and owner_token(self.key, self.plan.name, period, number)


class Waiting(NamedTuple):
    """A message that the pool has not confirmed: its number, window and figures."""

    number: int
    kind: Kind
    window: Window
    figures: list[dict[str, Any]]


def handed_over(
    decided: Decided, window: Window, leaving: Leaving
) -> tuple[Decided, list[dict[str, Any]]]:
    """Give decisions with what became of what is left over, and the figures for the pool.

    What an owner without a number has stays withheld: in the pool it might be taken for two.
    """
    period = quarter(window.start)
    kept: Decided = []
    figures: list[dict[str, Any]] = []
    for group, decision in decided:
        parts = left_over([decision])
        known = [part for part in parts if leaving.token(part.owner, period)]
        tokens = {part.owner: leaving.token(part.owner, period) or "" for part in known}
        figures += _figures(group, nameless(leaving.cluster, known, tokens.__getitem__))
        if decision.reason == NOT_PLANNED:
            reason = LEFT if len(known) == len(parts) else f"{LEFT}, but {UNNAMED}"
            kept.append((group, replace(decision, reason=reason)))
        else:
            kept.append((group, decision))
    return kept, figures


def _figures(group: Group, parts: Iterable[Contribution]) -> Iterator[dict[str, Any]]:
    for part in parts:
        found = {
            "code": part.atom.code,
            "band": part.atom.band,
            "direction": group.direction,
            "unit": group.unit,
            "owner": part.owner,
            "quantity": part.quantity,
            "coverage": part.coverage,
            "marks": list(part.marks),
            "waives": part.waives,
        }
        yield {name: value for name, value in found.items() if value is not None}


def insert_remainder(
    cursor: sqlite3.Cursor, kind: Kind, window: Window, figures: Sequence[dict[str, Any]], size: int
) -> None:
    """Store what a decided window leaves over, in as many messages as it takes, one at least."""
    # In an order of its own: that of the decisions would tell of the ledger's.
    ordered = sorted(figures, key=canonical)
    cursor.executemany(
        'INSERT INTO remainders (kind, start, "end", figures) VALUES (?, ?, ?, ?)',
        [(kind, *window, json.dumps(part)) for part in _parts(ordered, size - _HEAD)],
    )


def _parts(figures: Sequence[dict[str, Any]], room: int) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    left = room
    for figure in figures:
        length = len(canonical(figure)) + 1
        if part and (length > left or len(part) == FIGURES):
            yield part
            part, left = [], room
        part.append(figure)
        left -= length
    yield part


def fill_schedule(
    database: Database,
    leaving: Leaving,
    calendars: Mapping[Kind, Calendar],
    is_due: Callable[[Window], bool],
    begin: int,
) -> int:
    """Make empty messages for windows that are due and had nothing to decide; gives how many.

    Call it when all windows with figures that are due have been decided. The first message ever is
    that of the last window that ended before the one `begin` is in.
    """
    count = 0
    with database.change() as cursor:
        for kind, calendar in calendars.items():
            for window in _missing(cursor, kind, calendar, is_due, begin):
                if leaving.active(quarter(window.start)):
                    insert_remainder(cursor, kind, window, (), leaving.plan.size)
                    count += 1
    return count


def _missing(
    cursor: sqlite3.Cursor,
    kind: Kind,
    calendar: Calendar,
    is_due: Callable[[Window], bool],
    begin: int,
) -> Iterator[Window]:
    """Give windows after the last message's that are due, some at a time."""
    row = cursor.execute('SELECT max("end") FROM remainders WHERE kind = ?', (kind,)).fetchone()
    last = window_of(calendar, window_of(calendar, begin).start - 1)
    end = last.start if row[0] is None else row[0]
    for _ in range(_MOST):
        window = window_of(calendar, end)
        if window.start < end:
            window = window_of(calendar, window.end)
        if not is_due(window):
            return
        yield window
        end = window.end


def waiting(database: Database, after: int, limit: int) -> list[Waiting]:
    """List messages that the pool has not confirmed, by number, after a number."""
    with database.look() as cursor:
        rows = cursor.execute(
            "SELECT * FROM remainders WHERE settled IS NULL AND number > ? ORDER BY number LIMIT ?",
            (after, limit),
        ).fetchall()
    return [
        Waiting(row["number"], row["kind"], Window(row["start"], row["end"]),
                json.loads(row["figures"]))
        for row in rows
    ]  # fmt: skip


def settle(database: Database, stored: Iterable[int], refused: Mapping[int, str], now: int) -> None:
    """Note which messages the pool has, or will never take; their figures are then forgotten."""
    rows: list[tuple[int, str | None, int]] = [(now, None, number) for number in stored]
    rows += [(now, reason, number) for number, reason in refused.items()]
    with database.change() as cursor:
        cursor.executemany(
            "UPDATE remainders SET settled = ?, refused = ?, figures = '[]' "
            "WHERE number = ? AND settled IS NULL",
            rows,
        )


def due_for(wait: int, up_since: int | None, now: int) -> Callable[[Window], bool]:
    """Give what tells whether a window is due now."""
    return lambda window: due(window, wait, up_since, now)
