"""Coming, leaving and new keys: what a member's records are worth then, and in which cells."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.hub_plan import HubLimits, Member, Rules
from gateway.hub.access import Roll, accounts, former_keys, member_keys
from gateway.hub.intake import Accepted, Gate, Refused
from gateway.hub.quota import JOINING, NOBODY, Quotas
from gateway.hub.release import Calendars, release_due
from gateway.keys import HubKey
from gateway.roster import Ring
from gateway.wire import records_topic, request_topic, rfc3339
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, Plant, _key, heat, plant
from tests.unit.test_release import Hub

PLANTS = tuple(plant(number) for number in range(1, 6))
ONE, NEW = PLANTS[0], plant(9)
TURN = 1_775_001_600_000_000_000
"""2026-04-01T00:00:00Z: the second quarter begins."""


def judged(member: Member, sender: Plant, start: int) -> Accepted | Refused:
    gate = Gate.of(CLUSTER, HUB, (member,), HubLimits())
    period = "2026Q2" if start >= TURN else "2026Q1"
    name = sender.key.pseudonym(HUB.public, CLUSTER, period)
    payload = sender.seal(sender.content(start, [heat(1.0)], pseudonym=name))
    return gate.judge(records_topic(CLUSTER, name), payload, start + HOUR)


def test_a_member_that_left_is_heard_to_the_end_of_its_quarter() -> None:
    leaving = replace(ONE.member, until="2026Q2")
    assert isinstance(judged(leaving, ONE, TURN - HOUR), Accepted)
    refused = judged(leaving, ONE, TURN)
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.detail) == ("unknown-plant", "no member from 2026Q2 on")
    assert refused.record is not None, "its plant is told"


def test_a_replaced_key_signs_for_what_began_before_and_the_new_one_for_all() -> None:
    old = str(ONE.key.public)
    member = replace(ONE.member, key_text=str(NEW.key.public), former=((old, MONDAY + HOUR),))
    assert isinstance(judged(member, ONE, MONDAY), Accepted)
    refused = judged(member, ONE, MONDAY + HOUR)
    assert isinstance(refused, Refused)
    assert refused.detail == "signed with a key that was replaced"
    found = judged(member, NEW, MONDAY)
    assert isinstance(found, Accepted)
    assert found.member.name == ONE.member.name
    lost = replace(member, former=())
    assert isinstance(judged(lost, ONE, MONDAY), Refused)


def test_a_new_key_may_publish_what_waits_under_the_old_ones_names() -> None:
    member = replace(
        ONE.member, key_text=str(NEW.key.public), former=((str(ONE.key.public), MONDAY),)
    )
    roll = Roll(CLUSTER, "hub", member_keys([member]), former=former_keys([member]))
    _, account = accounts(roll, HUB, ["2026Q1"])
    topics = {grant.topic for grant in account.grants if grant.right == "write"}
    for one in (ONE, NEW):
        name = one.key.pseudonym(HUB.public, CLUSTER, "2026Q1")
        assert f"sidestream/v1/{CLUSTER}/records/{name}" in topics
    assert account.name == NEW.key.public.fingerprint


def test_names_of_each_quarter_come_of_the_key_of_that_quarter() -> None:
    later = HubKey(_key(2))
    ring = Ring((("", HUB), ("2026Q2", later)))
    names = ring.pseudonyms(ONE.key.public, CLUSTER, ["2026Q1", "2026Q2"])
    assert names == [
        ONE.key.pseudonym(HUB.public, CLUSTER, "2026Q1"),
        ONE.key.pseudonym(later.public, CLUSTER, "2026Q2"),
    ]
    quotas = Quotas(CLUSTER, ring, [(ONE.member, ONE.key.public)], HubLimits())
    quotas.name(TURN)
    assert [quotas.period(name, TURN) for name in names] == ["2026Q1", "2026Q2"]
    assert quotas.period("f" * 32, TURN) == "2026Q2"


def test_whoever_floods_the_hub_with_requests_takes_nobody_elses_share() -> None:
    quotas = Quotas(CLUSTER, HUB, [(ONE.member, ONE.key.public)], HubLimits(burst=100, rate=10.0))
    sender = quotas.sender(request_topic(CLUSTER, "invite-x"), MONDAY)
    assert sender == JOINING
    assert sum(quotas.admit(sender, MONDAY) for _ in range(1000)) == 10
    assert quotas.admit(NOBODY, MONDAY)
    assert quotas.admit(ONE.member.name, MONDAY)


# In cells.


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    opened = Hub(tmp_path, PLANTS)
    yield opened
    opened.database.close()


def release(hub: Hub, members: tuple[Member, ...], now: int) -> dict[str, float]:
    plan = Calendars({"heat": "hour"}, HOUR, Rules(), members)
    release_due(hub.book, plan, 0, now)
    start = now - 2 * HOUR
    told = hub.rows("start, status, quantity")
    return {status: quantity for at, status, quantity in told if at == start}


def test_a_newcomer_counts_from_the_next_quarter_and_one_that_leaves_until_then(hub: Hub) -> None:
    *others, leaving, coming = (one.member for one in PLANTS)
    members = (*others, replace(leaving, until="2026Q2"), replace(coming, since="2026Q2"))
    hub.all_send(TURN - HOUR, 10, 11, 12, 13, 14)
    assert release(hub, members, TURN + HOUR) == {"released": 46.0, "withheld": 14.0}
    names = [one.key.pseudonym(HUB.public, CLUSTER, "2026Q2") for one in PLANTS]
    assert len(set(names)) == 5
    for number, (one, quantity) in enumerate(zip(PLANTS, (20, 21, 22, 23, 24), strict=True)):
        _store(hub, one, TURN, quantity, 100 + number)
    assert release(hub, members, TURN + 2 * HOUR) == {"released": 87.0, "withheld": 23.0}


def _store(hub: Hub, one: Plant, start: int, quantity: float, sequence: int) -> None:
    name = one.key.pseudonym(HUB.public, CLUSTER, "2026Q2")
    content = one.content(start, [heat(quantity)], pseudonym=name, sequence=sequence)
    payload = one.seal(content)
    gate = Gate.of(CLUSTER, HUB, tuple(each.member for each in PLANTS), HubLimits())
    verdict = gate.judge(records_topic(CLUSTER, name), payload, start + HOUR)
    assert isinstance(verdict, Accepted), (verdict, rfc3339(start))
    hub.ledger.store([verdict], start + HOUR)
