"""Three days of records that wait: they drain in minutes, at their rate, and live ones do not wait.

Fifty streams' history is measured by the agent's own engine with a clock of its own, into the state
file that the real agent then starts with. A round is an hour of history.
"""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from adapters.reading import NANOSECONDS, Block
from agent.keeping.outbox import Outbox
from agent.running.assembly import memory, sealer
from agent.running.engine import HORIZON, Engine
from config.load import load_plant
from simulation.modbus import Device, ModbusPlant
from tests import cluster
from tests.faults import oracle, works
from tests.faults.campaign import Campaign, Say, Tally
from tests.faults.kill import HARD
from tests.faults.works import Member
from tests.servers import Mosquitto

STREAMS = 50
RATE = 20
"""Records a second at which the backlog may be sent, the agent's default."""
WINDOW = 180
"""Seconds of a measurement and release window of the campaign."""
LEAST = 5 / WINDOW
"""Records a second that must drain: five times the rate at which they are made."""
PATIENCE = 900.0
"""Seconds that the backlog may take at most: by far less than five times the live rate would."""
SLACK = WINDOW / 20
"""Seconds by which a live record may come later beside the backlog than after it, on a computer
that may be busy: a small part of its window."""
LEAD = 30.0
"""Seconds before a window's end at which the agent meets its broker, at most."""
SECOND = NANOSECONDS
HOURS = 72
HEAD = """
[plant]
name = "fir works"
owner = "fir owner"
[hub]
cluster = "ora"
broker = "mqtt://{broker}"
key = "{key}"
record_size = 32768
[windows]
measure = "{window} s"
release = "{window} s"
grace = "500 ms"
jitter = "200 ms"
checkpoint = "1 s"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
[sources.works]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
every = "500 ms"
[sources.works.points]
"""
POINT = 't{n:02} = {{ register = {register}, type = "uint32", unit = "kg" }}\n'
STREAM = """
[streams.s{n:02}]
material = "10 {group:02} {last:02}"
meter = {{ total = "works.t{n:02}", max_rate = "200 t/h", max_gap = "1 h" }}
share = "cluster"
significant = 6
coverage_floor = 0.0
"""


