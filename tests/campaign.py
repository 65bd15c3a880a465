"""Random tables through the hub's rules, judged by the oracle: what `make safety` repeats."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from config.hub_plan import Order, Rules
from gateway.hub.federated import Clusters, Settled, Terms, plan, settle
from gateway.hub.orders import choose_orders, decide_orders, quantity_of
from gateway.hub.partition import choose
from gateway.hub.rollup import Decision, decide
from gateway.hub.table import Atom, Contribution, Group, Table
from gateway.wire import Band, Magnitude
from tests.oracle import exact, overlaps, unsafe, unsafe_order, unsafe_pooled

_CODES = ("10 09 03", "10 09 06", "10 02 01", "10 02 01*", "19 01 13*", "19 01 12", "10 09", "19")
_PLACES = ("ora/north", "ora/south", "mo/east", "mo/east/quay", "mo", "north")
ORDERS: tuple[Magnitude, ...] = get_args(Magnitude)
_BANDS: tuple[Band, ...] = ("40-60", "60-90", "90-120")


@dataclass(frozen=True)
class Tally:
    """What became of some tables; `wrong` has the seeds of those the oracle objects to.

    `pooled` counts cells that a pool of several clusters released, `orders` told decades.
    """

    tables: int = 0
    released: int = 0
    withheld: int = 0
    needless: int = 0
    pooled: int = 0
    orders: int = 0
    wrong: tuple[int, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        """Add up."""
        return Tally(
            self.tables + other.tables,
            self.released + other.released,
            self.withheld + other.withheld,
            self.needless + other.needless,
            self.pooled + other.pooled,
            self.orders + other.orders,
            self.wrong + other.wrong,
        )


def judged(seed: int) -> Tally:
    """Run one random table, with a partition from earlier ones of the same streams."""
    made = random.Random(seed)
    streams, rules = _streams(made, heat=made.random() < 0.3), _rules(made)
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
    released, held = _sorted(decisions)
    bad = any(unsafe(parts, rules) for parts in released) or any(overlaps(released))
    needless = sum(not unsafe(parts, rules) for parts in held)
    return Tally(1, len(released), len(held), needless, wrong=(seed,) if bad else ())


def _sorted(decisions: Iterable[Decision]) -> tuple[list[Table], list[Table]]:
    """Give what was released, and what was withheld of cells of the partition."""
    return (
        [one.parts for one in decisions if one.status == "released"],
        [one.parts for one in decisions if one.status == "withheld" and one.listed],
    )


def pooled(seed: int) -> Tally:
    """Run a random table of two to four clusters, with owners in several, and their pool."""
    made = random.Random(f"{seed} pooled")
    clusters = ("ora", "mo", "lista", "rana")[: made.randint(2, 4)]
    kinds = {
        cluster: _streams(made, heat=seed % 3 == 0)[: made.randint(2, 12)] for cluster in clusters
    }
    windows = [
        {cluster: _window(made, streams) for cluster, streams in kinds.items()}
        for _ in range(made.choice((1, 2, 2)))
    ]
    shared = _rules(made)
    terms = Terms(
        {one: _rules(made) if made.random() < 0.15 else shared for one in clusters},
        shared, "fixed", made.choice((0, 4, 6)), made.random() < 0.8,
    )  # fmt: skip
    group: Group = Group("heat" if seed % 3 == 0 else "material", "surplus", "t")
    present = windows[-1]
    plans = plan(group, windows[:-1], present, terms)
    return _judge_pool(seed, settle(plans, present, terms), present, terms)


def _judge_pool(seed: int, found: Settled, present: Clusters, terms: Terms) -> Tally:
    released, held = _sorted(found.pooled)
    bad = any(unsafe_pooled(parts, terms.pooled) for parts in released)
    for cluster, decisions in found.local.items():
        own = [one.parts for one in decisions if one.status == "released"]
        bad = bad or any(unsafe(parts, terms.rules[cluster]) for parts in own)
        bad = bad or any(overlaps([one.parts for one in decisions]))
        # What a hub kept and what the pool has of it make up all that there was.
        handed = (p for one in found.pooled for p in one.parts if p.member == cluster)
        kept = (p for one in decisions for p in one.parts)
        sums = [sum(exact(p.quantity) for p in parts) for parts in (kept, handed)]
        whole = sum(exact(p.quantity) for p in present[cluster])
        bad = bad or not math.isclose(sum(sums), whole, rel_tol=1e-9, abs_tol=1e-6)
    needless = sum(not unsafe_pooled(parts, terms.pooled) for parts in held)
    return Tally(1, 0, len(held), needless, len(released), wrong=(seed,) if bad else ())


def ordered(seed: int) -> Tally:
    """Run a random month of orders: nothing is told of too few, or of no plants' own."""
    made = random.Random(f"{seed} orders")
    table = [
        one._replace(quantity=quantity_of(made.choice(ORDERS)))
        for one in _streams(made, heat=False)
    ]
    rules = Rules(k=made.choice((2, 3, 3, 5)))
    group: Group = Group("material", "surplus", "t")
    partition = choose_orders(group, [table], {part.member for part in table}, rules)
    decisions = decide_orders(partition, table, rules)
    released, held = _sorted(decisions)
    bad = any(unsafe_order(parts, rules) for parts in released) or any(overlaps(released))
    bad = bad or any(one.magnitude for one in decisions if one.status == "withheld")
    return Tally(1, 0, len(held), 0, 0, len(released), (seed,) if bad else ())


def _streams(made: random.Random, *, heat: bool) -> list[Contribution]:
    """Make the streams of a cluster: sizes over several magnitudes, one owner with many sites."""
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
        found[one.member, one.atom].append(one._replace(quantity=quantity))
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
