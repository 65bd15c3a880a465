"""A pool's ledger: whose messages it takes, what it makes of them, and what peers take of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.hub_plan import HubLimits, HubPlan, Peer, Rules
from gateway.canonical import canonical
from gateway.federation import (
    Pooled,
    PooledCell,
    read_pooled,
    remainders_topic,
    seal_pooled,
    seal_remainder,
)
from gateway.hub import pool, pooled
from gateway.hub.book import Book
from gateway.hub.database import Database
from gateway.hub.federated import strictest
from gateway.hub.intake import Refused
from gateway.hub.pool import Door, Taken
from gateway.hub.release import Calendars, release_due
from gateway.keys import HubKey
from gateway.signing import RefusalError, seal_for, signature
from gateway.wire import nanoseconds, rfc3339
from tests.hubkit import HOUR, MONDAY, _key, hub_plan

FEDERATION = "vestland"
POOL = HubKey(_key(70))
HUBS = {name: HubKey(_key(71 + n)) for n, name in enumerate(("ora", "mo", "lista"))}
TURN = nanoseconds("2026-04-01T00:00:00Z")
LATE = MONDAY + 10 * HOUR


class Site:
    """A pool's ledger and its door."""

    def __init__(self, folder: Path) -> None:
        peers = tuple(Peer(name, str(key.public)) for name, key in HUBS.items())
        plan: HubPlan = replace(
            hub_plan(folder, calendars={"material": "hour", "heat": "hour"}),
            cluster=FEDERATION,
            peers=peers,
            limits=HubLimits(),
        )
        self.door = Door.of(plan, POOL)
        self.database = Database.open(folder / "ledger.db", MONDAY)
        self.book = Book(self.database, FEDERATION)
        self.number = 0

    def content(
        self, hub: str, start: int, owned: dict[str, float], **changes: Any
    ) -> dict[str, Any]:
        self.number += 1
        content: dict[str, Any] = {
            "v": 1,
            "federation": FEDERATION,
            "pool": POOL.public.fingerprint,
            "hub": HUBS[hub].public.fingerprint,
            "cluster": hub,
            "number": self.number,
            "kind": "material",
            "window": {"start": rfc3339(start), "end": rfc3339(start + HOUR)},
            "figures": [leftover(owner, size) for owner, size in owned.items()],
            "rules": pool.told_rules(Rules()).model_dump(mode="json", exclude_none=True),
            "have": 0,
        }
        return content | changes

    def judge(
        self, hub: str, content: dict[str, Any], now: int = LATE, key: HubKey | None = None
    ) -> Taken | Refused:
        payload = seal_remainder(content, key or HUBS[hub], POOL.public, 4096)
        return self.door.judge(topic(hub), payload, now)

    def take(self, hub: str, start: int, now: int = LATE, /, **owned: float) -> None:
        taken = self.judge(hub, self.content(hub, start, owned), now)
        assert isinstance(taken, Taken)
        pool.store(self.database, [taken], now)

    def release(self, now: int) -> int:
        rules = pool.rules_in_force(self.database, Rules())
        plan = Calendars(self.door.calendars, HOUR, rules, self.door.members(), pooling=True)
        return release_due(self.book, plan, 0, now)

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        with self.database.look() as cursor:
            query = f"SELECT {columns} FROM cells ORDER BY number"  # noqa: S608 fixed here
            return [tuple(row) for row in cursor.execute(query)]


def topic(hub: str) -> str:
    return remainders_topic(FEDERATION, HUBS[hub].public.fingerprint)


def leftover(owner: str, size: float) -> dict[str, Any]:
    return {
        "code": "10 09 03",
        "direction": "surplus",
        "unit": "t",
        "owner": owner * 32,
        "quantity": size,
        "coverage": 1.0,
        "marks": [],
        "waives": False,
    }


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.database.close()


