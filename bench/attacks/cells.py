"""Inference: what told cells, public yearly tonnages and the fact of suppression say of one owner.

No subtraction helps here (`sums` does that); these attackers guess, and are held to what they would
have guessed without the cells.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.attacks.sums import Remainder, estimates
from bench.attacks.year import Told, Unit
from config.hub_plan import Calendar, Order, Rules
from gateway.hub.calendar import Window, sampled
from gateway.hub.partition import HISTORY, Partition, choose_or_begin
from gateway.hub.rest import Rest, grown, guarded
from gateway.hub.rollup import decide
from gateway.hub.safety import weighed
from gateway.hub.table import Group, Table
from gateway.wire import quarter

GROUP = Group("material", "surplus", "t")
NOBODY: tuple[str, object] = ("", None)
Rows = Sequence[tuple[Window, Table]]


@dataclass(frozen=True)
class Outcome:
    """What a hub told and withheld of the cells of its partitions, window by window."""

    told: tuple[Told, ...]
    withheld: tuple[Told, ...]
    owner: Mapping[str, str]
    truth: Mapping[Unit, float]


def decided(
    rows: Rows, calendar: Calendar, rules: Rules, since: int, order: Order = "search"
) -> Outcome:
    """Decide the windows from `since` on as the shipped hub does, quarter by quarter."""
    by_start = {window.start: table for window, table in rows}
    members = {part.member for _, table in rows for part in table}
    plans: dict[str, Partition] = {}
    rests: dict[str, dict[str, Rest]] = {}
    told: list[Told] = []
    withheld: list[Told] = []
    for window, table in rows:
        if window.start < since:
            continue
        period = quarter(window.start)
        if period not in plans:
            spans = sampled(calendar, window.start, rows[0][0].start, HISTORY)
            earlier = [by_start[span.start] for span in spans]
            plans[period] = choose_or_begin(GROUP, earlier, table, members, rules, order)
        rest = rests.get(period, {})
        decisions = guarded(decide(plans[period], table, rules), rest, rules)
        rests = {period: grown(rest, decisions)}
        for one in decisions:
            parts = {(p.member, p.atom, window.start): p.quantity for p in one.parts}
            if one.listed:
                found = told if one.status == "released" else withheld
                found.append(Told(f"{period} {one.name}", window, one.quantity, parts))
    owner = {part.member: part.owner for _, table in rows for part in table}
    truth = {
        (p.member, p.atom, w.start): p.quantity
        for w, table in rows
        if w.start >= since
        for p in table
    }
    return Outcome(tuple(told), tuple(withheld), owner, truth)


# -- yearly tonnages: what is left of them when the told windows are taken away --------------------


def rests_of_the_year(found: Outcome) -> Iterator[tuple[Remainder, int]]:
    """Give, for each set of cells that shares nothing with others, its year less what was told.

    With each comes in how many windows something of it was withheld: of one, the rest is that
    window's sum.
    """
    home: dict[tuple[str, object], tuple[str, object]] = {}

    def root(of: tuple[str, object]) -> tuple[str, object]:
        while home.setdefault(of, of) != of:
            of = home[of]
        return of

    for one in (*found.told, *found.withheld):
        keys: list[tuple[str, object]] = [(member, atom) for member, atom, _ in one.parts]
        first, *others = keys or [NOBODY]
        for other in others:
            home[root(other)] = root(first)
    known = {unit for one in found.told for unit in one.parts}
    sums: dict[tuple[str, object], float] = defaultdict(float)
    rests: dict[tuple[str, object], dict[Unit, float]] = defaultdict(dict)
    for unit, quantity in found.truth.items():
        where = root((unit[0], unit[1]))
        sums[where] += quantity
        if unit not in known:
            rests[where][unit] = quantity
    for one in found.told:
        for member, atom, _ in list(one.parts)[:1]:
            sums[root((member, atom))] -= one.quantity
    for where, parts in rests.items():
        yield Remainder(sums[where], parts), len({start for _, _, start in parts})


def nearest_rest(found: Outcome, windows: int = 1) -> tuple[float, int]:
    """Give the nearest estimate from a year's rest of at most so many windows; and how many are."""
    rests = [rest for rest, count in rests_of_the_year(found) if count <= windows]
    offs = [one.off for rest in rests for one in estimates(rest, found.owner)]
    return min(offs, default=math.inf), len(rests)


# -- yearly tonnages: shares of a cell -------------------------------------------------------------


@dataclass(frozen=True)
class Hits:
    """Of so many quantities of an owner in a window, how many a guess met within p percent."""

    tries: int
    with_cells: int
    without: int

    @property
    def gain(self) -> float:
        """What the cells add, as a share of the tries."""
        return (self.with_cells - self.without) / self.tries if self.tries else 0.0


