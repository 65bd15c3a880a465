"""What was withheld of a cell is held to the rules as a sum, too."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from config.hub_plan import Rules
from gateway.hub.partition import choose
from gateway.hub.rest import GUARDS, Rest, grown, guarded
from gateway.hub.rollup import Decision, decide
from gateway.hub.safety import Share, objection
from gateway.hub.table import Atom, Contribution, Group
from tests.oracle import unsafe

GROUP = Group("material", "surplus", "t")
SLAG = Atom("10 09 03", "ora", None)
RULES = Rules()


def table(*quantities: float) -> list[Contribution]:
    return [Contribution(f"m{n}", f"o{n}", SLAG, float(q)) for n, q in enumerate(quantities)]


def windows(*tables: list[Contribution], rules: Rules = RULES) -> list[Decision]:
    plan = choose(GROUP, [table(5, 5, 5)], {f"m{n}" for n in range(9)}, rules)
    rest: dict[str, Rest] = {}
    found: list[Decision] = []
    for one in tables:
        decisions = guarded(decide(plan, one, rules), rest, rules)
        rest = grown(rest, decisions)
        found += decisions
    return found


def test_the_window_after_a_withheld_one_is_withheld_until_their_sum_is_safe() -> None:
    found = windows(table(5, 5, 5), table(5, 4, 0), table(5, 5, 5), table(5, 5, 5))
    assert [one.status for one in found] == ["released", "withheld", "withheld", "released"]
    assert [one.reason for one in found][1:3] == ["2 owners, 3 needed", GUARDS]


def test_more_than_one_window_may_be_needed() -> None:
    found = windows(table(900, 1, 0), *(table(5, 5, 5) for _ in range(30)))
    withheld = [one for one in found if one.status == "withheld"]
    assert len(withheld) == 1 + 20
    assert objection({"a": Share(1000), "b": Share(101), "c": Share(100)}, RULES) is None


def test_a_window_in_which_all_stood_still_hides_nothing() -> None:
    found = windows(table(0, 0, 0), table(5, 5, 5))
    assert [one.status for one in found] == ["withheld", "released"]


def test_a_hub_may_choose_to_leave_it_open() -> None:
    rules = Rules(guard_rest=False)
    found = windows(table(5, 4, 0), table(5, 5, 5), rules=rules)
    assert [one.status for one in found] == ["withheld", "released"]


def test_a_window_that_is_withheld_for_itself_says_why() -> None:
    found = windows(table(5, 4, 0), table(4, 5, 0))
    assert [one.reason for one in found] == ["2 owners, 3 needed"] * 2


def after(rest: Rest, waives: tuple[bool, ...], rules: Rules = RULES) -> str:
    """Decide on a safe window after a rest; members may be of the same owner: o0, o1, o2, o2."""
    parts = [
        Contribution(f"m{n}", f"o{min(n, 2)}", SLAG, 5.0, waives=waive)
        for n, waive in enumerate(waives)
    ]
    plan = choose(GROUP, [parts], {part.member for part in parts}, Rules())
    [decision] = decide(plan, parts, Rules())
    assert decision.status == "released"
    [told] = guarded([decision], {decision.name: rest}, rules)
    return told.status


def test_an_owner_that_waives_for_all_of_its_sites_waives_for_the_rest_too() -> None:
    rest = {"o0": 5.0, "o1": 5.0, "o2": 1000.0}
    assert after(rest, (False, False, False, False)) == "withheld"
    assert after(rest, (False, False, True, False)) == "withheld"
    assert after(rest, (True, False, False, False)) == "withheld"
    assert after(rest, (False, False, True, True)) == "released"


def test_a_rest_of_several_hubs_is_told_apart_by_hub_and_by_owner_whatever_its_name() -> None:
    apart = Rules(apart=True)
    spread = {"ora|east|AS": 5.0, "mo|north|AS": 5.0, "lista|west|AS": 5.0}
    assert after(spread, (False,) * 3, apart) == "released"
    # Who runs the hub of three knows them, and of the others k - 1 are needed beside them.
    nearly = {"ora|east|AS": 5.0, "ora|north|AS": 5.0, "ora|west|AS": 5.0, "mo|south|AS": 5.0}
    assert after(nearly, (False,) * 3, apart) == "withheld"


def test_only_cells_of_the_partition_leave_a_rest() -> None:
    [withheld] = windows(table(5, 4, 0))
    assert grown({}, [withheld]) == {withheld.name: {"o0": 5.0, "o1": 4.0, "o2": 0.0}}
    assert grown({}, [replace(withheld, listed=False)]) == {}


quantities = st.lists(st.sampled_from([0, 0, 1, 5, 40]), min_size=4, max_size=4)


@given(st.lists(quantities, min_size=1, max_size=12), st.sampled_from([10.0, 30.0]))
def test_while_a_cell_is_released_all_that_was_withheld_of_it_is_safe(
    rows: list[list[int]], p: float
) -> None:
    rules = Rules(p=p)
    withheld: list[Contribution] = []
    for one in windows(*(table(*row) for row in rows), rules=rules):
        if one.status == "withheld":
            withheld += one.parts
        else:
            assert not any(part.quantity for part in withheld) or not unsafe(withheld, rules)
            assert not unsafe(one.parts, rules)
