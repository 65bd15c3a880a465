"""Evidence: the short way to ask whether a sum over hubs was safe is the rule that decides it."""

import math
from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.hub_plan import Rules
from gateway.hub.evidence import MARGIN, Evidence, Held, Party
from gateway.hub.safety import Share, objection_to
from gateway.hub.table import Atom, Contribution, Label

ATOM = Atom("10 09 03", "ora", None)
SIZES = st.sampled_from([0.0, 1.0, -1.0, 5.0, 10.0, 11.0, 90.0, 100.0, -100.0, 1000.0])
"""Sizes beside whose ratios the limits of the rules lie."""
RULES = st.builds(
    Rules,
    k=st.integers(2, 5),
    p=st.sampled_from([5.0, 10.0, 50.0]),
    q=st.sampled_from([50.0, 100.0]),
    dominance=st.none() | st.sampled_from([(1, 50.0), (2, 80.0)]),
    waived_below_k=st.booleans(),
    apart=st.just(True),
)
COLUMNS = st.lists(
    st.tuples(
        st.sampled_from(["east", "north", "west"]),
        st.booleans(),
        st.lists(SIZES, min_size=2, max_size=2),
    ),
    min_size=1,
    max_size=7,
)
Columns = list[tuple[str, bool, list[float]]]


def _held(columns: Columns) -> Held:
    """Make what parties had, each of an owner of its own; some of them waive."""
    found = {Party(hub, f"owner {n}"): had for n, (hub, _, had) in enumerate(columns)}
    guarded = [party for party, (_, waives, _) in zip(found, columns, strict=True) if not waives]
    size = math.fsum(abs(quantity) for had in found.values() for quantity in had)
    return Held(frozenset({ATOM}), Label(*ATOM), 1, found, frozenset(guarded), size)


def _decided(held: Held, rules: Rules) -> Iterable[float | None]:
    for window in range(2):
        parts = [
            (party.hub, party.owner, Share(had[window], party not in held.guarded))
            for party, had in held.columns.items()
        ]
        safe = objection_to(parts, rules) is None
        yield math.fsum(abs(share.quantity) for *_, share in parts) if safe else None


@given(COLUMNS, RULES)
@example([("east", False, [100.0, 5.0])] * 3 + [("west", False, [90.0, 5.0])], Rules(apart=True))
@example([("east", False, [10.0, 10.0])] * 4, Rules(apart=True))
def test_owners_at_one_hub_each_are_judged_as_their_sum_is_decided(
    columns: Columns, rules: Rules
) -> None:
    evidence, held = Evidence([], rules), _held(columns)
    # A pool chooses by more than the p it decides by.
    asked = Rules(
        rules.k, rules.p * MARGIN, rules.dominance, rules.waived_below_k, rules.q, rules.apart
    )
    assert list(evidence._apart_alone(held)) == list(_decided(held, asked))
    assert list(evidence._apart(held)) == list(_decided(held, asked))


@given(COLUMNS, RULES)
def test_an_owner_at_two_hubs_is_judged_by_the_net_of_both(columns: Columns, rules: Rules) -> None:
    held = _held(columns)
    shared = {Party("south", "owner 0"): [5.0, 90.0], **held.columns}
    both = Held(held.atoms, held.label, 1, shared, held.guarded, held.size)
    asked = Rules(
        rules.k, rules.p * MARGIN, rules.dominance, rules.waived_below_k, rules.q, rules.apart
    )
    assert list(Evidence([], rules)._apart(both)) == list(_decided(both, asked))


@pytest.mark.parametrize("apart", [False, True])
def test_only_a_pool_chooses_its_cells_by_more_than_its_p(apart: bool) -> None:
    limit = [("east", 100.0), ("north", 50.0), ("west", 10.0), ("west", 10.0)]
    table = [
        Contribution(hub, f"owner {n}", ATOM, had * (1.05 if n == 0 else 1))
        for n, (hub, had) in enumerate(limit)
    ]
    rules = Rules(p=20 / 1.05, apart=apart)
    assert (
        objection_to([(one.member, one.owner, Share(one.quantity)) for one in table], rules) is None
    )
    evidence = Evidence([table], rules)
    assert evidence.safe(evidence.held([ATOM])) is not apart


def worth(*owners: int, guard: bool = True) -> float | None:
    """Give the worth of a code in windows of so many owners, 10 t each; None where it is unsafe."""
    tables = [[Contribution(f"m{n}", f"o{n}", ATOM, 10.0) for n in range(many)] for many in owners]
    evidence = Evidence(tables, Rules(guard_rest=guard))
    held = evidence.held([ATOM])
    return evidence.worth(held) if evidence.safe(held) else None


def test_a_cell_is_one_that_was_safe_in_three_windows_of_four() -> None:
    assert worth(3, 3, 3, 2) is not None
    assert worth(3, 3, 2, 2) is None
    assert worth(3, 3, 2) is None


def test_each_withheld_window_costs_another_one_where_the_rest_is_guarded() -> None:
    assert worth(3, 3, 3, 3) == pytest.approx(120)
    assert worth(3, 3, 3, 2, guard=False) == pytest.approx(90)
    assert worth(3, 3, 3, 2) == pytest.approx(60)
