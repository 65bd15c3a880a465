"""Pooled remainders of several hubs: nothing is lost, told twice, or told to the other hubs."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.hub_plan import Rules
from gateway.hub.federated import Plans, Terms, left_over, nameless, plan, settle, strictest
from gateway.hub.partition import Partition, choose, without_cells
from gateway.hub.rollup import Decision, decide
from gateway.hub.table import Atom, Contribution, Group
from tests.oracle import unsafe, unsafe_to_hubs

MATERIAL = Group("material", "surplus", "t")
CLUSTERS = ("ora", "mo", "lista")
CODES = ("10 09 03", "10 09 06", "10 02 01", "19 01 13*", "10 09")
Window = Mapping[str, tuple[Contribution, ...]]

contribution = st.builds(
    lambda owner, site, code, place, quantity, waives: Contribution(
        f"{owner}{site}", owner, Atom(code, place, None), float(quantity), 1.0, (), waives
    ),
    st.sampled_from("ABCDEF"),
    st.integers(1, 2),
    st.sampled_from(CODES),
    st.sampled_from(("north", "south")),
    st.one_of(st.integers(-50, 400), st.sampled_from([0, 100, 1000])),
    st.sampled_from([False, False, False, True]),
)
windows = st.fixed_dictionaries(
    {cluster: st.lists(contribution, max_size=8).map(tuple) for cluster in CLUSTERS}
)
rules = st.builds(
    Rules,
    st.integers(2, 4),
    st.sampled_from([0.0, 10.0, 50.0]),
    st.sampled_from([None, None, (1, 60.0), (2, 85.0)]),
    st.booleans(),
    st.sampled_from([100.0, 100.0, 70.0]),
)
terms = st.builds(
    Terms,
    st.fixed_dictionaries(dict.fromkeys(CLUSTERS, rules)),
    rules,
    st.just("fixed"),
    st.sampled_from([0, 4, 6]),
    st.booleans(),
)


def released(decisions: tuple[Decision, ...]) -> list[Decision]:
    return [one for one in decisions if one.status == "released"]


@given(windows, windows, terms)
def test_what_the_pool_releases_is_safe_under_every_hubs_rules_and_from_every_hub(
    earlier: Window, window: Window, terms: Terms
) -> None:
    settled = settle(plan(MATERIAL, [earlier], window, terms), window, terms)
    for one in released(settled.pooled):
        for own in (terms.pool, *terms.rules.values()):
            assert not unsafe(one.parts, own)
            assert not unsafe_to_hubs(one.parts, own)


@given(windows, windows, terms)
def test_every_figure_is_in_exactly_one_local_cell_pooled_cell_or_withheld_sum(
    earlier: Window, window: Window, terms: Terms
) -> None:
    plans = plan(MATERIAL, [earlier], window, terms)
    settled = settle(plans, window, terms)
    kept = Counter(id(p) for found in settled.local.values() for one in found for p in one.parts)
    given_up = {
        cluster: left_over(decide(partition, window[cluster], terms.rules[cluster]))
        for cluster, partition in plans.local.items()
    }
    handed = Counter(id(part) for parts in given_up.values() for part in parts)
    assert kept + handed == Counter(id(part) for table in window.values() for part in table)
    for cluster, parts in given_up.items():
        pooled = [
            part.quantity for one in settled.pooled for part in one.parts if part.member == cluster
        ]
        assert math.isclose(
            math.fsum(pooled), math.fsum(part.quantity for part in parts), abs_tol=1e-9
        )
    keys = Counter((p.member, p.owner, p.atom) for one in settled.pooled for p in one.parts)
    assert set(keys.values()) <= {1}


@given(windows, terms)
def test_a_hubs_own_cells_keep_the_digits_that_the_federation_asks_for(
    window: Window, terms: Terms
) -> None:
    for partition in plan(MATERIAL, [window], window, terms).local.values():
        for cell in partition.cells:
            kept = len((cell.label.code or "").replace(" ", "").rstrip("*"))
            finest = max(len(a.code.replace(" ", "").rstrip("*")) for a in cell.atoms if a.code)
            assert kept >= min(terms.digits, finest)


@given(st.lists(rules, min_size=1, max_size=4), st.lists(contribution, max_size=8))
def test_nothing_is_safe_under_the_strictest_rules_that_one_of_them_withholds(
    some: list[Rules], parts: list[Contribution]
) -> None:
    assert unsafe(parts, strictest(some)) or not any(unsafe(parts, one) for one in some)


def test_of_each_rule_the_strictest_holds_for_all() -> None:
    some = [
        Rules(k=3, p=10.0, q=100.0, dominance=(1, 50.0), waived_below_k=True),
        Rules(k=4, p=5.0, q=50.0, dominance=(2, 80.0), waived_below_k=False),
        Rules(),
    ]
    told = Rules(k=4, p=10.0, q=50.0, dominance=(2, 50.0), waived_below_k=False, apart=True)
    for order in itertools.permutations(some):
        assert strictest(order) == told
    assert strictest([Rules(waived_below_k=True)] * 2).waived_below_k
    assert strictest([Rules(), Rules()]).dominance is None


def test_the_rest_is_guarded_where_one_of_them_guards_it() -> None:
    guards, open_rest = Rules(guard_rest=True), Rules(guard_rest=False)
    assert strictest([open_rest, guards]).guard_rest
    assert not strictest([open_rest, open_rest]).guard_rest


@given(windows, st.sampled_from("ABCDEF"))
@settings(max_examples=50)
def test_an_owner_in_two_clusters_counts_once(window: Window, owner: str) -> None:
    """All contributions put down to one owner: no sum of them can be safe with two needed."""
    one = {cluster: tuple(_of(part, owner) for part in parts) for cluster, parts in window.items()}
    terms = Terms(dict.fromkeys(CLUSTERS, Rules(k=2, p=0.0)), Rules(k=2, p=0.0), "fixed")
    settled = settle(plan(MATERIAL, [], one, terms), one, terms)
    assert not released(settled.decisions)


def _of(part: Contribution, owner: str) -> Contribution:
    return Contribution(part.member, owner, part.atom, part.quantity)


def alone(cluster: str, *sizes: float, code: str = "10 09 03") -> tuple[Contribution, ...]:
    return tuple(
        Contribution(f"{cluster}{n}", f"{cluster} {n}", Atom(code, "north", None), size)
        for n, size in enumerate(sizes)
    )


@pytest.mark.parametrize(
    ("sizes", "outcome"),
    [
        (((10.0,), (10.0,), (10.0,)), "released"),
        (((10.0, 10.0), (10.0, 10.0)), "released"),
        # The hub that has two of three knows the third from the sum.
        (((10.0, 10.0), (10.0,)), "withheld"),
        # Beside the first hub's, 0.9 t of 10 t is left to hide the largest of the second.
        (((10.0, 10.0), (10.0, 0.9)), "withheld"),
        (((10.0, 10.0), (10.0, 1.0)), "released"),
    ],
)
def test_a_sum_that_is_safe_for_a_neighbour_may_tell_a_hub_too_much(
    sizes: tuple[tuple[float, ...], ...], outcome: str
) -> None:
    window = {name: alone(name, *some) for name, some in zip(CLUSTERS, sizes, strict=False)}
    terms = Terms(dict.fromkeys(window, Rules()))
    apart = Terms(dict.fromkeys(window, Rules()), apart=False)
    plans = plan(MATERIAL, [], window, apart)
    assert [one.status for one in settle(plans, window, terms).pooled] == [outcome]
    assert [one.status for one in settle(plans, window, apart).pooled] == ["released"]


def test_from_a_hub_one_owner_fewer_is_needed_than_in_all() -> None:
    window = {"ora": alone("ora", 10.0, 10.0), "mo": alone("mo", 10.0, 10.0)}
    for k, outcome in ((3, "released"), (4, "withheld")):
        terms = Terms(dict.fromkeys(window, Rules(k=k)))
        plans = plan(MATERIAL, [], window, Terms(dict.fromkeys(window, Rules(k=2))))
        assert [one.status for one in settle(plans, window, terms).pooled] == [outcome]


def test_a_cell_that_fails_in_a_window_does_not_come_and_go_in_the_pools() -> None:
    before, now = alone("ora", 10.0, 10.0, 10.0), alone("ora", 10.0, 10.0, 0.0)
    partition = choose(MATERIAL, [before], {part.member for part in before}, Rules())
    (failed,) = decide(partition, now, Rules())
    assert failed.status == "withheld"
    assert left_over([failed]) == []


def test_a_member_that_joined_after_the_period_began_is_not_left_to_the_pool() -> None:
    before, now = alone("ora", 10.0), alone("ora", 10.0, 20.0)
    partition = without_cells(MATERIAL, {part.member for part in before})
    assert left_over(decide(partition, now, Rules())) == list(now[:1])


@given(windows, terms)
def test_a_hub_without_own_cells_leaves_everything_to_the_pool(
    window: Window, terms: Terms
) -> None:
    terms = replace(terms, own_cells=False)
    settled = settle(plan(MATERIAL, [window], window, terms), window, terms)
    assert not any(settled.local.values())


def test_what_no_cell_was_planned_with_joins_the_finest_cell_that_covers_it() -> None:
    planned = {name: alone(name, 10.0) for name in CLUSTERS}
    terms = Terms(dict.fromkeys((*CLUSTERS, "rana"), Rules()))
    plans = plan(MATERIAL, [], planned, terms)
    window = {**planned, "rana": alone("rana", 5.0)}
    own = replace(plans.local["rana"], members=frozenset(p.member for p in window["rana"]))
    plans = Plans({**plans.local, "rana": own}, _with_member(plans.pool, "rana"))
    (one,) = settle(plans, window, terms).pooled
    assert (one.status, one.quantity, one.label.place) == ("released", 35.0, "all")


def _with_member(pool: Partition, cluster: str) -> Partition:
    return replace(pool, members=pool.members | {cluster})


def test_the_pool_gets_an_owners_sites_as_one_without_names_or_places() -> None:
    atom = Atom("10 09 03", "ora/north", None)
    parts = [
        Contribution("plant 1", "owner", atom, 3.0, 1.0, ("spread",)),
        Contribution("plant 2", "owner", atom._replace(place="ora/south"), 4.0, 0.5, ("late",)),
        Contribution("plant 3", "owner", atom, 0.0, 0.0, ("reclassified",)),
    ]
    (one,) = nameless("ora", parts, lambda owner: f"token of {owner}")
    assert one == Contribution(
        "ora", "token of owner", Atom("10 09 03", "ora", None), 7.0, 0.75, ("late", "spread")
    )
