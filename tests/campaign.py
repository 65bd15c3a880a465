"""Random tables through the hub's rules, judged by the oracle: what `make safety` repeats."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from config.hub_plan import Order, Rules
from gateway.contract import Band
from gateway.hub.partition import choose
from gateway.hub.rollup import Decision, decide
from gateway.hub.table import Atom, Contribution, Group, Table
from tests.oracle import overlaps, unsafe

_CODES = ("10 09 03", "10 09 06", "10 02 01", "10 02 01*", "19 01 13*", "19 01 12", "10 09", "19")
_PLACES = ("ora/north", "ora/south", "mo/east", "mo/east/quay", "mo", "north")
_BANDS: tuple[Band, ...] = ("40-60", "60-90", "90-120")


@dataclass(frozen=True)
class Tally:
    """What became of some tables; `wrong` has the seeds of those the oracle objects to."""

    tables: int = 0
    released: int = 0
    withheld: int = 0
    needless: int = 0
    wrong: tuple[int, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        """Add up."""
        return Tally(
            self.tables + other.tables,
            self.released + other.released,
            self.withheld + other.withheld,
            self.needless + other.needless,
            self.wrong + other.wrong,
        )


def judged(seed: int) -> Tally:
    """Run one random table, with a partition from earlier ones of the same streams."""
    made = random.Random(seed)
    streams, rules = _streams(made), _rules(made)
    *earlier, table = (_window(made, streams) for _ in range(made.choice((1, 2, 2, 5))))
    group: Group = Group("heat" if streams[0].atom.band else "material", "surplus", "t")
    members = {part.member for part in streams}
    if made.random() < 0.2:
        members.discard(streams[0].member)
    # A search takes a hundred times as long as the rules it is held to.
    order: Order = made.choices(("search", "fixed"), (1, 99))[0]
    partition = choose(group, earlier or [table], members, rules, order)
    return _judge(seed, decide(partition, table, rules), rules)


def _judge(seed: int, decisions: Sequence[Decision], rules: Rules) -> Tally:
    released = [one.parts for one in decisions if one.status == "released"]
    held = [one.parts for one in decisions if one.status == "withheld" and one.listed]
    bad = any(unsafe(parts, rules) for parts in released) or any(overlaps(released))
    needless = sum(not unsafe(parts, rules) for parts in held)
    return Tally(1, len(released), len(held), needless, (seed,) if bad else ())


def _streams(made: random.Random) -> list[Contribution]:
    """Make the streams of a cluster: sizes over several magnitudes, one owner with many sites."""
    heat = made.random() < 0.3
    spread = made.choice((0.3, 1.0, 2.0))
    codes, places = made.randint(1, len(_CODES)), made.randint(1, len(_PLACES))
    owners = made.randint(1, 14)
    found = []
    for _ in range(made.randint(1, 45)):
        owner = made.randrange(owners)
        place = made.choice(_PLACES[:places])
        code = None if heat else made.choice(_CODES[:codes])
        band = made.choice(_BANDS) if heat else None
        size = made.lognormvariate(3.0, spread)
        waives = owner % 5 == 0 and made.random() < 0.5
        found.append(
            Contribution(f"{owner}-{place}", f"owner {owner}", Atom(code, place, band), size,
                         waives=waives)
        )  # fmt: skip
    return found


def _window(made: random.Random, streams: list[Contribution]) -> Table:
    """Make a window of the streams: some stand, some are corrected, all to three figures."""
    found: dict[tuple[object, ...], list[Contribution]] = defaultdict(list)
    for one in streams:
        factor = made.choices((0.0, 1.0, -0.1), (10, 85, 5))[0] * made.uniform(0.5, 1.5)
        quantity = float(f"{one.quantity * factor:.3g}")
        found[one.member, one.atom].append(replace(one, quantity=quantity))
    return [part for parts in found.values() for part in parts]


def _rules(made: random.Random) -> Rules:
    p = made.choice((0.0, 5.0, 10.0, 20.0))
    return Rules(
        k=made.choice((2, 3, 3, 3, 5)),
        p=p,
        dominance=made.choice((None, None, (1, 50.0), (2, 80.0))),
        waived_below_k=made.random() < 0.2,
        q=made.choice((100.0, 100.0, 60.0, max(p, 30.0))),
    )
