"""What the measured programs are told: the agent's plant file and the bare loop's settings."""

import json
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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


def hub(broker: int | None) -> str:
    """Write the table of a hub behind a broker; nothing without one."""
    if broker is None:
        return ""
    key = HubKey(Ed25519PrivateKey.generate()).public
    return _HUB.format(port=broker, key=key)


def plant(layouts: Sequence[Layout], ports: Sequence[int], broker: int | None) -> str:
    """Write a plant file with a source for each device, and two streams."""
    text = _PLANT.format(checkpoint=CHECKPOINT) + hub(broker)
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
    settings = {
        "devices": devices,
        "state": str(state),
        "checkpoint": CHECKPOINT,
        "broker": broker,
    }
    return json.dumps(settings)
