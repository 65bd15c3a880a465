"""Accounts at the broker: what each may do, for any members and any time."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hub.access import Account, Roll, accounts, listed, periods
from gateway.keys import HubKey, PlantKey, PlantPublic
from gateway.wire import quarter
from tests.hubkit import CLUSTER, HUB, _key

YEAR = 365 * 86_400_000_000_000
instants = st.integers(min_value=0, max_value=80 * YEAR)
ages = st.integers(min_value=0, max_value=3 * YEAR)
plants = st.lists(st.integers(2, 2**200), unique=True, max_size=5).map(
    lambda seeds: [PlantKey(_key(seed)) for seed in seeds]
)
PERIODS = ["2025Q4", "2026Q1", "2026Q2"]


@given(instants, ages)
def test_the_quarters_run_without_a_hole_to_the_next_one(now: int, oldest: int) -> None:
    now += oldest
    named = periods(now, oldest)
    assert named[0] == quarter(now - oldest)
    assert quarter(now) == named[-2]
    step = 20 * 86_400_000_000_000
    passed = {quarter(at) for at in (*range(now - oldest, now, step), now)}
    assert passed == set(named[:-1])
    following = next(q for at in range(now, now + YEAR, step) if (q := quarter(at)) != named[-2])
    assert following == named[-1]


@given(st.integers(2, 2**200), st.integers(2, 2**200))
def test_a_plant_and_its_hub_give_the_same_names_and_nobody_else_does(one: int, two: int) -> None:
    hub, plant = HubKey(_key(one)), PlantKey(_key(two))
    named = [plant.pseudonym(hub.public, CLUSTER, period) for period in PERIODS]
    assert hub.pseudonyms(plant.public, CLUSTER, PERIODS) == named
    assert len({*named}) == len(PERIODS)
    others = {*hub.pseudonyms(plant.public, "other", PERIODS)}
    others |= {*HubKey(_key(2**201)).pseudonyms(plant.public, CLUSTER, PERIODS)}
    assert not others & {*named}


def test_a_key_that_gives_no_secret_is_refused() -> None:
    zero = PlantPublic.parse("ssplant1_" + "A" * 43)
    identity = PlantPublic.parse("ssplant1_AQ" + "A" * 41)
    for weak in (zero, identity):
        with pytest.raises(ValueError, match="key"):
            HUB.pseudonyms(weak, CLUSTER, PERIODS)


@given(plants)
def test_no_topic_of_a_member_is_open_to_another(keys: list[PlantKey]) -> None:
    roll = Roll(CLUSTER, "hub", tuple(key.public for key in keys), ("exchange",))
    found = {one.name: one for one in accounts(roll, HUB, PERIODS)}
    own = [granted(found[key.public.fingerprint]) for key in keys]
    shared = f"sidestream/v1/{CLUSTER}/roster"
    for number, mine in enumerate(own):
        assert not any("+" in topic or "#" in topic for topic in mine)
        for other in own[number + 1 :]:
            assert mine & other == {shared}
    assert granted(found["exchange"]) == {f"sidestream/v1/{CLUSTER}/cells/+"}


def granted(account: Account) -> set[str]:
    return {grant.topic for grant in account.grants}


@given(plants)
def test_the_file_says_what_the_accounts_may_and_no_more(keys: list[PlantKey]) -> None:
    roll = Roll(CLUSTER, "hub", tuple(key.public for key in keys))
    found = accounts(roll, HUB, PERIODS)
    user, said = "", set()
    for line in (line for account in found for line in listed(account)):
        word, _, rest = line.partition(" ")
        assert word in {"#", "user", "topic"}
        user = rest if word == "user" else user
        if word == "topic":
            said.add((user, rest))
    told = {(one.name, f"{grant.right} {grant.topic}") for one in found for grant in one.grants}
    assert said == told


@given(st.text(string.ascii_lowercase, min_size=1, max_size=8))
def test_two_clients_never_share_an_account(name: str) -> None:
    with pytest.raises(ValueError, match="given twice"):
        accounts(Roll(CLUSTER, name, (), (name,)), HUB, PERIODS)