def test_a_remainder_is_taken_once_and_judged_with_those_of_other_hubs(site: Site) -> None:
    for _ in range(2):
        site.number = 0
        site.take("ora", MONDAY, a=10.0, b=10.0)
        site.take("mo", MONDAY, c=10.0, a=10.0)
        site.take("lista", MONDAY, d=10.0)
    site.release(MONDAY + 3 * HOUR)
    assert site.rows("status, quantity, owners, place") == [("released", 50.0, 4, "all")]


@pytest.mark.parametrize(
    ("changes", "now", "reason"),
    [
        ({"federation": "another"}, LATE, "unsealable"),
        ({"pool": "0" * 32}, LATE, "misaddressed"),
        ({"cluster": "mo"}, LATE, "misaddressed"),
        ({"figures": [{"owner": "plain name"}]}, LATE, "malformed"),
        ({"window": {"start": rfc3339(MONDAY), "end": rfc3339(MONDAY + 2 * HOUR)}}, LATE,
         "bad-window"),
        ({"window": {"start": "2026-02-30T00:00:00Z", "end": rfc3339(MONDAY)}}, LATE, "bad-window"),
        ({}, MONDAY, "future"),
        ({}, MONDAY + 500 * 24 * HOUR, "bad-window"),
    ],
)  # fmt: skip
def test_what_is_not_for_this_pool_is_refused_with_a_reason(
    site: Site, changes: dict[str, Any], now: int, reason: str
) -> None:
    verdict = site.judge("ora", site.content("ora", MONDAY, {"a": 1.0}, **changes), now)
    assert isinstance(verdict, Refused)
    assert verdict.reason == reason


@pytest.mark.parametrize("payload", [b"", b"{}", b"[" * 5000, b'{"v":1}', b"\x00" * 100])
def test_nothing_that_arrives_raises(site: Site, payload: bytes) -> None:
    assert isinstance(site.door.judge(topic("ora"), payload, LATE), Refused)
    assert isinstance(site.door.judge("sidestream/v1/x/remainders/y", payload, LATE), Refused)


def test_another_hubs_signature_and_a_changed_figure_are_refused(site: Site) -> None:
    content = site.content("ora", MONDAY, {"a": 1.0})
    forged = site.judge("ora", content, key=HUBS["mo"])
    assert isinstance(forged, Refused)
    assert forged.reason == "bad-signature"


def test_a_remainder_under_another_ones_id_is_refused(site: Site) -> None:
    content = {**site.content("ora", MONDAY, {"a": 1.0}), "id": "0" * 32}
    plain = canonical({**content, "signature": signature(content, HUBS["ora"].sign, "remainder")})
    verdict = site.door.judge(
        topic("ora"), seal_for(plain, topic("ora").encode(), POOL.public, 4096), LATE
    )
    assert isinstance(verdict, Refused)
    assert (verdict.reason, verdict.detail) == ("malformed", "the id is not the remainder's")


def test_the_strictest_rules_of_all_peers_are_in_force(site: Site) -> None:
    strict = pool.told_rules(Rules(5, 20.0, (1, 60.0), q=50.0))
    told = strict.model_dump(mode="json", exclude_none=True)
    taken = site.judge("mo", site.content("mo", MONDAY, {"c": 1.0}, rules=told))
    assert isinstance(taken, Taken)
    pool.store(site.database, [taken], LATE)
    site.take("ora", MONDAY, a=1.0)
    own = Rules(3, 10.0, (2, 90.0))
    expected = Rules(5, 20.0, (2, 60.0), q=50.0, apart=True)
    assert pool.rules_in_force(site.database, own) == expected


def test_withheld_windows_are_guarded_when_any_hub_guards_them() -> None:
    guards, open_ = Rules(guard_rest=True), Rules(guard_rest=False)
    assert strictest([open_, guards]).guard_rest
    assert not strictest([open_, open_]).guard_rest


