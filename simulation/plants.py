"""The simulated plants, described: who they are, which meters they have and what truly flows.

Flows are those of real works: 15 to 40 t/h of slag, some t/h of filter dust, about 10 MW of cooling
heat. Companies and places are invented.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from simulation.truth import SECOND, Counter, Course, Scaled, Wave, water_heat

Protocol = Literal["modbus-tcp", "opcua"]
Type = Literal["uint32", "int16", "float32"]
GRAM = 1e-6
"""Tonnes in a gram: the step of the belt scales, which count kilograms with 3 decimals."""
WIDTH = 1 << 32
"""Values of a uint32."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A point that shows a flow, times a factor into the point's unit."""

    course: Course
    factor: float = 1.0

    def value(self, time: int) -> float:
        """Give the value at an instant."""
        return self.course.rate(time) * self.factor


@dataclass(frozen=True, slots=True)
class Steady:
    """A point that always shows the same value."""

    level: float

    def value(self, time: int) -> float:  # noqa: ARG002 - the same at every instant
        """Give the value."""
        return self.level


@dataclass(frozen=True, slots=True)
class Counted:
    """A point that shows a totaliser's whole steps."""

    counter: Counter

    def value(self, time: int) -> float:
        """Give the reading in steps at an instant."""
        return self.counter.reading(time)


@dataclass(frozen=True, slots=True)
class SimPoint:
    """One value of a simulated device: `register` (4xxxx) and `type`, or the OPC UA `node`.

    A counter's value is in steps already, every other one is written with `decimals`.
    """

    name: str
    unit: str
    shows: Flow | Steady | Counted
    register: int = 0
    type: Type = "float32"
    decimals: int = 0
    node: str = ""

    def words(self, time: int) -> list[int]:
        """Give the registers at an instant, most significant first."""
        value = self.shows.value(time)
        if self.type == "float32":
            high, low = struct.unpack(">HH", struct.pack(">f", value))
            return [high, low]
        counted = isinstance(self.shows, Counted)
        whole = round(value if counted else value * 10**self.decimals)
        return [whole & 0xFFFF] if self.type == "int16" else [whole >> 16 & 0xFFFF, whole & 0xFFFF]


@dataclass(frozen=True, slots=True)
class SimSource:
    """A simulated device."""

    name: str
    protocol: Protocol
    points: tuple[SimPoint, ...]
    device_id: int = 1


@dataclass(frozen=True, slots=True)
class SimStream:
    """A side stream and its truth: `course` in its unit per hour; `meter` as in the plant file.

    `step` is what the meter cannot resolve, in the unit.
    """

    name: str
    kind: Literal["material", "heat", "water"]
    unit: Literal["t", "m3", "MW.h"]
    course: Course
    meter: str
    source: str
    code: str | None = None
    share: Literal["off", "cluster"] = "cluster"
    never_publish: bool = False
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class SimPlant:
    """A simulated plant; `member` is what its hub calls it."""

    name: str
    owner: str
    member: str
    place: str
    sources: tuple[SimSource, ...]
    streams: tuple[SimStream, ...]

    def stream(self, name: str) -> SimStream:
        """Find a stream by its name."""
        return next(stream for stream in self.streams if stream.name == name)


Equipment = tuple[SimSource, SimStream]


def belt(number: int, mean: float, origin: int, wraps: int | None = None) -> Equipment:
    """Describe a slag belt's scale: `mean` in t/h, `wraps` the instant its counter rolls over."""
    course = Wave(mean, 0.2 * mean, 31.0 + number, phase=float(number), origin=origin)
    grown = 0 if wraps is None else math.floor(course.amount(origin, wraps) / GRAM)
    first = WIDTH - grown if grown else 1_000_000 * number + 4711
    counter = Counter(course, origin, first, GRAM, WIDTH)
    name = f"slag_belt_{number}"
    points = (
        SimPoint(f"wit{number}01_rate", "t/h", Flow(course), 41010, "uint32", 3),
        SimPoint(f"wqt{number}01_total", "kg", Counted(counter), 41016, "uint32", 3),
    )
    meter = f'{{ total = "{name}.wqt{number}01_total", max_rate = "120 t/h" }}'
    stream = SimStream(
        f"furnace_slag_{number}", "material", "t", course, meter, name, "10 09 03", step=GRAM
    )
    return SimSource(name, "modbus-tcp", points), stream


def bag_filter(number: int, code: str, mean: float, origin: int) -> Equipment:
    """Describe a filter whose dust or sludge is told as a rate over OPC UA: `mean` in t/h."""
    course = Wave(mean, 0.1 * mean, 47.0, phase=2.0 * number, origin=origin)
    name = f"bag_filter_{number}"
    point = SimPoint(f"ft{number}41_dust", "t/h", Flow(course), node=f"ns=2;s=Filter{number}.FT41")
    return SimSource(name, "opcua", (point,)), SimStream(
        f"filter_dust_{number}", "material", "t", course,
        f'{{ rate = "{name}.{point.name}" }}', name, code,
    )  # fmt: skip


