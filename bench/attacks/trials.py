"""Trials: each known attack on the shipped code, and on a variant that gives one thing away."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.attacks import broken, traffic
from bench.attacks.cells import Outcome, decided, nearest_rest, shared_out, shown, suspected
from bench.attacks.sums import nearest
from bench.attacks.windows import windows
from bench.attacks.year import Events, Year, instant, run
from bench.attacks.year import Told as Sum
from config.hub_plan import Rules
from gateway.hub.noise import Noise, noised
from simulation.clusteryear import Stream, World, streams, tables

RULES = Rules()
NEAR = RULES.p / 100
MEMBER, OUTSIDER, WATCHER = "member, all cells", "outsider, all cells", "who watches the broker"
PUBLIC = "public tonnages, all cells"
Told = Callable[[str], object]


@dataclass(frozen=True)
class Finding:
    """What an attack came to on the shipped code and on a broken variant.

    `bound` says what shipped code may come to: `at least` or `at most` `allowed`. Where nothing is
    allowed or refused, as of what k and the p% rule do not hide, both are None.
    """

    attack: str
    knows: str
    measure: str
    shipped: float
    variant: str
    broken: float
    bound: Literal["at least", "at most"] | None = None
    allowed: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the shipped code keeps within what is allowed."""
        return self._within(self.shipped)

    @property
    def bites(self) -> bool:
        """Whether the attack comes further on the broken variant than is allowed."""
        return self.bound is None or not self._within(self.broken)

    def _within(self, figure: float) -> bool:
        if self.allowed is None:
            return True
        return figure >= self.allowed if self.bound == "at least" else figure <= self.allowed


def subtracting(seed: int, begin: int, end: int, told: Told) -> Iterator[Finding]:
    """Try all that is subtraction, on a cluster's time through the whole of the shipped code."""
    world = World(seed, 1, 20)
    sizes: dict[str, float] = {}
    for stream in streams(world):
        sizes[stream.member] = sizes.get(stream.member, 0.0) + stream.yearly
    joiner = max(sizes, key=sizes.__getitem__)
    count = (end - begin) // (24 * traffic.HOUR)
    late = {(f"plant 0-{n}", day): 4 for n in range(5, 12) for day in range(6 + n, count - 6, 14)}
    middle = count // 2 // 7 * 7
    events = Events({joiner: 14}, late, {0: "week", middle: "day", middle + 14: "week"})
    year = run(world, begin, end, events, told=lambda day: told(f"seed {seed}, day {day}"))
    variants: Sequence[tuple[str, str, Sequence[Sum]]] = (
        ("overlapping windows", "days and weeks of one cell", broken.overlapping(year, RULES)),
        ("rosters", "a week for two rosters", broken.two_rosters(year, joiner, RULES)),
        ("late data", "a week released anew", broken.revised(year, late, RULES)),
    )
    for name, variant, cells in variants:
        for knows in (MEMBER, OUTSIDER):
            yield _near(name, knows, year, variant, cells)


def _near(name: str, knows: str, year: Year, variant: str, cells: Sequence[Sum]) -> Finding:
    outside = knows == OUTSIDER
    figures = [nearest(told, year.owner, outside=outside) for told in (year.told, cells)]
    measure = "nearest to an owner's part, as a share of it"
    return Finding(name, knows, measure, figures[0], variant, figures[1], "at least", NEAR)


def watching(seeds: Sequence[int], told: Told) -> Iterator[Finding]:
    """Try to pair names over a change of quarter, and to name plants, from what passes."""
    turn = instant(2026, 4, 1)
    ways = {
        "delays": "a constant delay for each plant",
        "delays, from the closing": "delay from the closing, none by name",
        "going and coming": "left and back at once",
        "going twice": "left and back at once",
        "sizes": "records as long as what they hold",
        "names and clients": "client id kept",
        "plants": "no record of a day at rest",
    }
    found: dict[str | None, dict[str, int]] = {None: _pairs(seeds, traffic.SHIPPED, turn, told)}
    for variant in dict.fromkeys(ways.values()):
        found[variant] = _pairs(seeds, traffic.BROKEN[variant], turn, told)
    allowed = traffic.chance(len(seeds)) / len(seeds)
    for way, variant in ways.items():
        key = way.partition(",")[0]
        name = "metadata: which plant" if key == "plants" else f"linking names: {way}"
        measure = "right of 20"
        shipped, loose = (found[one][key] / len(seeds) for one in (None, variant))
        yield Finding(name, WATCHER, measure, shipped, variant, loose, "at most", allowed)


def _pairs(seeds: Sequence[int], habits: traffic.Habits, turn: int, told: Told) -> dict[str, int]:
    sums: dict[str, int] = {}
    for seed in seeds:
        told(f"traffic, seed {seed}")
        seen = traffic.scene(seed, habits, turn)
        for way, count in {**traffic.relinked(seen), "plants": traffic.identified(seen)}.items():
            sums[way] = sums.get(way, 0) + count
    return sums


def _year(seed: int, rules: Rules, found: Sequence[Stream] | None = None) -> Outcome:
    span = windows("week", instant(2025, 7, 1), instant(2027, 1, 1))
    rows = tables(World(seed, 1, 20), span, found)
    return decided(rows, "week", rules, instant(2026, 1, 1), "fixed")