def test_what_a_withheld_window_leaves_is_guarded_from_the_hubs_too(site: Site) -> None:
    full = {"ora": {"a": 5.0, "b": 5.0}, "mo": {"c": 5.0, "d": 5.0}}
    short = {"ora": {"a": 5.0, "b": 5.0}, "mo": {"c": 5.0}}
    for hour, window in enumerate((full, short, full, full)):
        for hub, owned in window.items():
            site.take(hub, MONDAY + hour * HOUR, **owned)
    site.release(MONDAY + 9 * HOUR)
    # Three owners were withheld: safe from a neighbour, but one hub knows two of them.
    assert site.rows("status, reason") == [
        ("released", ""),
        ("withheld", "1 owners beside one hub's, 2 needed"),
        ("withheld", "guards a window withheld before"),
        ("released", ""),
    ]


def test_what_comes_after_its_quarter_has_ended_stays_withheld(site: Site) -> None:
    """An owner is named anew in each quarter: with both names it would count for two."""
    last = TURN - HOUR
    site.take("ora", last, TURN, a=5.0, b=5.0)
    site.take("mo", last, TURN, c=5.0, d=5.0)
    site.release(TURN + HOUR)
    site.take("lista", last, TURN + 2 * HOUR, e=7.0)
    site.take("ora", TURN + 2 * HOUR, TURN + 4 * HOUR, a=5.0, b=5.0)
    site.take("mo", TURN + 2 * HOUR, TURN + 4 * HOUR, c=5.0, d=5.0)
    site.release(TURN + 9 * HOUR)
    found = site.rows("status, quantity, reason, listed")
    assert ("withheld", 7.0, "came after its quarter had ended", 0) in found
    assert [row[:2] for row in found if row[3]] == [("released", 20.0), ("released", 20.0)]


def test_a_peer_is_told_in_order_and_again_what_it_lacks(site: Site, tmp_path: Path) -> None:
    for hour in range(3):
        site.take("ora", MONDAY + hour * HOUR, a=5.0, b=5.0)
        site.take("mo", MONDAY + hour * HOUR, c=5.0, d=5.0)
    site.release(MONDAY + 9 * HOUR)
    hub = HUBS["ora"].public.fingerprint
    batches = []
    while (found := pool.untold(site.database, FEDERATION, hub, 1))[1]:
        batches.append(found)
        pool.mark_told(site.database, hub, found[1][-1][0], LATE)
    told = [
        read_pooled(seal_pooled(FEDERATION, hub, *one, POOL), FEDERATION, hub, POOL.public)
        for one in batches
    ]
    mine = Database.open(tmp_path / "peer.db", MONDAY)
    assert [pooled.take(mine, one) for one in (told[1], told[0], told[0], told[2])] == [0, 1, 0, 0]
    assert pooled.have(mine, FEDERATION) == told[0].cells[-1].number
    again = site.content("ora", MONDAY + 3 * HOUR, {}, have=pooled.have(mine, FEDERATION))
    taken = site.judge("ora", again, LATE + 2 * HOUR)
    assert isinstance(taken, Taken)
    pool.store(site.database, [taken], LATE + 2 * HOUR)
    after, cells = pool.untold(site.database, FEDERATION, hub, 10)
    rest = Pooled(
        v=1, federation=FEDERATION, hub=hub, after=after, signature="",
        cells=tuple(PooledCell(number=number, cell=cell) for number, cell in cells),
    )  # fmt: skip
    assert pooled.take(mine, rest) == 2
    kept = Book(mine, "ora").unpublished(10)
    assert [one.cell.quantity for one in kept] == [20.0] * 3
    assert {one.cell.place for one in kept} == {"federation/vestland"}
    mine.close()


def test_cells_that_somebody_else_signed_are_not_taken() -> None:
    hub = HUBS["ora"].public.fingerprint
    forged = seal_pooled(FEDERATION, hub, 0, [], HUBS["mo"])
    with pytest.raises(RefusalError, match="bad-signature"):
        read_pooled(forged, FEDERATION, hub, POOL.public)
    other = seal_pooled(FEDERATION, HUBS["mo"].public.fingerprint, 0, [], POOL)
    with pytest.raises(RefusalError, match="misaddressed"):
        read_pooled(other, FEDERATION, hub, POOL.public)
