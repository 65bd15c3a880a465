"""What a running agent keeps of a Modbus source says what its table in the plant file says."""

from dataclasses import fields
from typing import Any

import pytest

from adapters.modbus.settings import ModbusSource, SerialSource, TlsSource

_COMMON: dict[str, Any] = {
    "every": "3 s", "timeout": "250 ms", "device_id": 9, "numbering": "0-based", "shift": 1,
    "max_registers": 33, "max_bits": 77, "gap": "20 ms", "backoff_min": "2 s",
    "backoff_max": "40 s", "order": "little",
    "points": {
        "flow": {
            "register": 7, "type": "int32", "scale": 0.5, "offset": 3.0, "unit": "m3/h",
            "decimals_register": 20, "sentinels": [-32768.0], "plausible": [0.0, 9.0],
        },
    },
    "identity": [{"what": "product code", "register": 4, "accepted": [11, 12]}],
}  # fmt: skip
TLS = TlsSource.model_validate(
    _COMMON
    | {"protocol": "modbus-tls", "host": "h", "port": 803, "ca": "ca.pem", "certificate": "c.pem"}
    | {"key": "k.pem", "server_name": "meter"}
)
SERIAL = SerialSource.model_validate(
    _COMMON
    | {"protocol": "modbus-rtu", "device": "/dev/ttyS9", "baudrate": 1200, "parity": "odd"}
    | {"stopbits": 2, "bytesize": 7}
)


@pytest.mark.parametrize("settings", [TLS, SERIAL], ids=["tls", "serial"])
def test_a_resolved_source_has_the_values_of_its_settings(settings: ModbusSource) -> None:
    kept = settings.resolved()
    here = {one.name for one in fields(kept)} - {"points", "identity", "way"}
    way = {one.name for one in fields(kept.way)} & set(type(settings).model_fields)
    assert here <= set(type(settings).model_fields)
    assert {name: getattr(kept, name) for name in here} == settings.model_dump(include=here)
    assert {name: getattr(kept.way, name) for name in way} == settings.model_dump(include=way)
    assert kept.way.tls == (settings is TLS)
    assert kept.resolved() is kept


def test_a_resolved_point_has_its_places_and_the_values_of_its_settings() -> None:
    kept, point = TLS.resolved().points["flow"], TLS.points["flow"]
    same = {"scale", "offset", "unit", "sentinels", "plausible", "number", "bits"}
    assert {name: getattr(kept, name) for name in same} == point.model_dump(include=same)
    assert (kept.name, kept.type, kept.order, kept.divisor) == ("flow", "int32", "little", 1)
    assert kept.span == ("holding", 8, 2)
    assert (kept.decimals, kept.decimals_number) == (("holding", 21, 1), 20)


def test_a_resolved_identity_has_its_register_and_what_is_accepted() -> None:
    ((meant, plan),) = TLS.resolved().identity
    assert meant == ("product code", 4, (11, 12))
    assert (plan.name, plan.number, plan.span) == ("product code", 4, ("holding", 5, 1))
