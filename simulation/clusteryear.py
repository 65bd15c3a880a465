"""Cluster-years: what the plants of a cluster have to tell, window by window, made from a seed.

Plants run without pause, in campaigns, by batches or by season, and stop now and then. Sizes are
log-normal over three magnitudes, one owner has several sites, popular codes are shared by many
plants and others are one plant's alone: most cells of one code and place have few contributors.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.contract import Band
from gateway.hub.calendar import DAY, Window
from gateway.hub.table import Atom, Contribution, Table

Course = Literal["steady", "campaign", "batch", "season"]

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
        )
        for name in picked
    ]  # fmt: skip


def tables(
    world: World, windows: Sequence[Window], found: Sequence[Stream] | None = None
) -> list[tuple[Window, Table]]:
    """Give what each stream has in each window, to three significant figures."""
    made = random.Random(f"{world.seed} windows")
    found = streams(world) if found is None else found
    stops = {stream.member: _stops(made, windows) for stream in found}
    return [
        (
            window,
            [
                Contribution(
                    stream.member,
                    stream.owner,
                    stream.atom,
                    0.0 if window in stops[stream.member] else _quantity(made, stream, window),
                )
                for stream in found
            ],
        )
        for window in windows
    ]


def _stops(made: random.Random, windows: Sequence[Window]) -> set[Window]:
    """Choose the windows a plant stands still in: about one in twenty."""
    return {window for window in windows if made.random() < 0.05}  # noqa: PLR2004


def _quantity(made: random.Random, stream: Stream, window: Window) -> float:
    days = (window.end - window.start) / DAY
    even = stream.yearly * days / 365
    year = window.start / (365.25 * DAY) + stream.phase
    if stream.course == "campaign":
        # Six campaigns a year, each two thirds of its two months.
        even *= 1.5 if (year * 6) % 1 < 2 / 3 else 0.0
    elif stream.course == "batch":
        batches = sum(made.random() < days / 40 for _ in range(4))
        even *= batches * 10 / days
    elif stream.course == "season":
        even *= max(0.0, 1 + 1.2 * math.sin(2 * math.pi * year))
    return float(f"{even * made.lognormvariate(0.0, 0.15):.3g}")
