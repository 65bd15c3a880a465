"""The ledger's orders of magnitude: stored with their records, decided once a month.

Months are decided like windows, with partitions that hold for a quarter. A month's orders that come
after it was decided are never told: the next month tells the year anew.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from config.hub_plan import Member, Rules
from gateway.hub.book import Book, insert_cell, insert_partition, partitions_of
from gateway.hub.calendar import DAY, Window, due, window_of
from gateway.hub.contents import Contents
from gateway.hub.database import Database
from gateway.hub.orders import choose_orders, decide_orders, quantity_of
from gateway.hub.partition import Partition
from gateway.hub.table import Atom, Contribution, Group, Table
from gateway.wire import quarter

YEAR = "year"
"""What the decided months are noted under, beside the kinds with windows of their own."""
REACH = 366 * DAY
"""How long before a month's end a figure keeps its member out of the orders of the same thing."""
EARLIER = 12
"""Earlier months a partition is chosen from, at most."""


def insert_orders(
    cursor: sqlite3.Cursor, record: Contents, member: Member, start: int, *, superseded: bool
) -> None:
    """Store what a record tells of the year; `start` is that of its window."""
    if not record.magnitudes:
        return
    cursor.executemany(
        "INSERT INTO magnitudes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            (record.id, position, member.name, member.owner, m.kind, m.direction, m.unit, m.code,
             member.place, m.magnitude, start, superseded)
            for position, m in enumerate(record.magnitudes)
        ),
    )  # fmt: skip


def orders_due(
    book: Book,
    rules: Rules,
    members: Sequence[Member],
    wait: int,
    up_since: int | None,
    now: int,
) -> int:
    """Decide months that are due, oldest first; gives how many."""
    count = 0
    while (month := _next(book.database)) and due(month, wait, up_since, now):
        period = quarter(month.start)
        there = [member.name for member in members if member.counts(period)]
        _decide(book, rules, there, month, now)
        count += 1
    return count


def _next(database: Database) -> Window | None:
    """Give the earliest month with orders that is not yet decided."""
    with database.look() as cursor:
        row = cursor.execute(
            "SELECT min(start) FROM magnitudes WHERE superseded = 0 AND start >= max("
            "coalesce((SELECT decided_to FROM calendars WHERE kind = ?), 0), "
            "coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'floor'), 0))",
            (YEAR,),
        ).fetchone()
    return None if row[0] is None else window_of("month", row[0])


def _decide(book: Book, rules: Rules, members: list[str], month: Window, now: int) -> None:
    period = f"{quarter(month.start)}/{YEAR}"
    with book.database.change() as cursor:
        tables = _tables(cursor, month)
        standing = partitions_of(cursor, period)
        for group in sorted({*standing, *tables}):
            table = tables.get(group, [])
            partition = standing.get(group)
            if partition is None:
                partition = _choose(cursor, group, table, month, members, rules)
                if partition.cells:
                    insert_partition(cursor, period, partition, now)
            for decision in decide_orders(partition, table, rules):
                insert_cell(cursor, group, month, decision, now)
        cursor.execute(
            "INSERT INTO calendars VALUES (?, ?) "
            "ON CONFLICT (kind) DO UPDATE SET decided_to = excluded.decided_to",
            (YEAR, month.end),
        )


def _choose(
    cursor: sqlite3.Cursor,
    group: Group,
    table: Table,
    month: Window,
    members: list[str],
    rules: Rules,
) -> Partition:
    """Choose from earlier months, else from this one."""
    earlier = [found[group] for found in _earlier(cursor, month) if found.get(group)]
    partition = choose_orders(group, earlier, members, rules)
    return partition if partition.cells else choose_orders(group, [table], members, rules)


def _earlier(cursor: sqlite3.Cursor, month: Window) -> Iterator[Mapping[Group, Table]]:
    for _ in range(EARLIER):
        month = window_of("month", month.start - 1)
        yield _tables(cursor, month)


def _tables(cursor: sqlite3.Cursor, month: Window) -> dict[Group, list[Contribution]]:
    """Read a month's orders by group, without those of members that have figures of the same.

    A figure may be in a released quantity. Whoever took that quantity from an order over the same
    plants and others would find the others' order, so no plant is in both.
    """
    rows = cursor.execute(_ORDERS, (*month, month.end - REACH, month.end)).fetchall()
    tables: dict[Group, list[Contribution]] = defaultdict(list)
    for row in rows:
        group = Group(row["kind"], row["direction"], row["unit"])
        atom = Atom(row["code"], row["place"], None)
        quantity = quantity_of(row["magnitude"])
        tables[group].append(Contribution(row["member"], row["owner"], atom, quantity))
    return tables


_ORDERS = """
SELECT m.* FROM magnitudes AS m WHERE m.superseded = 0 AND m.start >= ? AND m.start < ?
AND NOT EXISTS (
  SELECT 1 FROM sheets AS s, json_each(s.figures) AS f WHERE s.kind = m.kind
  AND s.direction = m.direction AND s.unit = m.unit AND s.start >= ? AND s.start < ?
  AND s.member = m.member AND json_extract(f.value, '$[1]') IS m.code
) ORDER BY m.record, m.position
"""
