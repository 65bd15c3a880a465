"""A clock that steps, is wrong at boot, or years ahead: a count is kept whole, windows in order.

The agent runs on a computer whose clock the campaign sets; the belt counts in true time.
"""

import asyncio
import random
import signal
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from simulation.modbus import ModbusPlant
from tests.agentkit import running
from tests.clockkit import ClockedAgent
from tests.faults.belts import FIRST, Belt
from tests.faults.campaign import Campaign, Say, Tally
from tests.faults.network import until

ROUNDS = 60
SECOND = 10**9
HOUR = 3600 * SECOND
YEAR = 365 * 24 * HOUR
HOLDS = (1.0, 5.0)
"""Least and most seconds that the clock is wrong."""
RESUMES = 30.0
MEAN = 27.0
"""Tonnes per hour."""
KINDS = ("step", "step", "step", "boot in 1970", "boot ahead", "killed and stepped", "years ahead")
SOURCE = """
[sources.belt]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
every = "100 ms"
timeout = "300 ms"
[sources.belt.points]
total = {{ register = {first}, type = "uint32", decimals = 3, unit = "kg" }}
[streams.belt]
material = "10 09 03"
meter = {{ total = "belt.total", max_rate = "120 t/h" }}
"""


@dataclass
class Field:
    """The agent on its computer, the belt, and by how much the clock is wrong."""

    agent: ClockedAgent
    belt: Belt
    offset: int = 0
    steps: int = 0

    def set(self, offset: int) -> None:
        """Set the clock, so many nanoseconds ahead."""
        self.steps += offset != self.offset
        self.offset = offset
        self.agent.set_clock(offset)

    def unsynchronise(self) -> None:
        (self.agent.folder / "synchronised").unlink(missing_ok=True)

    def waits(self) -> bool:
        """Tell whether the agent says that it waits for a clock."""
        return bool(self.agent.told.get("clock", {}).get("waiting"))

    def shown(self) -> bool:
        """Tell whether the agent has read the belt lately, by what it shows."""
        value = self.agent.value("belt")
        return value is not None and not self.waits()

    async def kill(self) -> None:
        await self.agent.end(signal.SIGKILL)


def amount(draw: random.Random) -> int:
    """Draw a step, of one second to one hour either way, in nanoseconds."""
    return draw.choice((-1, 1)) * int(SECOND * 3600 ** draw.random())


async def spoil(made: Field, kind: str, draw: random.Random) -> None:
    """Let the clock be wrong, and leave it so."""
    if kind == "step":
        made.set(amount(draw))
        return
    if kind == "years ahead":
        made.set(10 * YEAR)
        return
    await made.kill()
    if kind == "killed and stepped":
        made.set(amount(draw))
    else:
        made.unsynchronise()
        boot = -time.time_ns() + 1000 * SECOND if kind == "boot in 1970" else 10 * YEAR
        made.set(boot)
    made.agent.start()


async def mend(made: Field) -> None:
    """Let the clock be right."""
    made.set(0)
    made.agent.synchronise()


async def block(seed: str, rounds: int, folder: Path, say: Say) -> Tally:
    """Run faults of the clock on one agent, and judge the whole at its end."""
    tally, draw = Tally(), random.Random(seed)
    made = Field(ClockedAgent(folder / "plant"), Belt(MEAN))
    async with ModbusPlant({1: made.belt.device()}) as plant:
        made.agent.write(SOURCE.format(port=plant.port, first=FIRST))
        made.agent.synchronise()
        with running(made.agent):
            say("starting")
            await until(lambda: made.agent.closed("belt"), 60)
            made.belt.begun = time.time_ns()
            for number in range(rounds):
                kind = draw.choice(KINDS)
                say(f"fault {number + 1} of {rounds}: {kind}")
                await _round(made, kind, draw, tally)
            await _finish(made, tally)
    return tally


async def _round(made: Field, kind: str, draw: random.Random, tally: Tally) -> None:
    await spoil(made, kind, draw)
    if kind.startswith("boot"):
        waits = await until(made.waits, 60)
        tally.require("nothing is measured before the clock is right", waits, kind)
        rows = len(made.agent.closed("belt"))
    hold = draw.uniform(*HOLDS)
    await asyncio.sleep(hold)
    if kind.startswith("boot"):
        still = len(made.agent.closed("belt"))
        tally.require("no window closes on a wrong clock", still == rows, f"{still - rows}, {kind}")
    healed = time.time_ns()
    await mend(made)
    tally.rounds += 1
    tally.faults[kind] += 1
    reads = made.belt.reads
    well = await until(lambda: made.belt.reads > reads + 5 and made.shown(), 90)
    taken = (time.time_ns() - healed) / SECOND
    tally.require("measures again", well, kind)
    tally.measure("seconds until it is measured again", taken)
    tally.timely("measured again within 30 s", taken <= RESUMES, f"{taken:.1f} s after {kind}")


async def _finish(made: Field, tally: Tally) -> None:
    """Let the belt stand until the agent has seen where, and compare."""
    made.belt.halted = time.time_ns()
    last = (made.belt.first + made.belt.grown(made.belt.halted)) % (1 << 32)
    seen = await until(lambda: made.agent.value("belt") == last / 1000, 60)
    tally.require("the last value is read", seen, made.agent.value("belt"))
    tally.require("ends well", await made.agent.end() == 0)
    truth = made.belt.truth
    tally.within("tonnes", truth, made.agent.measured("belt"), 1e-9 * truth)
    rows = made.agent.rows('SELECT start, "end", coverage, marks FROM totals ORDER BY start')
    tally.require("windows follow and do not overlap", _ordered(rows), len(rows))
    tally.require("no window covers more than itself", all(row[2] <= 1 for row in rows))
    tally.checked["windows"] += len(rows)
    marked = sum("clock-step" in row[3] for row in rows)
    steps = made.agent.rows("SELECT count(*) FROM events WHERE kind = 'clock-step'")[0][0]
    tally.require("steps are marked", marked > 0 and steps > 0, f"{marked}, {steps}")
    tally.checked["windows marked"] += marked
    tally.checked["steps told"] += steps
    kinds = {row[0] for row in made.agent.rows("SELECT kind FROM events")}
    tally.require("no step is taken for a reset", "reset" not in kinds, kinds)


def _ordered(rows: list[tuple[int, int, float, str]]) -> bool:
    return all(one[1] <= other[0] for one, other in pairwise(rows))


def _campaign(seed: str, number: int, rounds: int, folder: Path, say: Say) -> Tally:
    return asyncio.run(block(seed, rounds, folder, say))


CAMPAIGNS = (
    Campaign("clock", "clocks that step or are wrong at the start", ROUNDS, 20, _campaign),
)
