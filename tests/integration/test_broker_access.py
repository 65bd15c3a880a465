"""The broker that `sidestream hub broker-config` sets up: who gets in, and who may do what."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest

from adapters.errors import SidestreamError
from config.hub_plan import BrokerFiles
from config.plan import BrokerPlan, TlsPlan
from gateway.broker import Terms
from gateway.connection import Connection
from gateway.dial import open_connection
from gateway.hub.access import Names, Roll, accounts, patterns
from gateway.hub.mosquitto import files
from gateway.mqtt import PublishRefusedError, keep_connected
from gateway.signing import MAX_PAYLOAD
from gateway.wire import answer_topic, partner_topic, request_topic, roster_topic
from tests.hubkit import CLUSTER, HUB, Plant, plant
from tests.links import eventually
from tests.pki import DAY, Authority, Pair, self_signed
from tests.servers import Server, free_port, program

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
PERIODS = ("2025Q3", "2025Q4", "2026Q1", "2026Q2")
"""A quarter long ago, the last, this and the next."""
BEFORE, AFTER = "2025Q2", "2026Q3"
PARTNER = "0123456789abcdef" * 2
ONE, TWO = plant(1), plant(2)
STRANGER = "stranger"
INVITED = "invite-" + "0123456789abcdef" * 2
Version = Literal["5", "3.1.1"]


def account(one: Plant) -> str:
    return one.key.public.fingerprint


NAMES = ("hub", account(ONE), account(TWO), "exchange", PARTNER, STRANGER, INVITED)


@dataclass
class Site:
    """A broker with the written files, and what its clients need."""

    folder: Path
    files: BrokerFiles
    members: tuple[Plant, ...] = (ONE, TWO)
    keys: Names = HUB
    authority: Authority = field(init=False)
    server: Server = field(init=False)
    clients: dict[str, Pair] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.authority = Authority(self.folder / "pki")
        pair = self.authority.server()
        self.files = replace(
            self.files,
            ca=str(self.authority.path),
            certificate=str(pair.certificate),
            key=str(pair.key),
            passwords=str(self.folder / "passwords"),
            persistence=str(self.folder),
            address="127.0.0.1",
            port=free_port(),
            readers=("exchange",),
            partners=(PARTNER,),
        )
        configuration = self.folder / "mosquitto.conf"
        self.write()
        if self.files.clients == "passwords":
            self._passwords()
        command = [program("mosquitto"), "-c", str(configuration)]
        self.server = Server(command, self.files.port, self.folder / "log")

    def write(self) -> None:
        """Write the files anew, for the members there are."""
        members = tuple(one.key.public for one in self.members)
        roll = Roll(CLUSTER, "hub", members, self.files.readers, self.files.partners)
        named = accounts(roll, self.keys, PERIODS)
        made = files(self.files, named, str(self.folder), patterns(CLUSTER))
        for name, text in made.items():
            # As root the broker would drop its rights, and the folder is ours alone.
            more = "user root\n" if name == "mosquitto.conf" else ""
            (self.folder / name).write_text(text + more)

    def _passwords(self) -> None:
        path = Path(self.files.passwords)
        path.write_text("".join(f"{name}:secret of {name}\n" for name in NAMES))
        subprocess.run(
            [program("mosquitto_passwd"), "-U", str(path)], check=True, capture_output=True
        )

    def plan(self, name: str, version: Version = "5", **changes: Any) -> BrokerPlan:
        """Say how a client of that name connects."""
        tls = TlsPlan(str(self.authority.path))
        plain = BrokerPlan("127.0.0.1", self.files.port, tls, version, client_id=name)
        if self.files.clients == "passwords":
            return replace(plain, **{"username": name, "password": f"secret of {name}", **changes})
        pair = self.clients.get(name) or self.authority.client(name)
        self.clients[name] = pair
        mine = TlsPlan(str(self.authority.path), str(pair.certificate), str(pair.key))
        return replace(plain, tls=mine, **changes)


SiteMaker = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[SiteMaker]:
    with contextlib.ExitStack() as stack:

        def make(clients: Literal["certificates", "passwords"] = "certificates") -> Site:
            made = Site(tmp_path, BrokerFiles(clients=clients))
            stack.callback(made.server.kill)
            made.server.start()
            return made

        yield make


@dataclass
class Client:
    """A client that keeps what it hears."""

    name: str
    link: Connection | None = None
    heard: set[tuple[str, str]] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)

    async def session(self, link: Connection, topics: Sequence[str]) -> None:
        await link.subscribe(*topics)
        self.link = link
        while True:
            message = await link.next()
            self.heard.add((message.topic, message.payload.decode()))

    async def says(self, topic: str, text: str, *, retain: bool = False) -> bool:
        """Publish; tells whether the broker did not refuse it."""
        assert self.link is not None
        try:
            await self.link.publish(topic, text.encode(), retain=retain)
        except PublishRefusedError:
            return False
        return True


@contextlib.asynccontextmanager
async def client(
    plan: BrokerPlan, name: str, topics: Sequence[str] = ("#", "$SYS/#"), **options: Any
) -> AsyncIterator[Client]:
    made = Client(name)
    settings = {"clean": True, "session_expiry": 0, "backoff": (0.05, 0.2), **options}
    running = asyncio.create_task(
        keep_connected(
            plan,
            lambda link: made.session(link, topics),
            on_state=lambda state: None if state.connected else made.lost.append(state.detail),
            **settings,
        )
    )
    try:
        await eventually(lambda: made.link or running.done())
        yield made
    finally:
        running.cancel()
        await asyncio.wait({running})


def topic(what: str, name: str) -> str:
    return f"sidestream/v1/{CLUSTER}/{what}/{name}"


def name_of(one: Plant, period: str) -> str:
    return one.key.pseudonym(HUB.public, CLUSTER, period)


def topics() -> list[str]:
    """Every topic there is for two members in six quarters, and some that nobody has."""
    found = [
        topic(what, name_of(one, period))
        for one in (ONE, TWO)
        for period in (BEFORE, *PERIODS, AFTER)
        for what in ("records", "presence", "receipts")
    ]
    found += [topic("cells", "heat"), topic("cells", "heat/fine"), roster_topic(CLUSTER)]
    found += [partner_topic(CLUSTER, PARTNER), topic("partner", "f" * 32)]
    found += [make(CLUSTER, name) for name in NAMES for make in (request_topic, answer_topic)]
    return [*found, "sidestream/v1/other/cells/heat", topic("records", "x"), "anything"]


def may_write(name: str) -> set[str]:
    if name == "hub":
        own = {one for one in topics() if "/ora/presence/" in one or "/ora/receipts/" in one}
        own |= {answer_topic(CLUSTER, one) for one in NAMES}
        return own | {topic("cells", "heat"), roster_topic(CLUSTER), request_topic(CLUSTER, name)}
    own = {request_topic(CLUSTER, name)}
    for one in (ONE, TWO):
        if name == account(one):
            own |= {topic("records", name_of(one, period)) for period in PERIODS}
            own |= {topic("presence", name_of(one, period)) for period in PERIODS[1:]}
            own |= {partner_topic(CLUSTER, PARTNER)}
    return own


def may_read(name: str) -> set[str]:
    if name == "hub":
        own = {one for one in topics() if "/ora/records/" in one or "/ora/presence/" in one}
        own |= {request_topic(CLUSTER, one) for one in NAMES} | {answer_topic(CLUSTER, name)}
        return own | {topic("cells", "heat"), roster_topic(CLUSTER)}
    own = {answer_topic(CLUSTER, name)}
    for one in (ONE, TWO):
        if name == account(one):
            own |= {topic("receipts", name_of(one, period)) for period in PERIODS}
            own |= {roster_topic(CLUSTER)}
    more = {"exchange": {topic("cells", "heat")}, PARTNER: {partner_topic(CLUSTER, PARTNER)}}
    return own | more.get(name, set())


@pytest.mark.parametrize(
    ("clients", "version"),
    [("certificates", "5"), ("certificates", "3.1.1"), ("passwords", "5")],
)
async def test_each_account_does_what_it_may_and_nothing_else(
    site: SiteMaker, clients: str, version: Version
) -> None:
    made = site(clients)
    async with contextlib.AsyncExitStack() as stack:
        there = [
            await stack.enter_async_context(client(made.plan(name, version), name))
            for name in NAMES
        ]
        taken = {
            (one.name, to)
            for one in there
            for to in topics()
            if await one.says(to, f"{one.name} {to}")
        }
        allowed = {(name, to) for name in NAMES for to in may_write(name)}
        for one in there:
            assert one.link is not None
            await one.link.subscribe("barrier")
        expected = {
            name: {(to, f"{who} {to}") for who, to in allowed if to in may_read(name)}
            for name in NAMES
        }
        await eventually(lambda: all(expected[one.name] <= one.heard for one in there))
        assert {one.name: one.heard for one in there} == expected
        # A broker of MQTT 3.1.1 has no way to say that it threw a message away.
        everything = {(name, to) for name in NAMES for to in topics()}
        assert taken == (allowed if version == "5" else everything)
        assert [one.lost for one in there] == [[] for _ in there]


async def test_what_is_retained_is_shown_to_those_who_may_read_it_alone(site: SiteMaker) -> None:
    made = site()
    async with client(made.plan("hub"), "hub") as hub:
        for to in (topic("cells", "heat"), roster_topic(CLUSTER)):
            assert await hub.says(to, "kept", retain=True)
    heard = {}
    for name in NAMES:
        async with client(made.plan(name), name) as one:
            assert one.link is not None
            await one.link.subscribe("barrier")
            await eventually(partial(heard_all, one))
            heard[name] = {to for to, _ in one.heard}
    assert heard == {name: heard_by(name) for name in NAMES}


def heard_all(one: Client) -> bool:
    return len(one.heard) == len(heard_by(one.name))


def heard_by(name: str) -> set[str]:
    return may_read(name) & {topic("cells", "heat"), roster_topic(CLUSTER)}


@pytest.mark.parametrize("clients", ["certificates", "passwords"])
@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_nobody_takes_the_client_id_of_another(
    site: SiteMaker, clients: str, version: Version
) -> None:
    made, thief = site(clients), account(ONE)
    async with client(made.plan("hub", version), "hub") as hub:
        stolen = made.plan(thief, version, client_id="hub")
        async with client(stolen, thief) as other:
            assert await hub.says(topic("cells", "heat"), "still here")
            await other.says(topic("records", name_of(ONE, "2026Q1")), "mine")
            await eventually(lambda: len(hub.heard) == 2)
            assert other.heard == set()
        assert hub.lost == []


async def attempt(plan: BrokerPlan) -> str:
    with pytest.raises(SidestreamError) as refused:
        await open_connection(plan, Terms(True, 0, False, None))
    return str(refused.value)


def impostors(made: Site, folder: Path) -> dict[str, tuple[TlsPlan | None, str]]:
    """Give how those try who should not get in, and what they are told."""
    ca = str(made.authority.path)
    foreign = Authority(folder / "foreign", "Another authority").client("hub")
    expired = made.authority.client("expired", ago=10 * DAY, ahead=-DAY)
    own = self_signed(folder / "own")

    def shown(pair: Pair) -> TlsPlan:
        return TlsPlan(ca, str(pair.certificate), str(pair.key))

    return {
        "no certificate": (TlsPlan(ca), "requires a client certificate"),
        "of another authority": (shown(foreign), "authority of the client certificate"),
        "expired": (shown(expired), "has expired"),
        "self-signed": (shown(own), "client certificate"),
        "plain text": (None, "at once"),
    }


async def test_whoever_is_not_of_the_authority_is_refused_in_words(
    site: SiteMaker, tmp_path: Path
) -> None:
    made = site()
    for case, (tls, words) in impostors(made, tmp_path).items():
        plan = BrokerPlan("127.0.0.1", made.files.port, tls, client_id="hub")
        assert words in await attempt(plan), case


async def test_a_wrong_password_and_no_password_are_refused(site: SiteMaker) -> None:
    made = site("passwords")
    for changes in ({"password": "wrong"}, {"username": None, "password": None}):
        assert "authori" in await attempt(made.plan("hub", **changes))


async def test_a_message_above_the_limit_reaches_nobody(site: SiteMaker) -> None:
    made, own = site(), topic("records", name_of(ONE, "2026Q1"))
    async with (
        client(made.plan("hub"), "hub") as hub,
        client(made.plan(account(ONE)), account(ONE)) as one,
    ):
        assert not await one.says(own, "x" * (MAX_PAYLOAD + 5000))
        assert await one.says(own, "x" * MAX_PAYLOAD)
        await eventually(lambda: hub.heard)
        assert {len(text) for _, text in hub.heard} == {MAX_PAYLOAD}


async def test_what_waits_for_the_hub_outlives_a_restart_of_the_broker(site: SiteMaker) -> None:
    made, own = site(), topic("records", name_of(ONE, "2026Q1"))
    kept = {"clean": False, "session_expiry": 3600}
    records = topic("records", "+")
    async with client(made.plan("hub"), "hub", [records], **kept):
        pass
    async with client(made.plan(account(ONE)), account(ONE)) as one:
        assert await one.says(own, "while nobody was there")
    made.server.restart()
    async with client(made.plan("hub"), "hub", [records], **kept) as hub:
        await eventually(lambda: hub.heard)
        assert hub.heard == {(own, "while nobody was there")}


async def test_members_come_and_go_with_a_reload_and_others_notice_nothing(site: SiteMaker) -> None:
    made = site()
    own = {one: topic("records", name_of(one, "2026Q1")) for one in (ONE, TWO)}
    async with (
        client(made.plan("hub"), "hub") as hub,
        client(made.plan(account(ONE)), account(ONE)) as first,
        client(made.plan(account(TWO)), account(TWO)) as second,
    ):
        made.members = (TWO,)
        made.write()
        made.server.signal(signal.SIGHUP)
        async with asyncio.timeout(15):
            while await first.says(own[ONE], "retired"):  # noqa: ASYNC110 the broker sets no events
                await asyncio.sleep(0.05)
        assert await second.says(own[TWO], "still here")
        made.members = (ONE, TWO)
        made.write()
        made.server.signal(signal.SIGHUP)
        async with asyncio.timeout(15):
            while not await first.says(own[ONE], "back"):  # noqa: ASYNC110 as above
                await asyncio.sleep(0.05)
        await eventually(lambda: {(own[TWO], "still here"), (own[ONE], "back")} <= hub.heard)
        assert hub.lost == second.lost == []
