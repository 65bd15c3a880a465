"""What if: earlier windows decided again under other rules, and how much of them would be told."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from config.hub_plan import Calendar, Order, Rules
from gateway.hub.calendar import Window, sampled
from gateway.hub.partition import HISTORY, Partition, choose_or_begin
from gateway.hub.rest import Rest, grown, guarded
from gateway.hub.rollup import Decision, decide
from gateway.hub.table import Group, Label, Table
from gateway.wire import quarter

Windows = Sequence[tuple[Window, Table]]
"""A group's contributions by window, oldest first."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: rules, windows, and how the partition is chosen."""

    rules: Rules
    calendar: Calendar
    order: Order


@dataclass
class Outcome:
    """How much was told: absolute quantities, in the group's unit, by what cells still say."""

    total: float = 0.0
    released: float = 0.0
    digits: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    """By digits of the code, 6, 4, 2, or 0 for cells without one."""
    places: dict[int, float] = field(default_factory=lambda: defaultdict(float))
    """By parts of the place, 0 for the whole cluster."""
    banded: float = 0.0
    """In cells with a temperature band."""
    cells: int = 0
    """Released cells, over all windows."""
    windows: int = 0

    def add(self, decisions: Iterable[Decision]) -> None:
        """Count a window."""
        self.windows += 1
        for decision in decisions:
            size = math.fsum(abs(part.quantity) for part in decision.parts)
            self.total += size
            if decision.status == "released":
                self._count(decision.label, size)

    def _count(self, label: Label, size: float) -> None:
        self.released += size
        self.cells += 1
        self.digits[0 if label.code is None else 2 * label.code.count(" ") + 2] += size
        self.places[0 if label.place == "all" else label.place.count("/") + 1] += size
        self.banded += size if label.band else 0.0

    def share(self, quantity: float) -> float:
        """Give a quantity's share of all that was reported, 0-1; 0 when nothing was."""
        return quantity / self.total if self.total else 0.0


def tried(
    group: Group,
    windows: Windows,
    trial: Trial,
    since: int = 0,
    told: Callable[[], object] = lambda: None,
) -> Outcome:
    """Decide a group's windows that start at `since` or later as the hub would have under a trial.

    All contributions count in their own window, as if none had come late, and every member as if it
    had been on the roster. `told` is called for each window.
    """
    outcome = Outcome()
    known: dict[str, Partition] = {}
    rests: dict[str, dict[str, Rest]] = {}
    by_start = {window.start: table for window, table in windows}
    members = frozenset(part.member for _, table in windows for part in table)
    for window, table in windows:
        told()
        if window.start < since:
            continue
        period = quarter(window.start)
        partition = known.get(period)
        if partition is None:
            partition = _chosen(group, members, by_start, window, trial)
            if partition.cells:
                known[period] = partition
        rest = rests.get(period, {})
        decisions = guarded(decide(partition, table, trial.rules), rest, trial.rules)
        rests = {period: grown(rest, decisions)}
        outcome.add(decisions)
    return outcome


def _chosen(
    group: Group,
    members: frozenset[str],
    by_start: dict[int, Table],
    window: Window,
    trial: Trial,
) -> Partition:
    spans = sampled(trial.calendar, window.start, min(by_start), HISTORY)
    earlier = [by_start[span.start] for span in spans if by_start.get(span.start)]
    return choose_or_begin(
        group, earlier, by_start[window.start], members, trial.rules, trial.order
    )
