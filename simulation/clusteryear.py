"""Cluster-years: what the plants of a cluster have to tell, window by window, made from a seed.

A plant has a profile that all its streams share: a load that drifts with its market, weekends off
or not, a revision of one to three weeks, and stops of hours to days. Each stream runs without
pause, in campaigns, by batches or by season on top of it. Sizes are log-normal over three
magnitudes, one owner has several sites, popular codes are shared by many plants and others are one
plant's alone: most cells of one code and place have few contributors. Windows of any length are
sums over the same hours or days, so those of a week add up from those of its days.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.hub.calendar import DAY, Window
from gateway.hub.table import Atom, Contribution, Table
from gateway.wire import Band

Course = Literal["steady", "campaign", "batch", "season"]
YEAR = 365.25
"""Days in a year."""

CODES = (
    "15 01 01", "15 01 02", "17 04 05", "20 03 01", "15 01 03", "17 02 01", "20 01 01", "17 05 04",
    "10 03 05", "10 03 02", "10 09 03", "10 09 08", "10 02 01", "10 02 02", "10 08 11", "10 01 01",
    "19 01 12", "19 01 13*", "19 08 05", "16 11 04", "16 11 01*", "02 02 04", "02 01 02",
    "03 01 05", "03 03 05", "12 01 01", "12 01 02", "16 01 03",
)  # fmt: skip
"""Codes of the European list of waste that industry has, the most common ones first."""
BANDS: tuple[Band, ...] = ("40-60", "60-90", "90-120", "120-200")


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream: its yearly quantity in its unit, and how it runs."""

    member: str
    owner: str
    atom: Atom
    yearly: float
    course: Course
    phase: float
    cycle: float = 60.0
    """Days from one campaign to the next."""


@dataclass(frozen=True, slots=True)
class World:
    """A cluster: its seed, how many areas, plants in each, and what the plants have."""

    seed: int
    areas: int = 3
    plants: int = 20
    kind: Literal["material", "heat"] = "material"
    streams: tuple[int, int] = (2, 6)
    """Fewest and most streams a plant has."""


def streams(world: World) -> list[Stream]:
    """Make a world's streams; each plant has a code or band once."""
    made = random.Random(world.seed)
    found = []
    for area in range(world.areas):
        for number in range(world.plants):
            # The first four plants of an area are two owners' sites; the others are alone.
            owner = f"owner {area}-{number // 2 if number < 4 else number}"  # noqa: PLR2004
            found += _plant(made, world, f"a{area}", f"plant {area}-{number}", owner)
    return found


def _plant(made: random.Random, world: World, place: str, member: str, owner: str) -> list[Stream]:
    size = made.lognormvariate(0.0, 1.0)
    heat = world.kind == "heat"
    wanted = made.randint(1, 2) if heat else made.randint(*world.streams)
    names: Sequence[str] = BANDS if heat else CODES
    # The share of plants that have a code falls with its rank.
    weights = [1.0 if heat else 1.0 / (rank + 2) for rank in range(len(names))]
    picked: list[str] = []
    while len(picked) < min(wanted, len(names)):
        (name,) = made.choices(names, weights)
        if name not in picked:
            picked.append(name)
    return [
        Stream(
            member,
            owner,
            Atom(None, place, next(b for b in BANDS if b == name)) if heat
            else Atom(name, place, None),
            size * made.lognormvariate(math.log(8000.0 if heat else 400.0), 1.5),
            "steady" if heat else made.choices(
                ("steady", "campaign", "batch", "season"), (50, 20, 20, 10)
            )[0],
            made.random(),
            made.uniform(20.0, 90.0),
        )
        for name in picked
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """How a plant runs: days it stands still (half-open spans), days off a week, and its market."""

    stops: tuple[tuple[float, float], ...]
    weekend: bool
    swing: float
    """How far its load swings about the mean over a few months, 0-1."""
    pace: float
    """Days of one swing."""
    phase: float

    def load(self, day: float) -> float:
        """Give the load at a day (since 1970 UTC), about 1 on average; 0 while it stands still."""
        if any(begin <= day < end for begin, end in self.stops):
            return 0.0
        if self.weekend and int(day + 3) % 7 >= 5:  # noqa: PLR2004 1970-01-05 was a Monday
            return 0.0
        return 1.0 + self.swing * math.sin(2 * math.pi * (day / self.pace + self.phase))


def profile(world: World, member: str, first: float, last: float) -> Profile:
    """Make a plant's profile for days `first` to `last` (since 1970 UTC)."""
    made = random.Random(f"{world.seed} {member}")
    stops: list[tuple[float, float]] = []
    # The revision: most plants take theirs in summer, around day 190.
    season = made.choice((190.0, 190.0, 190.0, made.uniform(0.0, 365.0)))
    year = math.floor(first / YEAR) * YEAR
    while year < last:
        begin = year + season + made.uniform(-21.0, 21.0)
        stops.append((begin, begin + made.uniform(7.0, 21.0)))
        year += YEAR
    at = first + made.expovariate(6 / YEAR)
    while at < last:
        stops.append((at, at + made.uniform(0.2, 4.0)))
        at += made.expovariate(6 / YEAR)
    weekend = made.random() < 0.25  # noqa: PLR2004 a quarter of the plants
    swing, pace = made.uniform(0.05, 0.4), made.uniform(60.0, 200.0)
    return Profile(tuple(stops), weekend, swing, pace, made.random())


def tables(
    world: World, windows: Sequence[Window], found: Sequence[Stream] | None = None
) -> list[tuple[Window, Table]]:
    """Give what each stream has in each window, to three significant figures.

    A plant's profile is the same whichever windows are asked for; the noise on it is of each step,
    an hour for windows shorter than a day and a day for all others.
    """
    found = streams(world) if found is None else found
    if not windows:
        return []
    first, last = windows[0].start, windows[-1].end
    step = DAY if all((w.end - w.start) % DAY == 0 for w in windows) else DAY // 24
    columns = {stream: _column(world, stream, first, last, step) for stream in found}
    return [(window, _window(window, columns, first, step)) for window in windows]


def _window(
    window: Window, columns: Mapping[Stream, Sequence[float]], first: int, step: int
) -> Table:
    cut = slice((window.start - first) // step, (window.end - first) // step)
    return [
        Contribution(s.member, s.owner, s.atom, float(f"{math.fsum(column[cut]):.3g}"))
        for s, column in columns.items()
    ]


def _column(world: World, stream: Stream, first: int, last: int, step: int) -> list[float]:
    """Give what a stream has in each step of a span."""
    profile_ = profile(world, stream.member, first / DAY, last / DAY)
    made = random.Random(f"{world.seed} {stream.member} {stream.atom}")
    days = step / DAY
    even = stream.yearly * days / 365
    return [
        even * profile_.load(at / DAY) * _course(made, stream, at / DAY, days)
        for at in range(first, last, step)
    ]


def _course(made: random.Random, stream: Stream, day: float, days: float) -> float:
    """Give what a stream's own course makes of an even one, in a step of `days`."""
    noise = made.lognormvariate(0.0, 0.15)
    if stream.course == "campaign":
        # Two thirds of each cycle.
        return noise * 1.5 if (day / stream.cycle + stream.phase) % 1 < 2 / 3 else 0.0
    if stream.course == "batch":
        # A load leaves every ten days or so.
        return noise * 10 / days if made.random() < days / 10 else 0.0
    if stream.course == "season":
        return noise * max(0.0, 1 + 1.2 * math.sin(2 * math.pi * (day / YEAR + stream.phase)))
    return noise