def cooling(number: int, mean: float, supply: float, back: float, origin: int) -> Equipment:
    """Describe a cooling circuit: `mean` in m3/h, temperatures held steady by its control."""
    flow = Wave(mean, 0.15 * mean, 37.0, phase=3.0 * number, origin=origin)
    name = f"cooling_loop_{number}"
    points = (
        SimPoint(f"ft{number}71_flow", "m3/h", Flow(flow), 40201, "uint32", 3),
        SimPoint(f"tt{number}71_warm", "Cel", Steady(supply), 40203, "int16", 2),
        SimPoint(f"tt{number}72_cold", "Cel", Steady(back), 40204, "int16", 2),
    )
    roles = zip(("flow", "supply", "return"), points, strict=True)
    meter = ", ".join(f'{role} = "{name}.{point.name}"' for role, point in roles)
    heat = Scaled(flow, water_heat(supply, back))
    return SimSource(name, "modbus-tcp", points, device_id=3), SimStream(
        f"cooling_heat_{number}", "heat", "MW.h", heat,
        f'{{ {meter}, flow_sensor = "return" }}', name,
    )  # fmt: skip


def metered(
    name: str, code: str | None, mean: float, origin: int, *, off: bool = False
) -> Equipment:
    """Describe a stream told as a float32 rate: t/h for a material, m3/h for water (no code)."""
    unit: Literal["t", "m3"] = "t" if code else "m3"
    course = Wave(mean, 0.3 * mean, 41.0, phase=float(len(name)), origin=origin)
    point = SimPoint(f"fq_{name}", f"{unit}/h", Flow(course), 40301)
    kind: Literal["material", "water"] = "material" if code else "water"
    meter = f'{{ rate = "{name}_meter.{point.name}" }}'
    stream = SimStream(
        name, kind, unit, course, meter, f"{name}_meter", code, "off" if off else "cluster"
    )
    return SimSource(f"{name}_meter", "modbus-tcp", (point,), device_id=7), stream


def plant(name: str, owner: str, member: str, place: str, parts: Sequence[Equipment]) -> SimPlant:
    """Put equipment together into a plant."""
    sources, streams = zip(*parts, strict=True)
    return SimPlant(name, owner, member, place, tuple(sources), tuple(streams))


RESTARTED = "m3"
"""Member whose agent is killed and restarted."""
WRAPPING = "m4"
"""Member one of whose totalisers rolls over."""
SILENCED = "m5"
"""Member one of whose meters dies: the slag belt's."""
LONE_CODE = "16 11 01*"
"""Material that only one plant has."""


def cluster(origin: int, wraps: int) -> tuple[SimPlant, ...]:
    """Describe five plants of four owners; the rollover is due at the instant `wraps`."""
    alder = "Alder Metals"
    return (
        plant("Alder Northern Works", alder, "m1", "valley/north", (
            belt(1, 38.0, origin),
            bag_filter(1, "10 08 15*", 2.9, origin),
            cooling(1, 260.0, 78.0, 41.5, origin),
            metered("rinse_water", None, 85.0, origin, off=True),
        )),
        plant("Alder Southern Works", alder, "m2", "coast/fjord", (
            belt(2, 21.0, origin),
            _secret(metered("nitrate_liquor", "06 10 99", 1.7, origin)),
        )),
        plant("Birch Silicon Plant", "Birch Silicon", "m3", "coast/fjord", (
            belt(3, 34.0, origin),
            metered("cyclone_dust", "10 08 15*", 2.2, origin),
            cooling(3, 240.0, 74.0, 42.0, origin),
        )),
        plant("Cedar Alloys Smelter", "Cedar Alloys", "m4", "valley/south", (
            belt(4, 29.0, origin, wraps),
            bag_filter(4, "10 08 17*", 3.4, origin),
            metered("pot_lining", LONE_CODE, 0.35, origin),
        )),
        plant("Dogwood Ferro Plant", "Dogwood Ferro", "m5", "coast/port", (
            belt(5, 26.0, origin),
            cooling(5, 310.0, 81.0, 44.0, origin),
        )),
    )  # fmt: skip


def _secret(part: Equipment) -> Equipment:
    source, stream = part
    kept = SimStream(
        stream.name, stream.kind, stream.unit, stream.course, stream.meter, stream.source,
        stream.code, "cluster", never_publish=True,
    )  # fmt: skip
    return source, kept


def secrets(plants: Sequence[SimPlant]) -> frozenset[str]:
    """Name everything that must never leave a plant: names, points, nodes, codes held back."""
    found = {text for each in plants for text in (each.name, each.name.replace(" ", "_"))}
    for each in plants:
        for source in each.sources:
            found.add(source.name)
            found |= {text for point in source.points for text in (point.name, point.node) if text}
        found |= {stream.name for stream in each.streams}
        found |= {s.code for s in each.streams if s.code and (s.never_publish or s.share == "off")}
    return frozenset(found)


def boundary(time: int, seconds: int) -> int:
    """Give the first multiple of a length (seconds) at or after an instant."""
    length = seconds * SECOND
    return -(-time // length) * length
