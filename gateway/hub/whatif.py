"""What if, on a ledger: its figures by window, read beside a running hub, and tried rules."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from config.hub_plan import Calendar, HubPlan
from config.plan import Kind
from gateway.hub.book import Book
from gateway.hub.calendar import Window, window_of
from gateway.hub.database import Database
from gateway.hub.explore import Outcome, Trial, tried
from gateway.hub.status import LEDGER
from gateway.hub.table import Group, Table


@dataclass(frozen=True, slots=True)
class Explored:
    """What a trial would have told of a group."""

    group: Group
    trial: Trial
    outcome: Outcome


def explored(
    plan: HubPlan,
    trials: Sequence[Trial],
    kinds: Sequence[Kind],
    since: int,
    told: Callable[[Group, Trial], object],
) -> Iterator[Explored]:
    """Try each trial on each group of the ledger; `told` hears of each before it begins.

    `since` is the first instant (nanoseconds since 1970 UTC) windows are decided from; partitions
    are chosen from earlier ones too. The ledger is only read. Raises `PermanentError` without one.
    """
    with closing(Database.read(Path(plan.state_dir) / LEDGER)) as database:
        book = Book(database, plan.cluster)
        for group in (one for one in book.groups() if one.kind in kinds):
            read: dict[Calendar, list[tuple[Window, Table]]] = {}
            for trial in trials:
                told(group, trial)
                if trial.calendar not in read:
                    read[trial.calendar] = _windows(book, group, trial.calendar)
                yield Explored(group, trial, tried(group, read[trial.calendar], trial, since))


def _windows(book: Book, group: Group, calendar: Calendar) -> list[tuple[Window, Table]]:
    """Sum a group's figures by window; windows without any are left out."""
    reach = book.reach(group)
    found: list[tuple[Window, Table]] = []
    at, last = reach or (0, -1)
    while at <= last:
        window = window_of(calendar, at)
        table = book.summed(group, window)
        if table:
            found.append((window, table))
        at = window.end
    return found
