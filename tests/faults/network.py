"""Faults of the links agent-broker, hub-broker and agent-plant, in network namespaces."""

import asyncio
import contextlib
import json
import random
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.reading import NANOSECONDS
from tests import cluster
from tests.faults import oracle, works
from tests.faults.belts import Belt
from tests.faults.campaign import Campaign, Say, Tally
from tests.faults.device import MEAN
from tests.faults.netns import ENDS, KINDS, Network
from tests.faults.works import RELEASE, Member
from tests.servers import Mosquitto

ROUNDS = 30
HOLDS = (1.0, 10.0, 35.0)
"""Seconds a fault lasts."""
RESUMES = 30.0
"""Seconds within which everything flows again after healing."""
LIVE = 6.0
"""Seconds after its end in which a live record must have come: grace, jitter, a beat, a busy
computer."""
MANY = 8
"""Records in a row that show a rate: while packets are lost, few of them wait."""
DRAIN = 5
"""How many times faster than it is made the backlog must come through."""


class Broker(Mosquitto):
    """A broker in a namespace: what listens there is not seen from here."""

    def ready(self) -> bool:
        return bool(re.search(r"mosquitto version \S+ running", self.log.read_text()))


@dataclass
class Scale:
    """The plant's device in its namespace, and the truth it was told to count."""

    process: subprocess.Popen[str]
    belt: Belt

    def tell(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@contextlib.contextmanager
def scale(network: Network) -> Iterator[Scale]:
    """Run the device on port 502 of the plant."""
    command = (sys.executable, "-m", "tests.faults.device", network.address("ot"), "502")
    process = subprocess.Popen(
        [*network.wrap("plant"), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Scale(process, Belt(MEAN))
    finally:
        process.kill()
        process.communicate()


@dataclass
class Field:
    """Everything in its namespace."""

    network: Network
    agent: Member
    hub: cluster.Program
    scale: Scale

    @property
    def ledger(self) -> Path:
        return self.hub.folder / "state" / "hub-ledger.db"

    def received(self, where: str) -> list[tuple[Any, ...]]:
        """Give (end, received) of records in the ledger, in the order in which they came."""
        query = f'SELECT "end", received FROM records WHERE {where} ORDER BY received'  # noqa: S608
        try:
            return oracle.rows(self.ledger, query)
        except sqlite3.OperationalError:  # the hub has not made it yet
            return []

    def waiting(self, before: int) -> int:
        """Count the records of windows that end before an instant which wait for a receipt."""
        query = f"SELECT id FROM records WHERE status = 'queued' AND \"end\" < {before}"  # noqa: S608
        return len(self.agent.rows(query))


@contextlib.asynccontextmanager
async def laid_out(folder: Path) -> AsyncIterator[Field]:
    """Make namespaces, files and programs; all run."""
    listeners = "max_queued_messages 0\n" + "\n".join(
        f"listener 1883 {address}.2" for address in ("10.77.1", "10.77.3")
    )
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network())
        broker = Broker(folder / "broker", listeners)
        broker.log.touch()
        broker.command = [*network.wrap("broker"), *broker.command]
        at = f"{network.address('hub')}:1883"
        hub, key = await asyncio.to_thread(works.hub, folder / "hub", at)
        hub.wrap = tuple(network.wrap("hub"))
        agent = Member(folder / "fir", name="fir", wrap=network.wrap("agent"))
        join = agent.join
        uplink = f"{network.address('it')}:1883"
        await asyncio.to_thread(join, uplink, key, network.address("ot"), 502)
        works.write_hub(hub.folder, at, [agent], 'kind = "sqlite"')
        device = stack.enter_context(scale(network))
        for one in (broker, hub, agent):
            stack.callback(_end, one)
            await asyncio.to_thread(one.start)
        yield Field(network, agent, hub, device)


def _end(one: Any) -> None:
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait(20)


async def until(holds: Callable[[], object], seconds: float) -> bool:
    """Wait until a condition holds; tells whether it came true."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - in other programs
                await asyncio.sleep(0.05)
            return True
    return False


async def fault(made: Field, link: str, kind: str, hold: float, tally: Tally) -> None:
    """Make one fault, mend it, and measure how everything comes back."""
    await asyncio.to_thread(made.network.spoil, link, kind)
    await asyncio.sleep(hold)
    await asyncio.to_thread(made.network.heal, link)
    healed = time.time_ns()
    tally.rounds += 1
    tally.faults[f"{kind} {link}"] += 1
    name = f"{kind} of {link} for {hold:g} s"
    if link == "ot":
        well = await until(lambda: made.scale.tell("tell")["last"] > healed, 60)
    else:
        well = await until(lambda: made.received(f"received > {healed}"), 60)
    taken = (time.time_ns() - healed) / NANOSECONDS
    tally.measure(f"seconds from healing to flowing again, {link}", taken)
    tally.timely("flows within 30 s", well and taken <= RESUMES, f"{taken:.1f} s after {name}")
    drained = await until(lambda: not made.waiting(healed), 90)
    tally.require("drained", drained, name)
    if link != "ot":
        await _backlog(made, healed, hold, tally, name)


async def _backlog(made: Field, healed: int, hold: float, tally: Tally, name: str) -> None:
    """Look at how fast the backlog came, and at the live records beside it."""
    old = made.received(f'received > {healed} AND "end" < {healed}')
    first = old[0][1] if old else healed
    # Those that came later had been sent before and were sent again after a minute.
    burst = [received for _, received in old if received - first < 10 * NANOSECONDS]
    if len(burst) >= MANY:
        rate = (len(burst) - 1) / max((burst[-1] - burst[0]) / NANOSECONDS, 0.01)
        tally.measure("slowest drain, seconds a record", 1 / rate)
        least = DRAIN * NANOSECONDS / RELEASE
        tally.timely("backlog at 5 times the live rate", rate >= least, f"{rate:.1f}/s, {name}")
    back = first + 3 * NANOSECONDS
    await until(lambda: made.received(f'"end" > {back}'), 30)
    late = [(got - end) / NANOSECONDS for end, got in made.received(f'"end" > {back}')]
    for delay in late:
        tally.measure("seconds from a live window's end to the hub, after healing", delay)
        tally.timely("live records not delayed", delay <= LIVE, f"{delay:.1f} s after {name}")


async def block(seed: str, rounds: int, folder: Path, say: Say, holds: tuple[float, ...]) -> Tally:
    """Run faults on a field of its own, and judge the end."""
    tally, draw = Tally(), random.Random(seed)
    plan = [(link, kind) for kind in KINDS for link in ENDS]
    async with laid_out(folder) as made:
        say("starting")
        started = await until(lambda: made.received("1"), 60)
        tally.require("started", started)
        made.scale.belt.begun = time.time_ns()
        made.scale.tell(f"begin {made.scale.belt.begun}")
        for number in range(rounds):
            if not number % len(plan):
                draw.shuffle(plan)
            link, kind = plan[number % len(plan)]
            say(f"fault {number + 1} of {rounds}: {kind} of {link}")
            await fault(made, link, kind, draw.choice(holds), tally)
        await _finish(made, tally)
    return tally


async def _finish(made: Field, tally: Tally) -> None:
    belt = made.scale.belt
    belt.halted = time.time_ns()
    device = made.scale.tell(f"halt {belt.halted}")
    last = belt.halted + 2 * RELEASE
    beyond = last + 2 * RELEASE
    closed = await until(lambda: made.agent.closed_to > beyond and not made.waiting(beyond), 120)
    tally.require("all has come through", closed)
    await made.agent.end()
    oracle.quantities(tally, [made.agent], {made.agent.name: belt.truth})
    oracle.own_windows(tally, [made.agent], last)
    oracle.ledger(tally, [made.agent], made.ledger)
    tally.checked["packets to port 502"] += made.network.counted("requests")
    writes = made.network.counted("writes")
    tally.require("no write on the wire", writes == 0, writes)
    tally.require("something was read", made.network.counted("requests") > 0)
    tally.require("reads only", device["codes"].keys() == {"3"}, device["codes"])
    for log in (made.agent.folder / "log", made.hub.folder / "log"):
        tally.require("no stumble", "Traceback" not in log.read_text(), log)


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(seed, rounds, folder, say, HOLDS))


CAMPAIGNS = (
    Campaign(
        "network", "links cut, slowed and reset", ROUNDS, ROUNDS, _campaign, ("root", "mosquitto")
    ),
)  # fmt: skip
