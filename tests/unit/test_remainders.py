"""What a hub leaves to its pool: with the decision it comes of, nameless, each figure once."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.hub import load_hub
from config.hub_plan import FederationPlan, Rules
from config.plan import BrokerPlan
from gateway.canonical import canonical
from gateway.federation import owner_token, seal_remainder
from gateway.hub import remainders
from gateway.hub.calendar import Window
from gateway.hub.database import Database
from gateway.hub.pool import told_rules
from gateway.hub.release import Calendars, release_due
from gateway.hub.remainders import Leaving, insert_remainder, waiting
from gateway.keys import HubKey
from tests.clikit import Call, call
from tests.hubkit import HOUR, MONDAY, _key, figure, gate, plant
from tests.unit.test_load_hub import BASE, member
from tests.unit.test_release import Hub

__all__ = ["call"]
POOL, ORA = HubKey(_key(70)), HubKey(_key(71))
SECRET = b"s" * 32
TERMS = FederationPlan(
    "vestland", BrokerPlan("pool", 8883, None), str(POOL.public), "owners.key",
    {"owner 1": "NO1", "owner 2": "NO2", "owner 3": "NO3", "shared": "NO9"}, size=8192,
)  # fmt: skip
PLANTS = tuple(plant(number) for number in range(1, 6))


class Peer(Hub):
    """A hub that leaves what it withholds to a pool."""

    terms = TERMS

    def release(self, now: int, up_since: int | None = 0, **changes: Any) -> int:
        members = tuple(one.member for one in self.plants)
        plan = Calendars(
            {"material": "hour"}, HOUR, Rules(), members,
            leaving=Leaving("ora", replace(self.terms, **changes), SECRET),
        )  # fmt: skip
        return release_due(self.book, plan, up_since, now)

    def left(self) -> list[remainders.Waiting]:
        return waiting(self.database, 0, 1000)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Peer]:
    opened = Peer(tmp_path, PLANTS)
    yield opened
    opened.database.close()


def token(number: str, period: str = "2026Q1") -> str:
    return owner_token(SECRET, "vestland", period, number)


def send(hub: Peer, start: int, code: str, *quantities: float) -> None:
    for one, quantity in zip(hub.plants, quantities, strict=False):
        hub.take(one, start, figure(quantity, code), at=gate(*hub.plants))


def test_what_no_cell_holds_is_left_by_owner_with_the_cluster_for_a_place(hub: Peer) -> None:
    send(hub, MONDAY, "10 09 03", 4.0, 6.0)
    hub.release(MONDAY + 2 * HOUR)
    (one,) = hub.left()
    assert (one.kind, one.window) == ("material", Window(MONDAY, MONDAY + HOUR))
    assert {(f["owner"], f["quantity"]) for f in one.figures} == {
        (token("NO1"), 4.0),
        (token("NO2"), 6.0),
    }
    assert hub.rows("status, reason") == [("withheld", remainders.LEFT)]
    told = json.dumps(one.figures)
    assert not any(name in told for name in ("owner 1", "plant 1", "north", "NO1"))


def test_what_a_cell_holds_or_a_failed_cell_held_is_not_left(hub: Peer) -> None:
    send(hub, MONDAY, "10 09 03", 5.0, 5.0, 5.0)
    hub.release(MONDAY + 2 * HOUR)
    send(hub, MONDAY + HOUR, "10 09 03", 5.0, 5.0, 0.0)
    hub.release(MONDAY + 3 * HOUR)
    assert hub.rows("status, reason") == [("released", ""), ("withheld", "2 owners, 3 needed")]
    assert [one.figures for one in hub.left()] == [[], []]


def test_a_hub_without_own_cells_leaves_all_until_the_quarter_ends(hub: Peer) -> None:
    send(hub, MONDAY, "10 09 03", 5.0, 5.0, 5.0)
    hub.release(MONDAY + 2 * HOUR, own_cells=False)
    send(hub, MONDAY + HOUR, "10 09 03", 5.0, 5.0, 5.0)
    hub.release(MONDAY + 3 * HOUR)
    assert hub.rows("status, reason") == [("withheld", remainders.LEFT)] * 2
    assert [len(one.figures) for one in hub.left()] == [3, 3]


def test_a_hub_that_has_left_its_federation_has_cells_of_its_own_again(hub: Peer) -> None:
    send(hub, MONDAY, "10 09 03", 5.0, 5.0, 5.0)
    hub.release(MONDAY + 2 * HOUR, own_cells=False, leaves="2026Q1")
    assert hub.rows("status, reason") == [("released", "")]
    assert hub.left() == []


def test_an_owner_without_a_number_is_not_left(hub: Peer) -> None:
    hub.plants = (plant(1), plant(7, "nobody"))
    send(hub, MONDAY, "10 09 03", 4.0, 6.0)
    hub.release(MONDAY + 2 * HOUR)
    (one,) = hub.left()
    assert [f["quantity"] for f in one.figures] == [4.0]
    ((reason,),) = hub.rows("reason")
    assert reason.endswith(remainders.UNNAMED)


def test_there_is_a_message_for_each_window_with_something_in_it_or_not(hub: Peer) -> None:
    send(hub, MONDAY, "10 09 03", 4.0, 6.0)
    hub.release(MONDAY + 2 * HOUR)
    hub.release(MONDAY + 6 * HOUR)
    hub.release(MONDAY + 6 * HOUR)
    starts = [(one.window.start - MONDAY) // HOUR for one in hub.left()]
    assert starts == [0, 1, 2, 3, 4]
    payloads = [len(sealed(one)) for one in hub.left()]
    assert len(set(payloads)) == 1


def sealed(one: remainders.Waiting) -> bytes:
    content: dict[str, Any] = {
        "v": 1, "federation": "vestland", "pool": POOL.public.fingerprint,
        "hub": ORA.public.fingerprint, "cluster": "ora" * 20, "number": 2**53 - 1,
        "kind": one.kind, "figures": one.figures, "have": 2**53 - 1,
        "window": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"},
        "rules": told_rules(Rules(100, 99.9, (99, 99.9), q=99.9)).model_dump(exclude_none=True),
    }  # fmt: skip
    return seal_remainder(content, ORA, POOL.public, 8192)


def test_a_hub_leaves_at_the_beginning_of_a_quarter(hub: Peer) -> None:
    send(hub, MONDAY, "10 09 03", 4.0, 6.0)
    hub.release(MONDAY + 3 * HOUR, leaves="2026Q1")
    assert hub.left() == []
    assert hub.rows("status, reason") == [("withheld", "not in partition")]
    hub.release(MONDAY + 4 * HOUR, leaves="2026Q2")
    assert len(hub.left()) == 1


def test_what_is_settled_is_forgotten_and_only_that(hub: Peer) -> None:
    for hour in range(3):
        send(hub, MONDAY + hour * HOUR, "10 09 03", 4.0, 6.0)
        hub.release(MONDAY + (hour + 2) * HOUR)
    first, second, third = hub.left()
    remainders.settle(hub.database, [first.number], {third.number: "bad-window"}, MONDAY)
    assert hub.left() == [second]
    with hub.database.look() as cursor:
        rows = cursor.execute("SELECT figures, refused FROM remainders ORDER BY number").fetchall()
    assert [tuple(row) for row in rows][::2] == [("[]", None), ("[]", "bad-window")]


figures = st.lists(
    st.fixed_dictionaries(
        {"owner": st.sampled_from(["a" * 32, "b" * 32]), "quantity": st.floats(-1e9, 1e9)}
    ),
    max_size=120,
)


@given(figures)
def test_however_many_messages_it_takes_each_figure_is_in_one(
    figures: list[dict[str, Any]],
) -> None:
    database = Database.open(Path(":memory:"), MONDAY)
    with database.change() as cursor:
        insert_remainder(cursor, "material", Window(MONDAY, MONDAY + HOUR), figures, 4096)
    found = waiting(database, 0, 1000)
    database.close()
    assert found
    assert all(len(canonical(one.figures)) <= 4096 - 1500 for one in found)
    got = Counter(json.dumps(f, sort_keys=True) for one in found for f in one.figures)
    assert got == Counter(json.dumps(f, sort_keys=True) for f in figures)


def test_an_owners_token_is_the_same_for_all_peers_and_another_each_quarter() -> None:
    assert token("NO1") == token("NO1")
    others = {
        token("NO1"),
        token("NO2"),
        token("NO1", "2026Q2"),
        owner_token(b"t" * 32, "vestland", "2026Q1", "NO1"),
        owner_token(SECRET, "another", "2026Q1", "NO1"),
    }
    assert len(others) == 5


PEER = f"""
[federation]
cluster = "vestland"
key = "{POOL.public}"
broker = "mqtts://pool"
owner_key_file = "owners.key"
owners = {{ "o0" = "no 123 456.789" }}
"""
PEERS = f'[[peers]]\ncluster = "ora"\nkey = "{ORA.public}"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "hub.toml"
    path.write_text(f'{BASE}{text}[state]\ndirectory = "state"\nruntime = "run"\n')
    return path


def test_a_peers_file_and_a_pools_are_read(tmp_path: Path) -> None:
    terms = load_hub(written(tmp_path, PEER + member(0)), {}).federation
    assert terms is not None
    assert terms.owners == {"o0": "NO123456789"}
    assert (terms.name, terms.digits, terms.broker.port) == ("vestland", 6, 8883)
    found = load_hub(written(tmp_path, PEERS), {})
    assert [(peer.cluster, peer.key_text) for peer in found.peers] == [("ora", str(ORA.public))]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PEERS + member(0), "a pool with members"),
        (PEERS + PEER, "a pool with members, or with a pool"),
        (PEERS + PEERS, '"ora" a second time'),
        (PEER.replace("no 123 456.789", "123"), "the country and the number"),
        (PEER.replace(str(POOL.public), "ssplant1_x"), "a hub's public key"),
        (PEER + 'leaves = "2026"\n', "leaves"),
    ],
)
def test_a_mistake_in_them_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_hub(written(tmp_path, text), {})
    assert said in str(caught.value)


def test_a_hub_that_sees_sums_alone_is_refused_for_a_later_version(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(BASE + 'hub_sees = "sums"\n')
    with pytest.raises(ConfigError, match="need agents that mask, of a later version"):
        load_hub(path, {})
    path.write_text(BASE + 'hub_sees = "figures"\n')
    assert load_hub(path, {}).cluster == "ora"


def test_the_federation_of_a_peer_and_of_a_pool_is_shown(tmp_path: Path, call: Call) -> None:
    path = written(tmp_path, PEER + member(0) + member(1))
    Database.open(tmp_path / "state" / "hub-ledger.db", MONDAY).close()
    said = call("hub", "federation", path, "--json")
    told = json.loads(said.out)
    assert (said.code, told["federation"], told["role"]) == (1, "vestland", "peer")
    assert told["unnumbered"] == ["o1"]
    pool = call("hub", "federation", written(tmp_path, PEERS))
    assert pool.code == 1
    assert "ora has never sent anything" in pool.out
    assert "Rules: 3 owners, p 10, q 100" in pool.out
    alone = call("hub", "federation", written(tmp_path, member(0)))
    assert alone.code != 0
    assert "in no federation" in alone.err
