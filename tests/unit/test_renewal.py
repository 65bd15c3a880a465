"""Renewals: who is granted one, which answer is taken, and that two files never stay half new."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from agent.running.pair import Pair, csr_of, settle, swap
from agent.running.renewer import Renewer, due
from agent.running.renewing import Renewal
from agent.running.trust import Trust
from config.hub_plan import HubPlan, Member
from config.plan import BrokerPlan, TlsPlan, UplinkPlan
from gateway import authority
from gateway.hub import registry, requests
from gateway.hub.book import Book
from gateway.hub.database import Database
from gateway.hub.desk import Desk
from gateway.hub.ledger import Ledger
from gateway.hub.registry import Answer, Registry
from gateway.hub.renewals import LONG, Verdict, judged, overdue
from gateway.hub.requests import Pending
from gateway.hub.status import LEDGER
from gateway.hub.vault import Open
from gateway.joining import open_request, seal_admission
from gateway.keys import HubKey
from gateway.roster import Line
from gateway.signing import RefusalError
from gateway.wire import answer_topic, request_topic, rfc3339
from tests.clikit import Call
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, _key, hub_plan, plant
from tests.pki import DAY, Authority

ONE, TWO = plant(1), plant(2)
ACCOUNT = ONE.key.public.fingerprint
NEXT, THIEF = HubKey(_key(2)), HubKey(_key(4))
CSR = authority.request_for(authority.client_key(), ACCOUNT)


def asked(**changes: Any) -> Pending:
    content: dict[str, Any] = {
        "sender": ACCOUNT,
        "kind": "renewal",
        "key": ONE.member.key_text,
        "fingerprint": ACCOUNT,
        "hub": HUB.public.fingerprint,
        "csr": CSR,
        "received": MONDAY,
        "note": "as it was called",
    }
    return Pending(**{**content, **changes})


def verdict(one: Pending, member: Member = ONE.member, known: Registry | None = None) -> Verdict:
    (found,) = judged([one], known or Registry(), [member, TWO.member])
    return found


def test_a_member_that_asks_with_the_key_it_was_admitted_with_is_granted_a_certificate() -> None:
    assert verdict(asked()) == Verdict(asked(), ONE.member.name)


@pytest.mark.parametrize(
    ("one", "member", "why"),
    [
        (asked(key=TWO.member.key_text), ONE.member, "not by the key"),
        (asked(fingerprint=TWO.key.public.fingerprint), ONE.member, "not by the key"),
        (asked(sender="f" * 32), ONE.member, "not by the key"),
        (asked(), replace(ONE.member, key_text=plant(9).member.key_text), "not by the key"),
        (asked(), replace(ONE.member, until="2026Q2"), "leaves before 2026Q2"),
        (asked(csr=None), ONE.member, "asks for no certificate"),
    ],
)
def test_whoever_else_asks_waits_for_a_person(one: Pending, member: Member, why: str) -> None:
    assert why in verdict(one, member).refused


def test_only_renewals_that_have_no_answer_yet_are_judged() -> None:
    others = [asked(kind="join"), asked(kind="new key")]
    assert judged(others, Registry(), [ONE.member]) == []
    answer = Answer(sender=ACCOUNT, plant=ACCOUNT, payload="", issued=MONDAY)
    known = Registry(answers=(answer,))
    assert judged([asked()], known, [ONE.member]) == []
    assert verdict(asked(received=MONDAY + 1), known=known).refused == ""


# The running hub.


@pytest.fixture
def plan(tmp_path: Path) -> HubPlan:
    key = HUB.sign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "hub.pem").write_bytes(key)
    return hub_plan(tmp_path, ONE, TWO)


def test_a_renewal_that_waits_long_is_told_of(plan: HubPlan) -> None:
    folder = Path(plan.state_dir)
    requests.write(folder, [asked(), asked(sender="f" * 32)])
    assert overdue(plan, MONDAY + LONG) == []
    (told,) = overdue(plan, MONDAY + LONG + 1)
    assert told.startswith("plant 1 waits for a new certificate since 2026-03-02")
    assert "`sudo sidestream hub renew`" in told
    (folder / registry.FILE).write_text("not JSON")
    assert overdue(plan, MONDAY + LONG + 1) == []


def renewal(folder: Path, days: int = 20, signer: Authority | None = None) -> Renewal:
    """Give a plant whose certificate ends in so many days, and its hub's authority beside it."""
    made = signer or Authority(folder / "pki")
    client = made.client(ACCOUNT, ahead=timedelta(days=days))
    broker = BrokerPlan("127.0.0.1", 1, TlsPlan(None, str(client.certificate), str(client.key)))
    uplink = UplinkPlan(CLUSTER, broker, str(HUB.public))
    trust = Trust(ONE.key, HUB.public, CLUSTER, folder)
    return Renewal.made(uplink, ONE.key, trust)