def shown(number: int, time_: int) -> int:
    """Give a counter in kg: each grows at its own pace."""
    return (number + 1) * 1000 + (number + 3) * (time_ // SECOND) % 4_000_000_000


def plant_file(broker: str, key: str, port: int, window: int) -> str:
    """Write the file of a plant with fifty streams."""
    head = HEAD.format(broker=broker, key=key, port=port, window=window)
    points = (POINT.format(n=n, register=40_001 + 2 * n) for n in range(STREAMS))
    streams = (
        STREAM.format(n=n, group=n // 10 + 1, last=n % 10 + 1) for n in range(STREAMS)
    )  # fmt: skip
    return "".join([head, *points, *streams])


def registers(at: int) -> int | None:
    """Give a holding register of the device as it is now."""
    if at >= 2 * STREAMS:
        return None
    value = shown(at // 2, time.time_ns())
    return value & 0xFFFF if at % 2 else value >> 16


def measure(folder: Path, windows: int, window: int) -> None:
    """Let the past be measured, up to now, while no broker is in reach."""
    plan = load_plant(folder / "plant.toml", {})
    end = time.time_ns()
    names = tuple(f"t{n:02}" for n in range(STREAMS))
    with Outbox.open(folder / "state", end) as outbox:
        # Sealing and the meters are the agent's own; only the time is not.
        engine = Engine(plan, sealer(plan), lambda: 0, memory(outbox), HORIZON)
        for step in range(windows + 1):
            now = end - (windows - step) * window * SECOND
            engine.advance(now)
            values = tuple(shown(n, now) for n in range(STREAMS))
            engine.take(Block("works", now, names, values))
            if not step % 50 or step == windows:
                outbox.commit(engine.commit(), now)


@dataclass
class Field:
    """The agent, its hub, and when they met."""

    agent: Member
    hub: cluster.Program
    met: int = 0
    waited: int = 0
    window: int = WINDOW

    def rows(self, what: str) -> list[tuple[Any, ...]]:
        path = self.hub.folder / "state" / "hub-ledger.db"
        return oracle.rows(path, f'SELECT received, "end" FROM records {what}')  # noqa: S608

    def left(self) -> int:
        """Count the records of before that still wait."""
        query = f"SELECT id FROM records WHERE status = 'queued' AND \"end\" < {self.met}"  # noqa: S608
        return len(self.agent.rows(query))

    def live(self, after: int) -> int:
        return len(self.rows(f'WHERE "end" > {after}'))


async def block(hours: float, window: int, folder: Path, say: Say) -> Tally:
    """Measure hours of history, let agent and hub meet, and watch it drain."""
    tally = Tally()
    broker = Mosquitto(folder / "broker", HARD)
    at = f"127.0.0.1:{broker.port}"
    hub, key = await asyncio.to_thread(works.hub, folder / "hub", at)
    agent = Member(folder / "fir", name="fir")
    async with ModbusPlant({1: Device(registers=registers)}) as device:
        await asyncio.to_thread(agent.join, at, key, "127.0.0.1", device.port)
        (agent.folder / "plant.toml").write_text(plant_file(at, key, device.port, window))
        works.write_hub(hub.folder, at, [agent], 'kind = "sqlite"')
        say("measuring the past")
        begun = time.monotonic()
        await asyncio.to_thread(measure, agent.folder, round(hours * 3600 / window), window)
        tally.measure("seconds to measure the past", time.monotonic() - begun)
        made = Field(agent, hub, waited=agent.queued, window=window)
        with contextlib.ExitStack() as stack:
            for one in (broker, hub, agent):
                stack.callback(_end, one)
            await asyncio.to_thread(broker.start)
            hub.start()
            await asyncio.to_thread(cluster.wait_for, hub.running, "the hub")
            # A live window ends while the backlog drains.
            lead = min(LEAD, made.waited / RATE / 2)
            await asyncio.sleep((window - lead - time.time()) % window)
            agent.start()
            made.met = time.time_ns()
            await _drain(made, tally, say)
            await agent.end()
        _judge(made, tally)
    return tally


def _end(one: Any) -> None:
    if one.process is not None and one.process.poll() is None:
        one.process.kill()
        one.process.wait(20)


async def _drain(made: Field, tally: Tally, say: Say) -> None:
    end = time.monotonic() + PATIENCE
    while made.left() and time.monotonic() < end:
        say(f"{made.left()} of {made.waited} records wait")
        await asyncio.sleep(0.5)
    tally.require("drained", not made.left(), made.left())
    drained = time.time_ns()
    say("drained; watching live records")
    async with asyncio.timeout(4 * made.window + 60):
        while made.live(drained) < 1:  # noqa: ASYNC110 - what is waited for is in other programs
            await asyncio.sleep(0.2)


def _judge(made: Field, tally: Tally) -> None:
    old = sorted(row[0] for row in made.rows(f'WHERE "end" < {made.met}'))
    tally.rounds += 1
    tally.faults["records that waited"] += made.waited
    seconds = (old[-1] - old[0]) / SECOND
    tally.measure("seconds to drain", seconds)
    tally.measure("records a second", len(old) / seconds)
    most = max(_within(old, SECOND))
    tally.measure("most records in a second", most)
    # A second's worth may have been saved up, and a hub tells of a batch at one instant.
    tally.require("rate-limited", len(old) / seconds <= 1.1 * RATE + RATE / seconds, seconds)
    tally.measure("times the live rate", len(old) / seconds * made.window)
    tally.require("five times the live rate", len(old) / seconds >= LEAST, len(old) / seconds)
    live = [(got, (got - end) / SECOND) for got, end in made.rows(f'WHERE "end" > {made.met}')]
    beside = [late for got, late in live if got <= old[-1]]
    after = [late for got, late in live if got > old[-1]]
    tally.require("live records beside and after", bool(beside) and bool(after), live)
    for name, lates in (("beside the backlog", beside), ("after it", after)):
        tally.measure(f"seconds a live record takes {name}", max(lates, default=0))
    late = max(beside, default=0) - max(after, default=0)
    tally.timely("live records not delayed", late <= SLACK, late)
    told = made.agent.rows("SELECT min(json_array_length(plain, '$.figures')) FROM records")
    tally.require("every record holds every stream", told[0][0] == STREAMS, told)
    oracle.ledger(tally, [made.agent], made.hub.folder / "state" / "hub-ledger.db")
    spans = made.agent.rows('SELECT DISTINCT start, "end" FROM totals ORDER BY start')
    tally.require("no window missing", all(a[1] == b[0] for a, b in pairwise(spans)))


def _within(times: list[int], span: int) -> list[int]:
    """Give how many lie within a span from each instant on."""
    found, last = [], 0
    for first, begin in enumerate(times):
        while last < len(times) and times[last] < begin + span:
            last += 1
        found.append(last - first)
    return found


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(rounds, WINDOW, folder, say))


CAMPAIGNS = (
    Campaign("backlog", "72 h of fifty streams' records", HOURS, HOURS, _campaign, ("mosquitto",)),
)
