"""What the measured programs are told: the agent's plant file and the bare programs' settings."""

import json
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import variables
from bench.devices import Layout, Type
from gateway.keys import HubKey

CHECKPOINT = 10
"""Seconds between two writes of state, of the agent and the bare loop."""

_PLANT = """
[plant]
name = "Bench"
owner = "Bench"
[windows]
checkpoint = "{checkpoint} s"
require_clock_sync = false
[state]
directory = "state"
runtime = "run"
"""
_HUB = """
[hub]
cluster = "bench"
broker = "mqtt://127.0.0.1:{port}"
key = "{key}"
"""
_SOURCE = """
[sources.device{number}]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
numbering = "0-based"
[sources.device{number}.points]
"""
_POINT = '{name} = {{ register = {address}, type = "{type}", unit = "{unit}" }}\n'
_STREAMS = """
[streams.slag]
material = "10 09 03"
meter = {{ total = "device0.{total}" }}
share = "cluster"
[streams.heat]
kind = "heat"
share = "cluster"
[streams.heat.meter]
flow = "device1.{flow}"
flow_sensor = "return"
supply = "device2.{supply}"
return = "device3.{back}"
"""
_UNITS: dict[tuple[int, Type], str] = {
    (0, "uint32"): "kg",
    (1, "float32"): "m3/h",
    (2, "float32"): "Cel",
    (3, "float32"): "Cel",
}
"""Units of the points the streams use, by device and type; all others have none."""
_SERVER = """
[sources.server]
protocol = "opcua"
url = "{url}"
security = "None"
timeout = "30 s"
[streams.slag]
material = "10 09 03"
meter = {{ rate = "server.v1" }}
share = "cluster"
[sources.server.points]
v0 = {{ node = "{first}" }}
v1 = {{ node = "{second}", unit = "kg/s" }}
"""
_NODE = 'v{number} = {{ node = "{node}" }}\n'


def _head(broker: int | None) -> str:
    """Write what every plant has, and the table of a hub behind a broker where there is one."""
    text = _PLANT.format(checkpoint=CHECKPOINT)
    if broker is None:
        return text
    key = HubKey(Ed25519PrivateKey.generate()).public
    return text + _HUB.format(port=broker, key=key)


def subscriber(url: str, points: int, broker: int | None) -> str:
    """Write a plant file with one OPC UA source and a stream of one of its variables."""
    node = variables.node
    text = _head(broker) + _SERVER.format(url=url, first=node(0), second=node(1))
    return text + "".join(_NODE.format(number=at, node=node(at)) for at in range(2, points))


def bare_subscriber(url: str, points: int, broker: int | None, state: Path) -> str:
    """Write the settings of the bare subscription to the same variables."""
    nodes = [variables.node(at) for at in range(points)]
    return _settings({"url": url, "nodes": nodes}, broker, state)


def plant(layouts: Sequence[Layout], ports: Sequence[int], broker: int | None) -> str:
    """Write a plant file with a source for each device, and two streams."""
    text = _head(broker)
    for number, (plan, port) in enumerate(zip(layouts, ports, strict=True)):
        text += _SOURCE.format(number=number, port=port) + _points(number, plan)
    return text + _streams(layouts)


def _streams(layouts: Sequence[Layout]) -> str:
    """Write two streams that use four points, where the first four devices have such points."""
    wanted: tuple[Type, ...] = ("uint32", "float32", "float32", "float32")
    found = [_first(plan, kind) for plan, kind in zip(layouts, wanted, strict=False)]
    if len(found) < len(wanted) or None in found:
        return ""
    total, flow, supply, back = found
    return _STREAMS.format(total=total, flow=flow, supply=supply, back=back)


def _points(number: int, plan: Layout) -> str:
    return "".join(
        _POINT.format(
            name=point.name,
            address=point.address,
            type=point.type,
            unit=_UNITS.get((number, point.type), "1"),
        )
        for point in plan.points
    )


def _first(plan: Layout, kind: Type) -> str | None:
    return next((point.name for point in plan.points if point.type == kind), None)


def bare(layouts: Sequence[Layout], ports: Sequence[int], broker: int | None, state: Path) -> str:
    """Write the bare loop's settings: the fewest requests, worked out beforehand."""
    devices = [
        [port, [[span.start, span.length] for span in plan.minimum()]]
        for plan, port in zip(layouts, ports, strict=True)
    ]
    return _settings({"devices": devices}, broker, state)


def _settings(own: dict[str, object], broker: int | None, state: Path) -> str:
    """Write settings as JSON, with what both bare programs keep."""
    kept = {"state": str(state), "checkpoint": CHECKPOINT, "broker": broker}
    return json.dumps({**own, **kept})
