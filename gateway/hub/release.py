"""Release: when a window is decided, and which contributions count in it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from config.hub_plan import Calendar, Member, Order, Rules
from config.plan import Kind
from gateway.hub.book import Book
from gateway.hub.calendar import Window, due, next_window, sampled
from gateway.hub.noise import Noise
from gateway.hub.partition import HISTORY, Partition, choose_or_begin, without_cells
from gateway.hub.remainders import (
    Leaving,
    due_for,
    fill_schedule,
    handed_over,
    insert_remainder,
)
from gateway.hub.rest import guarded
from gateway.hub.rollup import OTHER_PERIOD, Decision, decide, with_noise, withheld
from gateway.hub.sheet import Sheet
from gateway.hub.summing import contributions
from gateway.hub.table import Group, Table
from gateway.hub.yearbook import orders_due
from gateway.wire import quarter, quarter_start


@dataclass(frozen=True, slots=True)
class Calendars:
    """What windows are decided by: each kind's calendar, the wait, the rules and the roster.

    `noise` is added to what is released; `leaving` says what is left to a pool; `pooling` is for a
    pool, whose members are hubs.
    """

    calendars: Mapping[Kind, Calendar]
    wait: int
    rules: Rules
    members: tuple[Member, ...]
    order: Order = "search"
    noise: Noise | None = None
    leaving: Leaving | None = None
    pooling: bool = False


def release_due(
    book: Book, plan: Calendars, up_since: int | None, now: int, limit: int = 50
) -> int:
    """Decide windows that are due, oldest first, `limit` of a kind at most; gives how many.

    A window is decided when it holds figures, or when figures of an earlier decided window wait
    for it; empty windows are passed over.
    """
    count = 0
    for kind, calendar in plan.calendars.items():
        for _ in range(limit):
            earliest = book.earliest(kind, plan.wait)
            if earliest is None:
                break
            window = next_window(calendar, book.decided_to(kind), earliest)
            if not due(window, plan.wait, up_since, now):
                break
            _release(book, plan, kind, window, now)
            count += 1
    if plan.leaving is not None and not count:
        is_due = due_for(plan.wait, up_since, now)
        fill_schedule(book.database, plan.leaving, plan.calendars, is_due, now - plan.wait)
    return count + orders_due(book, plan.rules, plan.members, plan.wait, up_since, now)


def _release(book: Book, plan: Calendars, kind: Kind, window: Window, now: int) -> None:
    period = quarter(window.start)
    standing = book.partitions(period, kind)
    tables, past = _grouped(book.undecided(kind, window.end), period if plan.pooling else None)
    chosen: list[tuple[str, Partition]] = []
    decisions: list[tuple[Group, Decision]] = []
    for group in sorted({*standing, *tables}):
        table = contributions(tables.get(group, ()), window)
        partition = standing.get(group)
        if partition is None:
            partition = _choose(book, plan, group, window, table)
            # One that would release nothing binds nobody: the next window may choose anew. But a
            # hub without own cells keeps to it, for the pool's cells hold what it has.
            if partition.cells or not _own_cells(plan, period):
                chosen.append((period, partition))
        first = quarter_start(window.start)
        before = book.rests.of(group, first, window.start, apart=plan.pooling)
        decided = decide(partition, table, plan.rules, adopt=plan.pooling)
        decided = guarded(decided, before, plan.rules)
        if plan.noise is not None:
            decided = tuple(with_noise(one, window, plan.noise) for one in decided)
        decisions.extend((group, decision) for decision in decided)
    for group, sheets in past.items():
        late = withheld(group, contributions(sheets, window), OTHER_PERIOD)
        decisions.extend((group, decision) for decision in late)
    if plan.leaving is None or not plan.leaving.active(period):
        book.decide(kind, window, chosen, decisions, now)
        return
    decisions, left = handed_over(decisions, window, plan.leaving)
    keep = partial(
        insert_remainder, kind=kind, window=window, figures=left, size=plan.leaving.plan.size
    )
    book.decide(kind, window, chosen, decisions, now, keep)


def _grouped(
    sheets: Iterable[Sheet], period: str | None
) -> tuple[Mapping[Group, list[Sheet]], Mapping[Group, list[Sheet]]]:
    """Give sheets by group; apart, where there is a period, those of other periods.

    In a pool what stands for an owner is another in each quarter.
    """
    these: dict[Group, list[Sheet]] = defaultdict(list)
    others: dict[Group, list[Sheet]] = defaultdict(list)
    for sheet in sheets:
        stands = period is None or quarter(sheet.window.start) == period
        (these if stands else others)[sheet.group].append(sheet)
    return these, others


def _choose(book: Book, plan: Calendars, group: Group, window: Window, table: Table) -> Partition:
    """Choose a group's partition from windows before this one, else from this one."""
    members = [member.name for member in plan.members if member.counts(quarter(window.start))]
    if not _own_cells(plan, quarter(window.start)):
        return without_cells(group, members)
    history = _history(book, group, plan.calendars[group.kind], window)
    digits = 0
    if plan.leaving is not None and plan.leaving.active(quarter(window.start)):
        digits = plan.leaving.plan.digits
    return choose_or_begin(group, history, table, members, plan.rules, plan.order, digits)


def _own_cells(plan: Calendars, period: str) -> bool:
    leaving = plan.leaving
    return leaving is None or not leaving.active(period) or leaving.plan.own_cells


def _history(book: Book, group: Group, calendar: Calendar, window: Window) -> list[Table]:
    reach = book.reach(group)
    earlier = sampled(calendar, window.start, reach[0], HISTORY) if reach else []
    return [table for span in earlier if (table := book.summed(group, span))]
