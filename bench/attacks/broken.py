"""Hubs broken on purpose: each gives away what one rule of the shipped one keeps.

They use the shipped partition and rules, so that what an attacker finds here and not there is put
down to the one thing that was left out.
"""

import random
from collections.abc import Iterable, Mapping, Sequence

from bench.attacks.year import Told, Unit, Year
from config.hub_plan import Rules
from gateway.hub.calendar import DAY, Window, window_of
from gateway.hub.partition import Partition, choose
from gateway.hub.rollup import decide
from gateway.hub.table import Contribution, Group, Table

GROUP = Group("material", "surplus", "t")
Rows = Sequence[tuple[Window, Table]]


def summed(rows: Rows) -> Table:
    """Sum days to one table."""
    found: dict[tuple[str, object], Contribution] = {}
    for _, table in rows:
        for part in table:
            before = found.get((part.member, part.atom))
            total = part.quantity + (before.quantity if before else 0.0)
            found[part.member, part.atom] = part._replace(quantity=total)
    return list(found.values())


def weeks(rows: Rows) -> list[Rows]:
    """Group days by whole calendar weeks."""
    found: dict[int, list[tuple[Window, Table]]] = {}
    for window, table in rows:
        found.setdefault(window_of("week", window.start).start, []).append((window, table))
    return [one for _, one in sorted(found.items()) if len(one) == 7]


def partition(rows: Iterable[Rows], rules: Rules) -> Partition:
    """Choose a partition from spans of days, by the shipped code."""
    spans = [summed(one) for one in rows]
    members = {part.member for table in spans for part in table}
    return choose(GROUP, spans, members, rules, "fixed")


def released(plan: Partition, rows: Rows, rules: Rules) -> list[Told]:
    """Decide one span of days by the shipped rules; gives what is told."""
    window = Window(rows[0][0].start, rows[-1][0].end)
    units: dict[tuple[str, object], dict[Unit, float]] = {}
    for day, table in rows:
        for part in table:
            unit = part.member, part.atom, day.start
            units.setdefault((part.member, part.atom), {})[unit] = part.quantity
    found = []
    for one in decide(plan, summed(rows), rules):
        if one.status == "released":
            parts = {u: q for p in one.parts for u, q in units[p.member, p.atom].items()}
            found.append(Told(one.name, window, one.quantity, parts))
    return found


def overlapping(year: Year, rules: Rules) -> list[Told]:
    """Release each day and each week of the same cells: windows that overlap."""
    spans = weeks(year.rows)
    plan = partition(spans, rules)
    daily = [told for rows in spans for day in rows for told in released(plan, [day], rules)]
    return daily + [told for rows in spans for told in released(plan, rows, rules)]


def two_rosters(year: Year, joiner: str, rules: Rules) -> list[Told]:
    """Release each week for the roster without a plant, and again for the one with it."""
    spans = weeks(year.rows)
    plan = partition(spans, rules)
    found = []
    for rows in spans:
        less = [(w, [part for part in table if part.member != joiner]) for w, table in rows]
        found += released(plan, less, rules) + released(plan, rows, rules)
    return found


def revised(year: Year, late: Mapping[tuple[str, int], int], rules: Rules) -> list[Told]:
    """Release each week, and again when a record that was late for it has come."""
    spans = weeks(year.rows)
    plan = partition(spans, rules)
    found = []
    for rows in spans:
        less = [(w, [part for part in table if not _late(year, late, part.member, w)])
                for w, table in rows]  # fmt: skip
        found += released(plan, less, rules)
        if sum(len(table) for _, table in less) < sum(len(table) for _, table in rows):
            found += released(plan, rows, rules)
    return found


def _late(year: Year, late: Mapping[tuple[str, int], int], member: str, window: Window) -> bool:
    return (member, (window.start - year.first) // DAY) in late


def alone(year: Year) -> list[Told]:
    """Release each week's cells by one owner each: k = 1 and no p% rule."""
    rules = Rules(k=1, p=0.0)
    spans = weeks(year.rows)
    plan = partition(spans, rules)
    return [told for rows in spans for told in released(plan, rows, rules)]


def fresh_noise(told: Told, times: int, share: float, seed: int = 1) -> list[float]:
    """Tell one cell several times, each with noise drawn anew: `share` is its deviation."""
    made = random.Random(seed)
    return [told.quantity * (1 + made.gauss(0.0, share)) for _ in range(times)]
