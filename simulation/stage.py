"""The demo's course: starts everything as it would run for real, lets things fail, ends it all."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from adapters.errors import TransientError
from gateway.hub.status import FILE as HUB_STATUS
from gateway.keys import HubKey, PlantKey, load
from simulation.broker import EmbeddedBroker
from simulation.check import Timeline
from simulation.children import Child, Children
from simulation.devices import Key, free_ports
from simulation.evidence import Evidence, hub_evidence, opened, plant_evidence
from simulation.files import Enrolled, Timing, Uplink, hub_file, plant_file
from simulation.plants import RESTARTED, SILENCED, SimPlant, boundary, cluster
from simulation.truth import SECOND
from simulation.witness import Witness
from simulation.works import order

CLUSTER = "demo"
_PATIENCE = 90.0
_STEP = 0.1
_SWITCH = (0.55, 0.75)
"""Part of a release window in which the devices are switched on.

Less than half of the window is then left, so that all plants' first figures are of the next one.
"""
_SETTLE = 5.0
"""Seconds, beyond the hub's wait, within which the last cells are decided and stored."""

Tell = Callable[[str], None]
Progress = Callable[[float, float], None]


@dataclass(frozen=True, slots=True)
class Script:
    """When what happens, in seconds after the first whole window begins."""

    length: int
    wraps: float
    kill: float
    away: float
    silence: float

    @classmethod
    def over(cls, windows: int, release: int) -> Self:
        """Spread the incidents over a run of some release windows, each of `release` seconds."""
        length = windows * release
        return cls(length, 0.2 * length, 0.35 * length, 1.3 * release, 0.75 * length)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run was and what it left: `incidents` are instants (ns) and what happened."""

    plants: tuple[SimPlant, ...]
    line: Timeline
    evidence: Evidence
    incidents: tuple[tuple[int, str], ...]
    folder: Path
    seconds: float


@dataclass(slots=True)
class Stage:
    """One run in a folder of its own.

    `tell` hears what happens as it happens; `progress` the seconds measured, and of how many.
    """

    folder: Path
    script: Script
    timing: Timing
    tell: Tell
    progress: Progress
    clock: Callable[[], int] = time.time_ns
    _children: Children = field(default_factory=Children)
    _agents: dict[str, Child] = field(default_factory=dict)
    _incidents: list[tuple[int, str]] = field(default_factory=list)
    _broker: EmbeddedBroker = field(init=False)

    def __post_init__(self) -> None:
        self._broker = EmbeddedBroker(log=self.folder / "broker.log")

    async def run(self) -> Outcome:
        """Run it all; raises `SidestreamError` when a part does not start or ends by itself."""
        began = time.monotonic()
        key = HubKey(load(self.folder / "hub" / "hub.key", create=True))
        async with (
            self._broker as broker,
            Witness(broker.port, self.clock) as witness,
            self._children,
        ):
            plants, line = await self._play(broker.port, key, witness)
        passed = tuple(witness.passed)
        found = {
            plant.member: plant_evidence(self.folder / plant.member / "state" / "state.sqlite")
            for plant in plants
        }
        hub = hub_evidence(self.folder / "hub" / "state")
        evidence = Evidence(found, hub, passed, opened(passed, CLUSTER, key))
        spent = time.monotonic() - began
        return Outcome(plants, line, evidence, tuple(self._incidents), self.folder, spent)

    async def _play(
        self, port: int, key: HubKey, witness: Witness
    ) -> tuple[tuple[SimPlant, ...], Timeline]:
        described = cluster(0, 0)
        ports = free_ports(described)
        self._write(described, port, key, ports)
        works = await self._start(described, ports)
        await self._until(self._hub_up, "the hub to connect")
        await self._until(lambda: witness.online() == len(described), "the agents to connect")
        await works.hear("ready", _PATIENCE)
        start = await self._moment()
        origin, wraps = self.clock(), start + round(self.script.wraps * SECOND)
        plants = cluster(origin, wraps)
        await works.tell(f"on {origin} {wraps}")
        await works.hear("on", _PATIENCE)
        self._note("devices switched on")
        line = await self._measure(works, start)
        return plants, line

    def _write(
        self, plants: tuple[SimPlant, ...], port: int, key: HubKey, ports: dict[Key, int]
    ) -> None:
        uplink = Uplink(CLUSTER, port, str(key.public))
        enrolled = []
        for plant in plants:
            home = self.folder / plant.member
            own = {source.name: ports[plant.member, source.name] for source in plant.sources}
            public = PlantKey(load(home / "state" / "plant.key", create=True)).public
            (home / "plant.toml").write_text(plant_file(plant, own, uplink, self.timing))
            enrolled.append(Enrolled(plant, str(public)))
        text = hub_file(CLUSTER, port, enrolled, self.timing)
        (self.folder / "hub" / "hub.toml").write_text(text)

    async def _start(self, plants: tuple[SimPlant, ...], ports: dict[Key, int]) -> Child:
        add, folder = self._children.add, self.folder
        log = folder / "devices.log"
        works = add("the devices' process", "simulation.works", log=log, talks=True)
        file = str(folder / "hub" / "hub.toml")
        hub = add("the hub", "agent.cli", "hub", "run", file, log=folder / "hub" / "hub.log")
        for plant in plants:
            name, home = plant.member, folder / plant.member
            file, log = str(home / "plant.toml"), home / "agent.log"
            self._agents[name] = add(f"the agent of {name}", "agent.cli", "run", file, log=log)
        self.tell("starting the hub, the devices and an agent for each plant")
        for child in (hub, works, *self._agents.values()):
            await child.start()
        await works.tell(order(ports))
        return works

    def _hub_up(self) -> bool:
        try:
            status = json.loads((self.folder / "hub" / "run" / HUB_STATUS).read_text())
        except (OSError, ValueError):
            return False
        return bool(status["broker_up"])

    async def _until(self, reached: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not reached():
            if time.monotonic() > deadline:
                raise TransientError(
                    f"waited {_PATIENCE:g} s for {what}",
                    where=str(self.folder),
                    mend="see the logs there; on a slow computer, try again when it is idle",
                )
            await self._pause(_STEP)

    async def _pause(self, seconds: float) -> None:
        self._children.check()
        self._broker.check()
        await asyncio.sleep(seconds)

    async def _moment(self) -> int:
        """Wait for the part of a release window that suits; gives the start of the next one."""
        length = self.timing.release * SECOND
        first, last = (round(share * length) for share in _SWITCH)
        while not first <= self.clock() % length <= last:
            await self._pause(0.02)
        return boundary(self.clock(), self.timing.release)

    # -- measuring -------------------------------------------------------------------------------

    async def _measure(self, works: Child, start: int) -> Timeline:
        script, agent = self.script, self._agents[RESTARTED]
        self.tell(f"measuring for {script.length} s")
        await self._till(start, script.kill)
        killed = self.clock()
        await agent.kill()
        self._note(f"the agent of {RESTARTED} was killed (SIGKILL)")
        await self._till(start, script.kill + script.away)
        await agent.start()
        self._note(f"the agent of {RESTARTED} was started again")
        restarted = self.clock()
        await self._till(start, script.silence)
        source = cluster(0, 0)[-1].sources[0].name
        silenced = self.clock()
        await works.tell(f"silence {SILENCED} {source}")
        self._note(f"a meter of {SILENCED} died: {source} answers no more")
        await self._till(start, script.length)
        self.tell("waiting for the last cells")
        await self._till(start, script.length + self.timing.wait + _SETTLE)
        end = start + script.length * SECOND
        measure, release = self.timing.measure * SECOND, self.timing.release * SECOND
        return Timeline(start, end, measure, release, killed, restarted, silenced)

    async def _till(self, start: int, seconds: float) -> None:
        """Wait until so many seconds after the first whole window began."""
        while (gone := (self.clock() - start) / SECOND) < seconds:
            self.progress(min(max(gone, 0.0), self.script.length), self.script.length)
            await self._pause(min(_STEP, max(seconds - gone, 0.001)))

    def _note(self, text: str) -> None:
        self._incidents.append((self.clock(), text))
        self.tell(text)
