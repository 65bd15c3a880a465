"""Federated: what several hubs leave over of a window, pooled under the strictest of their rules.

Each hub decides its own cells first, if it has any, which keep the detail that the federation asks
for. What no cell of its partition holds goes to the pool, by owner and without names, its place the
cluster alone; the pool sums it by a partition of its own. Every figure ends in one decision: a
hub's or the pool's, so released cells do not overlap, whoever released them.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from config.hub_plan import Order, Rules
from gateway.hub.partition import Partition, choose_or_begin, without_cells
from gateway.hub.rollup import NOT_PLANNED, Decision, decide
from gateway.hub.table import Atom, Contribution, Group, Table

DIGITS = 6
"""How many digits of their codes a hub's own cells keep where it pools what they leave over."""

Clusters = Mapping[str, Table]
"""The contributions to one group in one window, by cluster."""
Named = Callable[[str], str]
"""What stands for an owner in the pool; the same for the same owner in every cluster."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a federation decides by: each cluster's rules, the pool's own, and how cells are chosen.

    `digits` is what hubs' own cells keep of their codes; 0 lets them cut any. Without `own_cells`
    hubs leave everything to the pool. `apart` guards each hub's members from the other hubs; a pool
    always does, without it a trial shows what that costs.
    """

    rules: Mapping[str, Rules]
    pool: Rules = field(default_factory=Rules)
    order: Order = "search"
    digits: int = DIGITS
    own_cells: bool = True
    apart: bool = True

    @property
    def pooled(self) -> Rules:
        """Give the rules of the pool: the strictest of all."""
        return replace(strictest((self.pool, *self.rules.values())), apart=self.apart)


@dataclass(frozen=True, slots=True)
class Plans:
    """The partitions of a period: each cluster's and the pool's."""

    local: Mapping[str, Partition]
    pool: Partition


@dataclass(frozen=True, slots=True)
class Settled:
    """A window's decisions: each cluster's, without what it left to the pool, and the pool's."""

    local: Mapping[str, tuple[Decision, ...]]
    pooled: tuple[Decision, ...]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Give all of them: every contribution is in exactly one."""
        return (*(one for found in self.local.values() for one in found), *self.pooled)


def strictest(rules: Iterable[Rules]) -> Rules:
    """Combine rules into ones under which nothing is safe that any of them withholds.

    Of dominance limits, the largest number of owners may hold the lowest share. Hubs are guarded
    against each other.
    """
    found = list(rules)
    limits = [one.dominance for one in found if one.dominance is not None]
    return Rules(
        k=max(one.k for one in found),
        p=max(one.p for one in found),
        dominance=(max(n for n, _ in limits), min(held for _, held in limits)) if limits else None,
        waived_below_k=all(one.waived_below_k for one in found),
        q=min(one.q for one in found),
        apart=True,
        guard_rest=any(one.guard_rest for one in found),
    )


def left_over(decisions: Iterable[Decision]) -> list[Contribution]:
    """Give what a hub's decisions leave to the pool: what its partition does not hold.

    A cell of the partition that fails in a window stays withheld. It would come and go in the
    pool's cells, whose readers could take one window from the next; so would a member that joined
    after the period began.
    """
    return [part for one in decisions if one.reason == NOT_PLANNED for part in one.parts]


def nameless(cluster: str, parts: Iterable[Contribution], named: Named) -> list[Contribution]:
    """Write contributions as the pool gets them: an owner's sites together, the place a cluster."""
    found: dict[tuple[str, Atom], list[Contribution]] = defaultdict(list)
    for part in parts:
        atom = Atom(part.atom.code, cluster, part.atom.band)
        found[named(part.owner), atom].append(part)
    return [
        Contribution(
            member=cluster,
            owner=owner,
            atom=atom,
            quantity=math.fsum(part.quantity for part in own),
            coverage=_coverage(own),
            marks=tuple(sorted({mark for part in own for mark in part.marks if part.quantity})),
            waives=all(part.waives for part in own),
        )
        for (owner, atom), own in found.items()
    ]


def _coverage(parts: Sequence[Contribution]) -> float:
    active = [part.coverage for part in parts if part.quantity] or [0.0]
    return round(math.fsum(active) / len(active), 2)


def plan(
    group: Group, earlier: Sequence[Clusters], present: Clusters, terms: Terms, named: Named = str
) -> Plans:
    """Choose a period's partitions from earlier windows, else from the present one.

    Earlier windows are sampled as for one hub (`gateway.hub.calendar.sampled`).
    """
    local = {
        cluster: _own(
            group, [window.get(cluster, ()) for window in (*earlier, present)], one, terms
        )
        for cluster, one in terms.rules.items()
    }
    pools = [_pool(local, window, terms, named) for window in (*earlier, present)]
    pool = choose_or_begin(
        group, [one for one in pools[:-1] if one], pools[-1], terms.rules, terms.pooled, terms.order
    )
    return Plans(local, pool)


def _own(group: Group, tables: Sequence[Table], rules: Rules, terms: Terms) -> Partition:
    """Choose the partition of one cluster; its last table is the present one."""
    members = {part.member for table in tables for part in table}
    if not terms.own_cells:
        return without_cells(group, members)
    *earlier, present = tables
    earlier = [table for table in earlier if table]
    return choose_or_begin(group, earlier, present, members, rules, terms.order, terms.digits)


def _pool(
    local: Mapping[str, Partition], window: Clusters, terms: Terms, named: Named
) -> list[Contribution]:
    return [
        part
        for cluster, partition in local.items()
        for part in nameless(
            cluster,
            left_over(decide(partition, window.get(cluster, ()), terms.rules[cluster])),
            named,
        )
    ]


def settle(plans: Plans, window: Clusters, terms: Terms, named: Named = str) -> Settled:
    """Decide a window in every cluster and in the pool."""
    local = {
        cluster: decide(partition, window.get(cluster, ()), terms.rules[cluster])
        for cluster, partition in plans.local.items()
    }
    pool = _pool(plans.local, window, terms, named)
    # What a hub leaves over changes with its own partition, which the pool cannot know.
    pooled = decide(plans.pool, pool, terms.pooled, adopt=True)
    kept = {
        cluster: tuple(one for one in found if one.reason != NOT_PLANNED)
        for cluster, found in local.items()
    }
    return Settled(kept, pooled)
