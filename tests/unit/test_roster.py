"""The roster: signed, only ever newer, without names; and hubs' keys that follow one another."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.running.trust import Trust
from config.hub_plan import Member
from gateway.canonical import canonical
from gateway.hub import registry
from gateway.hub.registry import Admitted, Registry, Tenure
from gateway.keys import HubKey, PlantPublic
from gateway.roster import (
    Line,
    Ring,
    Roster,
    following,
    read_roster,
    roster_content,
    seal_roster,
    standing,
)
from gateway.signing import RefusalError
from gateway.wire import quarter
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, _key, plant

NOW, NEXT, LATER = "2026Q1", "2026Q2", "2026Q3"
SECOND, THIRD, THIEF = (HubKey(_key(seed)) for seed in (2, 3, 4))
ONE, TWO, STRANGER = plant(1), plant(2), plant(9)
QUARTER = 92 * 24 * HOUR


def roster(
    ring: Ring = Ring.of(HUB),  # noqa: B008 - frozen
    period: str = NOW,
    number: int = 1,
    signer: HubKey | None = None,
    **changes: Any,
) -> bytes:
    """Issue a roster with ONE on it now, and TWO from the next quarter on."""
    publics = [one.key.public for one in (ONE, TWO)]
    content = {
        **roster_content(CLUSTER, period, ring, {"heat": "hour"}, 3),
        "members": ring.tokens(publics[:1], CLUSTER, period),
        "coming": ring.tokens(publics, CLUSTER, following(period)),
        "number": number,
        "issued": "2026-03-02T00:00:00Z",
        **changes,
    }
    return seal_roster(content, signer or ring.at(period))


def refused(payload: bytes, line: Line) -> str:
    with pytest.raises(RefusalError) as found:
        read_roster(payload, CLUSTER, line)
    return found.value.reason


def test_a_plant_finds_itself_and_nobody_else() -> None:
    found, line = read_roster(roster(), CLUSTER, Line.of(HUB.public))
    since = [standing(found, one.key, line) for one in (ONE, TWO, STRANGER)]
    assert since == [NOW, NEXT, None]
    told = roster().decode()
    for one in (ONE, TWO):
        for secret in (one.member.name, one.member.owner, one.pseudonym, one.member.place):
            assert secret not in told
        assert one.key.public.fingerprint not in told


def test_tokens_of_one_plant_in_two_quarters_have_nothing_in_common() -> None:
    tokens = [Ring.of(HUB).tokens([ONE.key.public], CLUSTER, one)[0] for one in (NOW, NEXT)]
    assert tokens[0] != tokens[1]


def test_a_forged_a_changed_and_a_foreign_roster_are_refused() -> None:
    line = Line.of(HUB.public)
    assert refused(roster(signer=THIEF), line) == "bad-signature"
    assert refused(roster(Ring.of(THIEF)), line) == "bad-signature"
    changed = {**json.loads(roster()), "contributors": 2}
    assert refused(canonical(changed), line) == "bad-signature"
    assert refused(roster(cluster="other"), line) == "misaddressed"
    assert refused(b"[]", line) == "malformed"
    assert refused(roster(number=0), line) == "malformed"


def test_an_older_roster_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    def trust() -> Trust:
        return Trust(ONE.key, HUB.public, CLUSTER, tmp_path)

    first = trust()
    assert first.told() is None
    assert first.take(roster(number=7))
    assert not first.take(roster(number=7))
    for known in (first, trust()):
        for payload in (roster(number=6), roster(number=7, contributors=4)):
            with pytest.raises(RefusalError, match="7 is known"):
                known.take(payload)
        told = known.told()
        assert told is not None
        assert (told["period"], told["since"]) == (NOW, NOW)
    assert trust().take(roster(number=8))


RINGS = Ring((("", HUB), (NEXT, SECOND), (LATER, THIRD)))


def test_who_trusts_an_old_key_follows_to_the_newest() -> None:
    _, line = read_roster(roster(RINGS, LATER), CLUSTER, Line.of(HUB.public))
    at = [line.at(period) for period in (NOW, NEXT, LATER, "2027Q4")]
    wanted = [HUB.public, SECOND.public, THIRD.public, THIRD.public]
    assert [str(key) for key in at] == [str(key) for key in wanted]
    _, later = read_roster(roster(RINGS, LATER), CLUSTER, Line.of(SECOND.public))
    assert str(later.at(LATER)) == str(THIRD.public)


def test_a_successor_that_the_key_before_did_not_sign_is_not_followed() -> None:
    stolen = Ring((("", THIEF), (NEXT, SECOND)))
    payload = roster(Ring((("", HUB), (NEXT, SECOND))), NEXT, succession=stolen.succession(CLUSTER))
    assert refused(payload, Line.of(HUB.public)) == "bad-signature"
    # Who has seen the hub's own successor does not go back to another one of the old key.
    _, line = read_roster(roster(RINGS, NEXT), CLUSTER, Line.of(HUB.public))
    forged = Ring((("", HUB), ("2027Q1", THIEF)))
    assert refused(roster(forged, "2027Q1"), line) == "bad-signature"


def test_the_key_of_a_quarter_to_come_is_announced_and_told(tmp_path: Path) -> None:
    trust = Trust(ONE.key, HUB.public, CLUSTER, tmp_path)
    trust.take(roster(Ring((("", HUB), (NEXT, SECOND))), NOW))
    told = trust.told()
    assert told is not None
    assert told["hub"] == HUB.public.fingerprint
    assert (told["next_key"], told["next_from"]) == (SECOND.public.fingerprint, NEXT)
    again = Trust(ONE.key, HUB.public, CLUSTER, tmp_path)
    assert str(again.at(NEXT)) == str(SECOND.public)
    other = Trust(ONE.key, THIEF.public, CLUSTER, tmp_path)
    assert other.roster is None


@given(st.integers(1970, 2999), st.integers(1, 4))
def test_quarters_follow_one_another(year: int, part: int) -> None:
    period = f"{year}Q{part}"
    assert following(period) > period
    four = period
    for _ in range(4):
        four = following(four)
    assert four == f"{year + 1}Q{part}"


# Since when members count.

AT = st.integers(MONDAY, MONDAY + 6 * QUARTER)


def listed(tenure: Tenure, released: int | None) -> tuple[Member, ...]:
    known = Registry(tenures={ONE.member.name: tenure})
    return registry.enrolled([ONE.member], known, released)


@given(AT, st.none() | AT)
def test_who_comes_after_the_first_release_counts_from_the_next_quarter(
    admitted: int, released: int | None
) -> None:
    (member,) = listed(Tenure(admitted=admitted), released)
    if released is None or admitted <= released:
        assert member.counts("1970Q1")
        assert member.counts(quarter(admitted))
    else:
        assert not member.counts(quarter(admitted))
        assert member.counts(following(quarter(admitted)))


@given(AT, AT)
def test_who_leaves_counts_until_the_quarter_ends(admitted: int, retired: int) -> None:
    (member,) = listed(Tenure(admitted=admitted, retired=retired), admitted + 1)
    assert member.counts(quarter(retired))
    assert not member.counts(following(quarter(retired)))
    assert listed(Tenure(admitted=admitted, retired=retired, at_once=True), None) == ()


def test_members_of_the_file_and_those_admitted_are_one_list_and_a_new_key_stays_a_member() -> None:
    old, new = str(ONE.key.public), str(STRANGER.key.public)
    entry = Admitted(name=ONE.member.name, key=new, owner="x", place="y", former=((old, MONDAY),))
    other = Admitted(name="two", key=str(TWO.key.public), owner="o", place="p", waives=True)
    known = Registry(admitted=(other, entry))
    one, two = registry.enrolled([ONE.member], known, None)
    assert (one.name, one.owner, one.key_text) == (ONE.member.name, ONE.member.owner, new)
    assert one.former == ((old, MONDAY),)
    assert (two.name, two.waives) == ("two", True)


def test_members_of_the_file_were_there_from_their_first_record_on() -> None:
    first = {ONE.member.name: MONDAY}
    known = registry.seen(Registry(), [ONE.member, TWO.member], first, MONDAY + 5)
    assert known.tenures[ONE.member.name].admitted == MONDAY
    assert known.tenures[TWO.member.name].admitted == MONDAY + 5
    assert registry.seen(known, [ONE.member], {}, MONDAY + 9) is known


def test_a_roster_of_five_thousand_members_can_be_read() -> None:
    many = sorted(f"{number:032x}" for number in range(5000))
    payload = roster(members=many, coming=[])
    assert len(payload) < 262_144
    found: Roster = read_roster(payload, CLUSTER, Line.of(HUB.public))[0]
    assert len(found.members) == 5000
    assert PlantPublic.parse(ONE.member.key_text).fingerprint not in found.members