def test_the_same_request_waits_since_it_first_came_and_its_answer_is_posted(
    plan: HubPlan, tmp_path: Path
) -> None:
    one, desk, topic = renewal(tmp_path), Desk(plan), request_topic(CLUSTER, ACCOUNT)
    with closing(Database.open(Path(plan.state_dir) / LEDGER, MONDAY)) as database:
        opened = Open(database, Ledger(database, plan.limits), Book(database, CLUSTER))
        assert desk.look(opened, MONDAY)
        assert not desk.look(opened, MONDAY)
        assert desk.take(topic, one.request(), MONDAY) is None
        assert desk.take(topic, one.request(), MONDAY + HOUR) is None
        (waiting,) = requests.read(Path(plan.state_dir))
        assert (waiting.kind, waiting.received) == ("renewal", MONDAY)
        answer = Answer(sender=ACCOUNT, plant=ACCOUNT, payload="{}", issued=MONDAY + HOUR)
        registry.change(
            registry.path_of(plan), lambda known: known.model_copy(update={"answers": (answer,)})
        )
        assert desk.look(opened, MONDAY + HOUR), "what is posted has changed"
        assert not desk.look(opened, MONDAY + HOUR)
    assert desk.posts()[answer_topic(CLUSTER, ACCOUNT)] == b"{}"
    assert requests.read(Path(plan.state_dir)) == ()


# The plant.


def granted(one: Renewal, folder: Path, signer: HubKey = HUB, **changes: Any) -> bytes:
    """Answer a request as the hub does."""
    request = open_request(one.request(), CLUSTER, ACCOUNT, HUB)
    assert request.owner == ""
    assert request.csr is not None
    signs = authority.Authority.load(folder / "pki" / "ca.key", [folder / "pki" / "ca.crt"])
    wanted = authority.checked(request.csr, ACCOUNT)
    now = time.time_ns()
    content = {
        "v": 1,
        "cluster": CLUSTER,
        "plant": ACCOUNT,
        "since": "2026Q1",
        "issued": rfc3339(now),
        "certificate": signs.sign(wanted, ACCOUNT, now, now + 300 * 24 * HOUR),
        **changes,
    }
    content = {name: value for name, value in content.items() if value is not None}
    return seal_admission(content, ACCOUNT, signer, ONE.key.public)


def test_an_answer_is_kept_beside_the_pair_in_use_until_that_is_replaced(tmp_path: Path) -> None:
    one = renewal(tmp_path)
    before = one.pair.certificate.read_bytes(), one.pair.key.read_bytes()
    one.pair.key.chmod(0o600)
    one.keep(granted(one, tmp_path))
    assert one.granted
    assert (one.pair.certificate.read_bytes(), one.pair.key.read_bytes()) == before
    assert one.pair.next.key.stat().st_mode & 0o777 == 0o600
    one.install()
    assert one.pair.whole
    assert not one.granted
    assert one.pair.key.read_bytes() != before[1]
    assert one.pair.key.stat().st_mode & 0o777 == 0o600
    assert not csr_of(one.pair).exists()
    one.install()
    assert one.pair.whole, "once more changes nothing"


