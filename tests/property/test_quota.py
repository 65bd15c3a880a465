"""Quotas: what a sender gets in any stretch of time, whatever the others do."""

from hypothesis import given
from hypothesis import strategies as st

from config.hub_plan import HubLimits
from gateway.hub.quota import NOBODY, SECOND, Bucket, Quotas
from tests.hubkit import CLUSTER, HUB, MONDAY, gate, plant

LIMITS = HubLimits(rate=10.0, burst=20)
ONE, TWO = plant(1), plant(2)
gaps = st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=60)


def quotas() -> Quotas:
    return Quotas(CLUSTER, HUB, gate(ONE, TWO).members(), LIMITS)


@given(st.floats(0.5, 100), st.integers(1, 50), gaps)
def test_a_bucket_never_gives_more_than_its_size_and_what_ran_in(
    rate: float, size: int, pauses: list[int]
) -> None:
    bucket, now = Bucket(rate, size, size, 0), 0
    taken = 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
        assert taken <= size + rate * now / SECOND + 1e-6


@given(st.floats(1, 100), gaps)
def test_who_keeps_to_the_rate_is_never_refused(rate: float, pauses: list[int]) -> None:
    bucket, now = Bucket(rate, 2, 2, 0), 0
    for pause in pauses:
        now += pause + round(SECOND / rate) + 1
        assert bucket.take(now)


@given(gaps, st.integers(0, 5 * SECOND))
def test_a_clock_that_is_set_back_refuses_nobody_for_good(pauses: list[int], back: int) -> None:
    bucket, now = Bucket(10, 2, 2, 10 * SECOND), 10 * SECOND
    for pause in pauses:
        bucket.take(now := now + pause)
    bucket.take(now - back)
    assert bucket.take(now - back + SECOND)


@given(st.integers(0, 2000))
def test_a_flood_of_one_takes_nothing_from_another(flood: int) -> None:
    found = quotas()
    taken = sum(found.admit("plant 1", MONDAY) for _ in range(flood))
    assert taken == min(flood, LIMITS.burst)
    assert all(found.admit("plant 2", MONDAY) for _ in range(LIMITS.burst))
    assert found.taken_limited() == ({"plant 1": flood - taken} if flood > taken else {})
    assert found.taken_limited() == {}


@given(st.lists(st.text("0123456789abcdef", min_size=32, max_size=32), max_size=50))
def test_all_whom_nobody_knows_share_one_bucket(names: list[str]) -> None:
    found = quotas()
    senders = {found.sender(f"sidestream/v1/{CLUSTER}/records/{name}", MONDAY) for name in names}
    assert senders <= {NOBODY}
    assert sum(found.admit(NOBODY, MONDAY) for _ in range(100)) == LIMITS.burst / 10


def test_a_topic_is_its_members_in_each_quarter_the_hub_takes_records_of() -> None:
    found = quotas()
    for period in ("2025Q1", "2025Q4", "2026Q1", "2026Q2"):
        name = TWO.key.pseudonym(HUB.public, CLUSTER, period)
        for what in ("records", "presence"):
            topic = f"sidestream/v1/{CLUSTER}/{what}/{name}"
            assert found.sender(topic, MONDAY) == "plant 2"
    far = TWO.key.pseudonym(HUB.public, CLUSTER, "2027Q1")
    assert found.sender(f"sidestream/v1/{CLUSTER}/records/{far}", MONDAY) == NOBODY
    a_year_on = MONDAY + 365 * 86_400 * SECOND
    assert found.sender(f"sidestream/v1/{CLUSTER}/records/{far}", a_year_on) == "plant 2"