def shared_out(found: Outcome, p: float) -> Hits:
    """Share each told sum out by yearly tonnages; beside it, guess the same each window."""
    windows = len({start for _, _, start in found.truth})
    yearly: dict[tuple[str, object], float] = defaultdict(float)
    for (member, atom, _), quantity in found.truth.items():
        yearly[found.owner[member], atom] += quantity
    tries = hits = blind = 0
    for one in found.told:
        own: dict[str, float] = defaultdict(float)
        mean: dict[str, float] = defaultdict(float)
        for (member, _, _), quantity in one.parts.items():
            own[found.owner[member]] += quantity
        for name, atom in {(found.owner[m], a) for m, a, _ in one.parts}:
            mean[name] += yearly[name, atom] / windows
        scale = one.quantity / math.fsum(mean.values())
        for name, true in own.items():
            if true > 0:
                tries += 1
                hits += abs(mean[name] * scale - true) < p / 100 * true
                blind += abs(mean[name] - true) < p / 100 * true
    return Hits(tries, hits, blind)


# -- profiles and stops: what k and the p% rule do not hide ----------------------------------------


@dataclass(frozen=True)
class Shown:
    """Owners' series that a cell's follows, and windows at rest that show as a fall of the cell."""

    series: int
    followed: int
    rests: int
    seen: int


LEAST = 8
"""Windows a series needs to be compared."""
FOLLOWS = 0.9
FALL = 0.75
"""A cell below this share of what it was in the windows about it shows that somebody rests."""


def shown(found: Outcome) -> Shown:
    """Compare each cell's series with its owners'."""
    series: dict[str, list[Told]] = defaultdict(list)
    for one in found.told:
        series[one.name].append(one)
    count = followed = rests = seen = 0
    for cells in series.values():
        if len(cells) < LEAST:
            continue
        sums = [one.quantity for one in cells]
        fallen = [_fallen(sums, at) for at in range(len(sums))]
        for own in _columns(cells, found.owner):
            if max(own) > min(own):
                count += 1
                followed += statistics.correlation(own, sums) > FOLLOWS
            resting = [at for at, quantity in enumerate(own) if quantity == 0]
            if len(resting) <= len(own) / 4:
                rests += len(resting)
                seen += sum(fallen[at] for at in resting)
    return Shown(count, followed, rests, seen)


def _columns(cells: Sequence[Told], owner: Mapping[str, str]) -> list[list[float]]:
    columns: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(cells))
    for at, one in enumerate(cells):
        for (member, _, _), quantity in one.parts.items():
            columns[owner[member]][at] += quantity
    return list(columns.values())


def _fallen(sums: Sequence[float], at: int) -> bool:
    about = [*sums[max(0, at - 3) : at], *sums[at + 1 : at + 4]]
    return sums[at] < FALL * statistics.median(about)


# -- the fact of suppression -----------------------------------------------------------------------


@dataclass(frozen=True)
class Guessed:
    """Guesses who rests in a withheld window: right ones, and what guessing blindly would make."""

    guesses: int
    right: float
    blind: float


def suspected(found: Outcome, rules: Rules, *, reason: bool = False) -> Guessed:
    """Guess for each withheld cell who was at rest in it: one without whom it would be unsafe.

    The attacker knows who is in a cell and how much each has in an ordinary window. With `reason`
    it is also told how many owners contributed, as a hub that says why would.
    """
    usual: dict[tuple[str, object], list[float]] = defaultdict(list)
    for (member, atom, _), quantity in found.truth.items():
        usual[member, atom].append(quantity)
    mean = {key: statistics.fmean(quantities) for key, quantities in usual.items()}
    right = blind = 0.0
    guesses = 0
    for one in found.withheld:
        own: dict[str, float] = defaultdict(float)
        expected: dict[str, float] = defaultdict(float)
        for (member, atom, _), quantity in one.parts.items():
            own[found.owner[member]] += quantity
            expected[found.owner[member]] += mean[member, atom]
        if len(own) < rules.k:
            continue
        resting = {name for name, quantity in own.items() if quantity == 0}
        suspects = [name for name in own if _unsafe_without(expected, name, rules)] or list(own)
        if reason and resting:
            # So many rest: the smallest of them first, who rest most often.
            suspects = sorted(own, key=expected.__getitem__)[: len(resting)]
        guesses += 1
        right += len(resting & set(suspects)) / len(suspects)
        blind += len(resting) / len(own)
    return Guessed(guesses, right, blind)


def _unsafe_without(expected: Mapping[str, float], name: str, rules: Rules) -> bool:
    rest = [size for other, size in expected.items() if other != name and size > 0]
    return weighed(rest, (), rules) is not None