def test_the_same_request_is_made_until_it_is_answered(tmp_path: Path) -> None:
    one = renewal(tmp_path)

    def csr() -> str | None:
        return open_request(one.request(), CLUSTER, ACCOUNT, HUB).csr

    first = csr()
    assert csr() == first
    assert b"PRIVATE" not in one.request()
    csr_of(one.pair).write_text("nonsense")
    assert csr() != first


def test_an_answer_by_a_key_that_the_hub_has_announced_is_taken_and_no_other(
    tmp_path: Path,
) -> None:
    one = renewal(tmp_path)
    with pytest.raises(RefusalError, match="not the hub's"):
        one.keep(granted(one, tmp_path, NEXT))
    one.trust.line = Line((*one.trust.line.keys, ("2099Q1", NEXT.public)))
    one.keep(granted(one, tmp_path, NEXT))
    with pytest.raises(RefusalError, match="not the hub's"):
        one.keep(granted(one, tmp_path, THIEF))


def test_an_earlier_answer_or_one_without_a_certificate_is_refused(tmp_path: Path) -> None:
    one = renewal(tmp_path)
    earlier = granted(one, tmp_path)
    one.pair.next.key.unlink()
    with pytest.raises(RefusalError, match="for another key"):
        one.keep(earlier)
    with pytest.raises(RefusalError, match="signed by hand"):
        one.keep(granted(one, tmp_path, certificate=None))
    assert not one.pair.next.certificate.exists()


@given(st.integers(0, 400), st.integers(-50, 500))
def test_a_certificate_is_due_between_the_days_that_are_set_and_its_end(
    days: int, left: int
) -> None:
    day = 24 * HOUR
    assert due(MONDAY + left * day, MONDAY, days) == (0 < left <= days)
    assert not due(None, MONDAY, days)


# Two files.


def pairs(folder: Path) -> Pair:
    """Lay a pair and its next one beside each other."""
    made = Authority(folder)
    old, new = made.client("old"), made.client("new")
    pair = Pair(folder / "client.crt", folder / "client.key")
    for one, to in ((old, pair), (new, pair.next)):
        shutil.move(one.certificate, to.certificate)
        shutil.move(one.key, to.key)
    return pair


