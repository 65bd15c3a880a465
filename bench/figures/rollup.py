"""Roll-up: the windows of a period decided one after the other, beside reading the same figures.

The hub is far behind: every figure of the period waits. The floor reads each figure once and marks
it as counted, in a transaction a window, and decides nothing. Twice the windows must take twice as
long, the choice of the partition, which is made once a period, apart.
"""

import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.frame import Bench, Figure, Goal, Say
from config.hub_plan import Member, Rules
from gateway.hub.book import Book
from gateway.hub.calendar import Window
from gateway.hub.database import Database
from gateway.hub.release import Calendars, release_due
from gateway.hub.sheet import INSERT, Line, Sheet, Whose, lines_of, row_of
from gateway.hub.table import Group
from tests.hubkit import CLUSTER, HOUR, MONDAY

MEMBERS = 150
STREAMS = 50
WINDOWS = 720
LINEAR = Goal(1.15)
GROUP = Group("material", "surplus", "t")
CODES = tuple(
    f"{group} {place:02} {kind:02}"
    for group in (10, 12, 16, 19)
    for place in (1, 8)
    for kind in range(1, 6)
)
"""Forty codes, of which each plant has some: fewer than it has streams."""
Stream = tuple[str, float]


def members(count: int) -> tuple[Member, ...]:
    """Name members: nine owners of ten plants, in four districts of a cluster."""
    return tuple(
        Member(f"plant {n}", "", f"owner {n * 9 // 10}", f"ora/{'nesw'[n % 4]}")
        for n in range(count)
    )


def _streams(count: int, draw: random.Random) -> list[Stream]:
    return [(draw.choice(CODES), 10 ** draw.uniform(0, 3)) for _ in range(count)]


def fill(database: Database, roster: Sequence[Member], streams: int, windows: int) -> None:
    """Store an hourly record of each member, as intake would."""
    draw = random.Random(1)
    has = {member.name: _streams(streams, draw) for member in roster}
    for number in range(windows):
        start = MONDAY + number * HOUR
        with database.change() as cursor:
            for member in roster:
                record = f"{draw.getrandbits(128):032x}"
                who = (member.name, member.owner)
                cursor.execute(
                    "INSERT INTO records VALUES (?, '', ?, ?, ?, '', ?, 0, ?, ?, x'', ?)",
                    (record, member.name, *who, number + 1, start, start + HOUR, start + HOUR),
                )
                whose = Whose(*who, waives=False, place=member.place)
                lines: list[Line] = [
                    (at, code, None, size * draw.uniform(0.5, 1.5), 1.0, ())
                    for at, (code, size) in enumerate(has[member.name])
                ]
                sheet = Sheet(record, whose, GROUP, Window(start, start + HOUR), lines)
                cursor.execute(INSERT, row_of(sheet))


def decide(database: Database, roster: tuple[Member, ...], windows: int) -> tuple[float, float]:
    """Decide all windows; gives the processor seconds of the first, and of all others."""
    book = Book(database, CLUSTER)
    plan = Calendars({"material": "hour"}, HOUR, Rules(), roster)
    later = MONDAY + (windows + 10) * HOUR
    marks, count = [time.process_time()], 0
    while done := release_due(book, plan, 0, later, limit=1 if count == 0 else windows):
        count += done
        marks.append(time.process_time())
        if count >= windows:
            break
    if count != windows:
        raise RuntimeError(f"{count} of {windows} windows were decided")
    return marks[1] - marks[0], marks[-1] - marks[1]


def _floor(database: Database, windows: int) -> float:
    """Give the processor seconds of reading and marking the figures of all windows but one."""
    begun = time.process_time()
    for number in range(1, windows):
        start = MONDAY + number * HOUR
        with database.change() as cursor:
            which = ("material", start, start + HOUR)
            rows = cursor.execute(
                "SELECT figures FROM sheets WHERE kind = ? AND counted IS NULL AND superseded = 0 "
                "AND start >= ? AND start < ?",
                which,
            ).fetchall()
            if not sum(line[3] for (text,) in rows for line in lines_of(text)):
                raise RuntimeError("a window without figures")
            cursor.execute(
                "UPDATE sheets SET counted = start WHERE kind = ? AND counted IS NULL "
                "AND superseded = 0 AND start >= ? AND start < ?",
                which,
            )
    return time.process_time() - begun


def measure(count: int, streams: int, windows: int, say: Say) -> tuple[float, float, float]:
    """Give processor seconds: of the first window, of all others, and of the floor for those."""
    roster = members(count)
    with tempfile.TemporaryDirectory(prefix="sidestream-bench-") as name:
        path, copy = Path(name) / "ledger.db", Path(name) / "copy.db"
        with closing(Database.open(path, MONDAY)) as database:
            say(f"storing {windows} windows of {count} members")
            fill(database, roster, streams, windows)
            with database.look() as cursor:
                cursor.execute("VACUUM INTO ?", (str(copy),))
            say(f"deciding {windows} windows")
            first, others = decide(database, roster, windows)
        with closing(Database.open(copy, MONDAY)) as database:
            say("the floor")
            return first, others, _floor(database, windows)


def run(full: bool, say: Say) -> list[Figure]:
    """Decide a period, and half of it to see that it takes half as long."""
    windows = 144 if full else 24
    half, _ = measure(MEMBERS, STREAMS, windows // 2, say)[1:]
    first, others, floor = measure(MEMBERS, STREAMS, windows, say)
    scale = WINDOWS / (windows - 1)
    size = f"{MEMBERS} members, {STREAMS} streams"
    note = f"from {windows}"
    return [
        Figure("hub roll-up, a first window", "s", first, note=size),
        Figure(
            f"hub roll-up, {WINDOWS} windows", "s", others * scale, floor * scale,
            "read and mark", "times", note=note,
        ),
        Figure(
            "hub roll-up, a window in twice as many", "ms",
            1000 * others / (windows - 1), 1000 * half / (windows // 2 - 1),
            "in half", "times", LINEAR,
        ),
    ]  # fmt: skip


BENCH = Bench("rollup", "a hub's roll-up of a period, beside reading the same figures", run)
