"""Helpers for profiles: a source of a profile with everything that it needs given."""

from typing import Any

from adapters.modbus.settings import ModbusSource, TcpSource
from config.profile import BUILT_IN, Profile, names, profile

MODBUS = [
    name for name in names((BUILT_IN,)) if "modbus-tcp" in profile(name, (BUILT_IN,)).file.protocols
]
GIVEN: dict[str, Any] = {"unit": "t/h", "decimals": 1}
"""What the plant file gives where a profile needs it."""


def built_in(name: str) -> Profile:
    return profile(name, (BUILT_IN,))


def settings(name: str, port: int = 502, **more: Any) -> ModbusSource:
    found = built_in(name)
    given = {
        each: {key: GIVEN[key] for key in point.needs} for each, point in found.file.points.items()
    }
    points, lacking = found.merged(given)
    assert not lacking
    place = {"protocol": "modbus-tcp", "host": "127.0.0.1", "port": port, "timeout": "2 s"}
    return TcpSource.model_validate({**found.file.settings, **place, **more, "points": points})