@pytest.mark.parametrize("moves", range(3))
def test_a_swap_cut_short_between_its_files_is_finished_by_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    pair, done = pairs(tmp_path), list[Path]()
    new = pair.next.certificate.read_bytes(), pair.next.key.read_bytes()
    move = Path.replace

    def cut(path: Path, to: Path) -> Path:
        if len(done) == moves:
            raise KeyboardInterrupt
        done.append(path)
        return move(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        if moves < 2:
            with pytest.raises(KeyboardInterrupt):
                swap(pair)
        else:
            swap(pair)
    assert settle(pair) == (moves == 1)
    assert pair.whole
    assert ((pair.certificate.read_bytes(), pair.key.read_bytes()) == new) == (moves > 0)
    assert not settle(pair)


def test_a_pair_that_somebody_has_mixed_up_is_left_for_a_person(tmp_path: Path) -> None:
    pair = pairs(tmp_path)
    pair.key.write_bytes(Authority(tmp_path / "other").client().key.read_bytes())
    before = pair.certificate.read_bytes()
    assert not settle(pair)
    assert pair.certificate.read_bytes() == before
    assert pair.next.whole


@given(st.lists(st.sampled_from(["swap", "settle", "lose key", "lose certificate"]), max_size=5))
def test_whatever_is_done_in_whatever_order_the_pair_in_use_belongs_together(
    steps: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        pair = pairs(Path(name))
        for step in steps:
            match step:
                case "swap":
                    swap(pair)
                case "settle":
                    settle(pair)
                case "lose key":
                    pair.next.key.unlink(missing_ok=True)
                case _:
                    pair.next.certificate.unlink(missing_ok=True)
            assert pair.whole, step


@pytest.mark.parametrize(("before", "after"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640)])
def test_a_new_key_has_no_more_rights_than_the_old_one(
    tmp_path: Path, before: int, after: int
) -> None:
    pair = pairs(tmp_path)
    pair.key.chmod(before)
    swap(pair)
    assert pair.key.stat().st_mode & 0o777 == after


# The running agent.


def test_the_next_pair_is_shown_once_and_put_in_place_when_the_broker_took_it(
    tmp_path: Path,
) -> None:
    one = renewal(tmp_path)
    made: list[int] = []
    agent = Renewer(one.uplink, ONE.key, one.trust, lambda: MONDAY, lambda: made.append(1))
    one.keep(granted(one, tmp_path))
    broker = one.uplink.broker

    async def heard() -> None:
        await agent._begun()
        await agent.hear(granted(one, tmp_path, THIEF))
        assert not made
        await agent.hear(granted(one, tmp_path))

    asyncio.run(heard())
    assert made == [1]
    shown = agent.shown(broker).tls
    assert shown is not None
    assert shown.certificate == str(one.pair.next.certificate)
    # The broker refused it: the next link is made at once, with the old pair.
    agent.refused("unknown authority")
    assert made == [1, 1]
    agent.refused("no route")
    assert made == [1, 1], "a link with the old pair waits its turn"
    assert agent.shown(broker) == broker
    asyncio.run(agent.accepted())
    assert one.granted, "only what was shown is put in place"
    asyncio.run(heard_again(agent, one, tmp_path))
    assert agent.shown(broker) != broker
    asyncio.run(agent.accepted())
    assert one.pair.whole
    assert not one.granted


async def heard_again(agent: Renewer, one: Renewal, folder: Path) -> None:
    await agent.hear(granted(one, folder))


# Words.

FILE = """
[plant]
name = "x"
owner = "x"
{hub}
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = 1
[sources.belt.points]
total = {{ register = 41016, type = "uint32", unit = "kg" }}
[streams.slag]
material = "10 09 03"
meter = {{ total = "belt.total", max_rate = "60 t/h" }}
[state]
directory = "state"
runtime = "run"
"""
TABLE = '[hub]\ncluster = "ora"\nbroker = "mqtts://localhost"\nkey = "{key}"\n{more}'


@pytest.fixture
def renew(call: Call, tmp_path: Path) -> Callable[..., Any]:
    """Run the command on a plant with these tables."""
    path = tmp_path / "plant.toml"

    def run(hub: str, *options: str) -> Any:
        path.write_text(FILE.format(hub=hub))
        if not (tmp_path / "state").exists():
            call("key", path, "--create")
        return call("renew", path, *options)

    return run


def table(more: str = "") -> str:
    return TABLE.format(key=HUB.public, more=more)


@pytest.mark.parametrize(
    ("hub", "said"),
    [
        ("", "the plant file has no [hub]"),
        (table(), "no client certificate, which alone runs out"),
        (table('[hub.tls]\ncertificate = "no.crt"\nkey = "no.key"'), "No such file"),
        (table('[hub.tls]\ncertificate = "pki/c.crt"\nkey = "pki/c.key"'), "is of CN=c, and the"),
    ],
)
def test_what_is_not_the_hubs_to_renew_is_told_with_what_to_do(
    renew: Callable[..., Any], tmp_path: Path, hub: str, said: str
) -> None:
    Authority(tmp_path / "pki").client("c", ahead=9 * DAY)
    found = renew(hub)
    assert found.code == 1
    assert said in found.err
    assert "→" in found.err
    assert not list(tmp_path.glob("pki/*.next"))


def test_a_dry_run_tells_what_there_is_and_leaves_nothing(
    renew: Callable[..., Any], call: Call, tmp_path: Path
) -> None:
    renew("")
    told = json.loads(call("key", tmp_path / "plant.toml", "--json").out)
    Authority(tmp_path / "pki").client("c").certificate.unlink()
    made = Authority(tmp_path / "pki").client(told["fingerprint"], ahead=9 * DAY)
    hub = table(f'[hub.tls]\ncertificate = "{made.certificate}"\nkey = "{made.key}"')
    found = renew(hub, "--dry-run", "--json")
    assert found.code == 0, found.err
    document = json.loads(found.out)
    assert (document["state"], document["fingerprint"]) == ("would ask", told["fingerprint"])
    assert not list((tmp_path / "pki").glob("*.next"))


# The hub's command.

HUB_FILE = """
[hub]
cluster = "ora"
broker = "mqtts://localhost"
key_file = "hub.pem"
[hub.tls]
ca = "pki/ca.crt"
[broker]
{more}
[[members]]
name = "plant 1"
key = "{key}"
owner = "o"
place = "p"
[state]
directory = "state"
runtime = "run"
"""


@dataclass
class Desktop:
    """A hub's files, with a renewal that waits, and its commands."""

    folder: Path
    one: Renewal
    call: Call

    def write(self, more: str = 'ca_key = "pki/ca.key"') -> None:
        text = HUB_FILE.format(more=more, key=ONE.member.key_text)
        (self.folder / "hub.toml").write_text(text)

    def wait(self, **changes: Any) -> None:
        request = open_request(self.one.request(), CLUSTER, ACCOUNT, HUB)
        one = asked(csr=request.csr, received=time.time_ns() - HOUR, **changes)
        requests.write(self.folder / "state", [one])

    def renew(self, *options: str) -> Any:
        return self.call("hub", "renew", self.folder / "hub.toml", *options)

    def told(self, *options: str) -> Any:
        said = self.renew("--json", *options)
        assert said.code == 0, said.err
        return [(one["name"], one["granted"], one["refused"]) for one in json.loads(said.out)]

    @property
    def answers(self) -> tuple[Answer, ...]:
        return registry.read(self.folder / "state" / registry.FILE).answers


@pytest.fixture
def desktop(plan: HubPlan, tmp_path: Path, call: Call) -> Desktop:
    assert plan.key_file == str(tmp_path / "hub.pem")
    made = Desktop(tmp_path, renewal(tmp_path), call)
    made.write()
    made.wait()
    return made


def test_the_command_grants_what_waits_once_and_the_plant_takes_it(desktop: Desktop) -> None:
    assert desktop.told("--dry-run") == [("plant 1", False, "")]
    assert not desktop.answers
    assert desktop.told() == [("plant 1", True, "")]
    (answer,) = desktop.answers
    assert (answer.sender, answer.plant) == (ACCOUNT, ACCOUNT)
    desktop.one.keep(answer.payload.encode())
    assert desktop.one.granted
    assert desktop.told() == []
    assert "Renewals: none" in desktop.renew().out


def test_without_the_authoritys_key_nothing_is_granted(desktop: Desktop) -> None:
    desktop.write(more="")
    said = desktop.renew()
    assert said.code == 1
    assert "[broker] ca_key: the hub file names no key that signs" in said.err
    desktop.write(more='ca_key = "pki/elsewhere.key"')
    said = desktop.renew()
    assert said.code == 1
    assert "elsewhere.key" in said.err
    assert desktop.answers == ()
    desktop.wait(kind="new key")
    assert desktop.told() == [], "what waits for a person needs no key"


def test_a_request_that_cannot_be_signed_does_not_keep_others_from_it(desktop: Desktop) -> None:
    stranger = authority.request_for(authority.client_key(), "f" * 32)
    requests.write(desktop.folder / "state", [asked(csr=stranger, received=time.time_ns())])
    ((_, was_granted, refused),) = desktop.told()
    assert not was_granted
    assert f"not CN={ACCOUNT}" in refused


def test_requests_tell_renewals_from_those_that_a_person_must_compare(desktop: Desktop) -> None:
    said = desktop.call("hub", "requests", desktop.folder / "hub.toml").out
    assert "sidestream hub renew" in said
    assert "Compare" not in said
    desktop.wait(kind="new key")
    said = desktop.call("hub", "requests", desktop.folder / "hub.toml").out
    assert "sidestream hub renew" not in said
    assert "Compare" in said
