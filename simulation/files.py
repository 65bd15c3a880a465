"""Configuration files of simulated plants and of their hub, as text a person could have written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulation.plants import Counted, SimPlant, SimPoint, SimSource, SimStream

_PLACE = 'timezone = "Europe/Oslo"\n'
_STATE = '[state]\ndirectory = "state"\nruntime = "run"\n'
_ANY_CLOCK = """\
# Plants and agents of a simulation share one computer: they agree on the time, right or wrong.
require_clock_sync = false
"""
_HUB = 'version = "3.1.1"\nkey_file = "hub.key"\n'


@dataclass(frozen=True, slots=True)
class Timing:
    """Lengths in seconds: windows of the plants and the hub, and how often points are read."""

    measure: int = 3
    release: int = 6
    grace: float = 1.0
    jitter: float = 1.0
    checkpoint: float = 1.0
    every: float = 0.5
    wait: float = 4.0
    material: int = 6
    heat: int = 12


@dataclass(frozen=True, slots=True)
class Uplink:
    """What a plant's file says of its hub."""

    cluster: str
    port: int
    key: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A plant as its hub's file names it."""

    plant: SimPlant
    key: str


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def plant_file(
    plant: SimPlant,
    ports: Mapping[str, int],
    uplink: Uplink | None,
    timing: Timing | None,
    every: float = 1.0,
) -> str:
    """Write a plant's file; `ports` are its devices' on 127.0.0.1, by source.

    Without `timing` windows keep their defaults and points are read each `every` seconds.
    """
    pace = timing.every if timing else every
    parts = [
        f"[plant]\nname = {_text(plant.name)}\nowner = {_text(plant.owner)}\n{_PLACE}",
        _STATE,
        _uplink(uplink) if uplink else "",
        _windows(timing),
        *(_source(source, ports[source.name], pace) for source in plant.sources),
        *(_stream(stream) for stream in plant.streams),
    ]
    return "\n".join(part for part in parts if part)


def _uplink(uplink: Uplink) -> str:
    return (
        f'[hub]\ncluster = "{uplink.cluster}"\nbroker = "mqtt://127.0.0.1:{uplink.port}"\n'
        f'version = "3.1.1"\nkey = "{uplink.key}"\n'
    )


def _windows(timing: Timing | None) -> str:
    if timing is None:
        return f"[windows]\n{_ANY_CLOCK}"
    return (
        f'[windows]\nmeasure = "{timing.measure} s"\nrelease = "{timing.release} s"\n'
        f'grace = "{timing.grace:g} s"\njitter = "{timing.jitter:g} s"\n'
        f'checkpoint = "{timing.checkpoint:g} s"\n{_ANY_CLOCK}'
    )


def _source(source: SimSource, port: int, every: float) -> str:
    lines = [f"[sources.{source.name}]", f'protocol = "{source.protocol}"']
    if source.protocol == "opcua":
        # One computer talking to itself: the simulated server has no certificate.
        lines += [f'url = "opc.tcp://127.0.0.1:{port}"', 'security = "None"']
    else:
        lines += ['host = "127.0.0.1"', f"port = {port}", f"device_id = {source.device_id}"]
    lines += [f'every = "{every:g} s"', f"[sources.{source.name}.points]"]
    return "\n".join([*lines, *(_point(point) for point in source.points)]) + "\n"


def _point(point: SimPoint) -> str:
    if point.node:
        return f'{point.name} = {{ node = {_text(point.node)}, unit = "{point.unit}" }}'
    decimals = f", decimals = {point.decimals}" if point.decimals else ""
    return (
        f'{point.name} = {{ register = {point.register}, type = "{point.type}"{decimals}, '
        f'unit = "{point.unit}" }}'
    )


def _stream(stream: SimStream) -> str:
    lines = [f"[streams.{stream.name}]"]
    if stream.kind != "material":
        lines.append(f'kind = "{stream.kind}"')
    if stream.code:
        lines.append(f'material = "{stream.code}"')
    lines.append(f"meter = {stream.meter}")
    if stream.share != "off":
        lines.append(f'share = "{stream.share}"')
    if stream.never_publish:
        lines.append("never_publish = true")
    return "\n".join(lines) + "\n"


def hub_file(cluster: str, port: int, members: Sequence[Enrolled], timing: Timing) -> str:
    """Write the hub's file."""
    parts = [
        f'[hub]\ncluster = "{cluster}"\nbroker = "mqtt://127.0.0.1:{port}"\n{_HUB}',
        _STATE,
        f'[release]\nk = 3\np = 10.0\nwait = "{timing.wait:g} s"\n',
        f'[release.calendars]\nmaterial = "{timing.material} s"\nheat = "{timing.heat} s"\n',
        *(_member(member) for member in members),
    ]
    return "\n".join(parts)


def _member(member: Enrolled) -> str:
    plant = member.plant
    return (
        f"[[members]]\nname = {_text(plant.member)}\nowner = {_text(plant.owner)}\n"
        f'place = "{plant.place}"\nkey = "{member.key}"\n'
    )


def counts(plant: SimPlant) -> tuple[SimStream, ...]:
    """Give the plant's streams that a totaliser measures."""
    counted = {
        source.name
        for source in plant.sources
        if any(isinstance(point.shows, Counted) for point in source.points)
    }
    return tuple(stream for stream in plant.streams if stream.source in counted)
