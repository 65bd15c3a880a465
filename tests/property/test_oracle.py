"""Random tables of many shapes: nothing unsafe is released, nothing released overlaps."""

from functools import reduce
from operator import add

import pytest

from config.hub_plan import Rules
from gateway.hub.partition import CellPlan, Partition
from gateway.hub.rollup import decide
from gateway.hub.safety import Share, objection
from gateway.hub.table import Atom, Contribution, Group, Label
from tests.campaign import Tally, judged, ordered, pooled
from tests.oracle import unsafe


@pytest.mark.parametrize("batch", range(4))
def test_no_unsafe_cell_of_random_tables_is_released(batch: int) -> None:
    found = reduce(add, (judged(seed) for seed in range(batch * 500, batch * 500 + 500)), Tally())
    assert found.wrong == ()
    # Enough of both kinds for the rules to have been asked at all.
    assert found.released > found.tables // 2
    assert found.withheld > 50
    # A cell that equals a limit exactly may be withheld by a rounding; no other may.
    assert found.needless <= found.withheld // 100


def test_no_unsafe_cell_of_random_pools_is_released() -> None:
    found = reduce(add, (pooled(seed) for seed in range(250)), Tally())
    assert found.wrong == ()
    assert found.pooled > found.tables // 3
    assert found.withheld > 10
    assert found.needless <= max(1, found.withheld // 100)


def test_no_order_of_random_months_is_told_of_too_few() -> None:
    found = reduce(add, (ordered(seed) for seed in range(400)), Tally())
    assert found.wrong == ()
    assert found.orders > found.tables // 2


def _parts(*quantities: float) -> list[Contribution]:
    atom = Atom("10 09 03", "ora", None)
    return [Contribution(f"m{n}", f"o{n}", atom, q) for n, q in enumerate(quantities)]


@pytest.mark.parametrize(
    ("quantities", "rules", "expected"),
    [
        # 100 * (X - x1 - x2) against p * x1: 10 t of 100 t is just enough, 9.99 t is not.
        ((100.0, 50.0, 10.0), Rules(), None),
        ((100.0, 50.0, 9.99), Rules(), "p% rule"),
        # Known before to within half: twice as much must be left.
        ((100.0, 50.0, 20.0), Rules(q=50.0), None),
        ((100.0, 50.0, 19.9), Rules(q=50.0), "prior-posterior rule"),
        ((100.0, 50.0, 50.0), Rules(dominance=(1, 50.0)), None),
        ((100.1, 50.0, 50.0), Rules(dominance=(1, 50.0)), "1 owners hold over 50 %"),
        ((100.0, 50.0), Rules(), "2 owners, 3 needed"),
        ((100.0, 50.0, 0.0), Rules(), "2 owners, 3 needed"),
        ((100.0, 50.0, -10.0), Rules(), None),
    ],
)
def test_each_rule_bites_at_its_limit(
    quantities: tuple[float, ...], rules: Rules, expected: str | None
) -> None:
    parts = _parts(*quantities)
    shares = {part.owner: Share(part.quantity) for part in parts}
    assert objection(shares, rules) == expected
    assert unsafe(parts, rules) is (expected is not None)
    assert _decided_alone(parts, rules) == ("released" if expected is None else "withheld")


def _decided_alone(parts: list[Contribution], rules: Rules) -> str:
    cell = CellPlan("cell", Label.of([parts[0].atom]), frozenset({parts[0].atom}))
    group = Group("material", "surplus", "t")
    partition = Partition(group, frozenset(part.member for part in parts), (cell,))
    (decision,) = decide(partition, parts, rules)
    return decision.status