def guessing(seeds: Sequence[int], told: Told) -> Iterator[Finding]:
    """Try what public tonnages, rare codes, giants and suppression say beside the cells."""
    open_ = replace(RULES, guard_rest=False)
    some: list[Outcome] = []
    loose: list[Outcome] = []
    for seed in seeds:
        told(f"weeks of a year, seed {seed}")
        some.append(_year(seed, RULES))
        loose.append(_year(seed, open_))
    rests = [min(nearest_rest(one)[0] for one in each) for each in (some, loose)]
    yield Finding(
        "yearly totals: what is left", PUBLIC, "nearest to an owner's part of one window",
        rests[0], "no guard after a withheld window", rests[1], "at least", NEAR,
    )  # fmt: skip
    one_owner = [_year(seed, Rules(k=1, p=0.0, guard_rest=False)) for seed in seeds]
    gains = [
        sum(h.with_cells - h.without for h in hits) / sum(h.tries for h in hits)
        for hits in ([shared_out(one, RULES.p) for one in each] for each in (some, one_owner))
    ]
    yield Finding(
        "yearly totals: shared out", PUBLIC, "windows met within p %, beyond blind guesses",
        gains[0], "k = 1", gains[1], "at most", 0.02,
    )  # fmt: skip
    yield from _exposed(seeds[0])
    yield _noise(some[0])
    yield _suppressed(some)
    yield from _profiles(some, seeds)


def _exposed(seed: int) -> Iterator[Finding]:
    """Try owners of rare codes, and one that is thirty times as large as it was."""
    made = streams(World(seed, 1, 20))
    giant = made[0].owner
    made = [replace(s, yearly=s.yearly * (30 if s.owner == giant else 1)) for s in made]
    held: dict[str | None, set[str]] = {}
    for stream in made:
        held.setdefault(stream.atom.code, set()).add(stream.owner)
    rare = frozenset(o for owners in held.values() if len(owners) <= 2 for o in owners)
    shipped = _year(seed, RULES, made)
    for name, victims, variant, rules in (
        ("rare material", rare, "k = 1", Rules(k=1, p=0.0)),
        ("extremes", frozenset({giant}), "no p% rule", replace(RULES, p=0.0)),
    ):
        figures = [
            nearest(one.told, one.owner, victims) for one in (shipped, _year(seed, rules, made))
        ]
        yield Finding(
            name, MEMBER, "nearest to an owner's part, as a share of it", figures[0], variant,
            figures[1], "at least", NEAR,
        )  # fmt: skip


def _noise(found: Outcome, times: int = 400) -> Finding:
    """Ask for one cell again and again, and average."""
    cell = found.told[0]
    owned: dict[str, float] = {}
    for (member, _, _), quantity in cell.parts.items():
        owned[found.owner[member]] = owned.get(found.owner[member], 0.0) + quantity
    noise = Noise(20.0, b"k" * 32)
    scale = noise.percent / 100 * max(owned.values())
    keyed = [noised(noise, cell.name, cell.window, owned) for _ in range(times)]
    fresh = broken.fresh_noise(cell, times, scale / cell.quantity)
    moved = [statistics.pstdev(told) / scale for told in (keyed, fresh)]
    return Finding(
        "averaging noise", f"one cell, asked {times} times", "spread of answers, in scales",
        moved[0], "noise drawn anew", moved[1], "at most", 1e-9,
    )  # fmt: skip


def _suppressed(some: Sequence[Outcome]) -> Finding:
    gains = []
    for reason in (False, True):
        told = [suspected(one, RULES, reason=reason) for one in some]
        gains.append(sum(g.right - g.blind for g in told) / max(1, sum(g.guesses for g in told)))
    return Finding(
        "the fact of suppression", PUBLIC, "who rests, guessed beyond blind guesses", gains[0],
        "the number of owners told", gains[1],
    )  # fmt: skip


def _profiles(some: Sequence[Outcome], seeds: Sequence[int]) -> Iterator[Finding]:
    """Measure what k and the p% rule do not hide, beside a dominance limit of (1, 50)."""
    strict = [_year(seed, replace(RULES, dominance=(1, 50.0))) for seed in seeds]
    figures = [[shown(one) for one in each] for each in (some, strict)]
    followed = [
        sum(s.followed for s in each) / max(1, sum(s.series for s in each)) for each in figures
    ]
    seen = [sum(s.seen for s in each) / max(1, sum(s.rests for s in each)) for each in figures]
    yield Finding(
        "profiles", "all cells", "owners' series a cell follows, r > 0.9", followed[0],
        "(less) with dominance 1:50", followed[1],
    )  # fmt: skip
    yield Finding(
        "stops", "all cells", "rests that show as a fall of the cell", seen[0],
        "(less) with dominance 1:50", seen[1],
    )  # fmt: skip


def all_of(seeds: Sequence[int], begin: int, end: int, told: Told) -> Iterator[Finding]:
    """Run every attack."""
    yield from subtracting(seeds[0], begin, end, told)
    yield from watching(seeds, told)
    yield from guessing(seeds, told)


def infinite(figure: float) -> float | None:
    """Give a figure for JSON, which has no infinity: None where nothing was found at all."""
    return None if math.isinf(figure) else figure
