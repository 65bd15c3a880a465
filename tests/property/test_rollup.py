"""Roll-up against an oracle that knows nothing of how partitions are chosen."""

import itertools
import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from config.hub_plan import Rules
from gateway.hub.evidence import Evidence
from gateway.hub.partition import Partition, choose
from gateway.hub.rollup import decide, told_coverage
from gateway.hub.table import Atom, Contribution, Group
from tests.oracle import unsafe

MATERIAL = Group("material", "surplus", "t")
CODES = ("10 09 03", "10 09 06", "10 02 01", "10 02 01*", "19 01 13*", "10 09", "19")
PLACES = ("ora/north", "ora/south", "mo", "mo/east", "mo/east/quay", "north")
OWNERS = tuple("ABCDEFGH")

contribution = st.builds(
    lambda owner, site, code, place, quantity, waives: Contribution(
        f"{owner}{site}", owner, Atom(code, place, None), float(quantity), 1.0, (), waives
    ),
    st.sampled_from(OWNERS),
    st.integers(1, 2),
    st.sampled_from(CODES),
    st.sampled_from(PLACES),
    st.one_of(st.integers(-50, 400), st.sampled_from([0, 1, 1000])),
    st.sampled_from([False, False, False, True]),
)
tables = st.lists(contribution, max_size=40).map(tuple)
rules = st.builds(
    Rules,
    st.integers(1, 4),
    st.sampled_from([0.0, 10.0, 50.0]),
    st.sampled_from([None, (1, 50.0), (2, 85.0)]),
    st.booleans(),
    st.sampled_from([100.0, 100.0, 50.0, 70.0]),
)


def planned(table: tuple[Contribution, ...], rules: Rules) -> Partition:
    return choose(MATERIAL, [table], {part.member for part in table}, rules)


@given(tables, rules)
def test_no_released_cell_is_unsafe(table: tuple[Contribution, ...], rules: Rules) -> None:
    for decision in decide(planned(table, rules), table, rules):
        if decision.status == "released":
            assert not unsafe(decision.parts, rules)


@given(tables, tables, rules)
def test_no_released_cell_is_unsafe_in_a_later_window(
    earlier: tuple[Contribution, ...], table: tuple[Contribution, ...], rules: Rules
) -> None:
    for decision in decide(planned(earlier, rules), table, rules):
        assert (decision.status == "released") is (
            decision.listed and not unsafe(decision.parts, rules)
        )


@given(tables, rules)
def test_contributors_are_owners_whose_sites_together_have_something(
    table: tuple[Contribution, ...], rules: Rules
) -> None:
    for decision in decide(planned(table, rules), table, rules):
        nets = {
            owner: sum(part.quantity for part in decision.parts if part.owner == owner)
            for owner in {part.owner for part in decision.parts}
        }
        assert decision.owners == sum(net != 0 for net in nets.values())


@given(tables, rules)
def test_cells_are_disjoint_and_their_names_unique(
    table: tuple[Contribution, ...], rules: Rules
) -> None:
    cells = planned(table, rules).cells
    for one, other in itertools.combinations(cells, 2):
        assert not one.atoms & other.atoms
        assert one.name != other.name


@given(tables, rules)
def test_every_cell_is_safe_in_the_data_it_was_chosen_from(
    table: tuple[Contribution, ...], rules: Rules
) -> None:
    decisions = decide(planned(table, rules), table, rules)
    assert all(decision.status == "released" for decision in decisions if decision.listed)


@given(tables, tables, rules, st.booleans())
def test_every_contribution_ends_in_exactly_one_decision(
    earlier: tuple[Contribution, ...], table: tuple[Contribution, ...], rules: Rules, joined: bool
) -> None:
    partition = planned(earlier, rules)
    if not joined:
        partition = replace(partition, members=partition.members - {"A1", "B1", "C1"})
    decisions = decide(partition, table, rules)
    counted = {part.member for d in decisions if d.listed for part in d.parts}
    assert counted <= partition.members
    ended = [id(part) for decision in decisions for part in decision.parts]
    assert sorted(ended) == sorted(id(part) for part in table)
    assert sum(d.quantity for d in decisions) == sum(part.quantity for part in table)


@given(tables, rules)
def test_a_label_covers_the_atoms_of_its_cell(
    table: tuple[Contribution, ...], rules: Rules
) -> None:
    for cell in planned(table, rules).cells:
        assert all(cell.label.covers(atom) for atom in cell.atoms)


@given(tables, rules)
def test_a_cell_that_covers_another_is_named_the_rest(
    table: tuple[Contribution, ...], rules: Rules
) -> None:
    cells = planned(table, rules).cells
    for one, other in itertools.permutations(cells, 2):
        if one.label != other.label and one.label.covers(other.label):
            assert "rest" in one.name


@given(tables, rules)
def test_a_cell_that_is_safe_alone_is_never_lost(
    table: tuple[Contribution, ...], rules: Rules
) -> None:
    covered = {atom for cell in planned(table, rules).cells for atom in cell.atoms}
    for atom in {part.atom for part in table}:
        parts = tuple(part for part in table if part.atom == atom)
        if not unsafe(parts, rules):
            assert atom in covered


@settings(deadline=None, max_examples=30)
@given(st.lists(tables, min_size=1, max_size=5), rules)
def test_the_same_data_in_any_order_give_the_same_partition(
    history: list[tuple[Contribution, ...]], rules: Rules
) -> None:
    backwards = [table[::-1] for table in history[::-1]]
    members = {part.member for table in history for part in table}
    assert choose(MATERIAL, history, members, rules) == choose(MATERIAL, backwards, members, rules)


@settings(deadline=None, max_examples=20)
@given(st.lists(tables, min_size=4, max_size=5), rules)
def test_a_searched_partition_is_disjoint_steady_and_worth_no_less_than_a_fixed_one(
    history: list[tuple[Contribution, ...]], rules: Rules
) -> None:
    evidence = Evidence(history, rules)
    found = {
        order: choose(MATERIAL, history, (), rules, order).cells for order in ("search", "fixed")
    }
    for one, other in itertools.combinations(found["search"], 2):
        assert not one.atoms & other.atoms
        assert one.name != other.name
    for cell in found["search"]:
        passed = [
            not unsafe([part for part in table if part.atom in cell.atoms], rules)
            for table in history
        ]
        assert sum(passed) >= 0.75 * len(history)
    worth = {
        order: math.fsum(evidence.worth(evidence.held(cell.atoms)) for cell in cells)
        for order, cells in found.items()
    }
    assert worth["search"] >= worth["fixed"] * (1 - 1e-12)


@given(st.floats(0, 1))
def test_coverage_is_never_told_higher_than_it_is(coverage: float) -> None:
    told = told_coverage(coverage)
    assert told <= coverage
    assert told in (0.95, 0.8, 0.5, 0.0)
    assert not any(told < step <= coverage for step in (0.95, 0.8, 0.5))
