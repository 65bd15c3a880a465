"""Shipped Modbus profiles against the registers their makers print, written down apart from them.

Each row is (point, address on the wire from 0, registers, type), with the fixed decimals after the
type where the maker prints them. A profile that swaps words, is shifted by one or has other
decimals fails here.
"""

import pytest

from adapters.modbus.settings import ModbusSource
from tests.profilekit import MODBUS, built_in, settings

Row = tuple[str, int, int, str, int]
MULTICAL = tuple(
    (name, 2 * at, 2, "float32", 0)
    for at, name in enumerate(("flow", "flow_2", "power", "t1", "t2", "t3", "t4"))
)
PROLINE = (("total_1", 2609, 2, "float32", 0), ("system_condition", 6858, 1, "uint16", 0))
MAPS: dict[str, tuple[Row, ...]] = {
    "kamstrup-multical-403": MULTICAL,
    "kamstrup-multical-603": MULTICAL,
    "kamstrup-multical-803": MULTICAL,
    "endress-hauser-promag-53": (("volume_flow", 2008, 2, "float32", 0), *PROLINE),
    "endress-hauser-promass-84": (
        ("mass_flow", 2006, 2, "float32", 0),
        ("temperature", 2016, 2, "float32", 0),
        *PROLINE,
    ),
    "endress-hauser-scan-list": tuple(
        (f"value_{at + 1}", 5050 + 2 * at, 2, "float32", 0) for at in range(16)
    ),
    "siemens-mag-6000": (
        ("volume_flow", 3002, 2, "float32", 0),
        ("total_1", 3014, 4, "float64", 0),
        ("total_2", 3018, 4, "float64", 0),
        ("total_1_float32", 3022, 2, "float32", 0),
    ),
    "siemens-mass-6000": (
        ("mass_flow", 3000, 2, "float32", 0),
        ("volume_flow", 3002, 2, "float32", 0),
        ("density", 3004, 2, "float32", 0),
        ("temperature", 3006, 2, "float32", 0),
        ("total_1", 3014, 4, "float64", 0),
    ),
    "siemens-bw500": tuple(
        (name, 1009 + 2 * at, 2, "uint32", 3)
        for at, name in enumerate(("rate", "load", "speed", "total_1", "total_2"))
    ),
    "schenck-intecont-satus": (
        ("rate", 1872, 2, "float32", 0),
        ("total_1", 1874, 2, "float32", 0),
        ("load", 1880, 2, "float32", 0),
        ("speed", 1884, 2, "float32", 0),
        ("event_class", 1552, 1, "uint16", 0),
    ),
    "laumas-tlu": (
        ("status", 6, 1, "uint16", 0),
        ("gross", 7, 2, "int32", -1),
        ("net", 9, 2, "int32", -1),
        ("divisions_and_units", 13, 1, "uint16", 0),
    ),
    "flintec-ft-112": (
        ("weight", 0, 2, "int32", -1),
        ("tare", 2, 2, "int32", -1),
        ("gross", 4, 2, "int32", -1),
        ("unstable", 6, 2, "uint32", 0),
        ("net_mode", 6, 2, "uint32", 0),
        ("decimal_point", 6, 2, "uint32", 0),
        ("ticket_total", 18, 2, "int32", -1),
        ("grand_total", 20, 4, "int64", -1),
    ),
}
"""-1 decimals: they are as the device is set up, so the plant file must give them."""
SWAPPED = {"endress-hauser-promag-53", "endress-hauser-promass-84", "endress-hauser-scan-list"}
"""The maker prints 1-0-3-2 as the order; the others print high word first, or none."""
IDENTITIES = {
    "siemens-mag-6000": [(600, (42,)), (602, (24,))],
    "siemens-mass-6000": [(600, (42,)), (602, (25,))],
    "siemens-bw500": [(63, (2,))],
}
BITS = {"event_class": (8, 11), "unstable": (2, 2), "net_mode": (3, 3), "decimal_point": (27, 31)}


def rows(one: ModbusSource) -> set[Row]:
    found: set[Row] = set()
    for name, point in one.points.items():
        table, address = one.place(point.number, point.table)
        assert table == "holding"
        assert point.bits == BITS.get(name)
        decimals = -1 if point.type in ("int32", "int64") else point.decimals or 0
        found.add((name, address, point.registers, point.type or "uint16", decimals))
    return found


def test_every_modbus_profile_is_held_against_its_makers_registers() -> None:
    assert set(MAPS) == set(MODBUS)


@pytest.mark.parametrize("name", MODBUS)
def test_a_profile_has_its_makers_registers_types_and_decimals(name: str) -> None:
    assert rows(settings(name)) == set(MAPS[name])


@pytest.mark.parametrize("name", MODBUS)
def test_a_profile_has_its_makers_order_and_no_shift(name: str) -> None:
    one = settings(name)
    assert (one.order, one.shift) == ("little-swapped" if name in SWAPPED else "big", 0)
    assert all(point.order is None for point in one.points.values())


@pytest.mark.parametrize("name", MODBUS)
def test_a_profile_asks_for_the_identity_that_its_maker_prints(name: str) -> None:
    one = settings(name)
    found = [(plan.span.start, meant.accepted) for meant, plan in one.resolved().identity]
    assert found == IDENTITIES.get(name, [])


@pytest.mark.parametrize("name", ["laumas-tlu", "flintec-ft-112"])
def test_decimals_that_the_device_is_set_to_are_never_guessed(name: str) -> None:
    points = built_in(name).file.points
    wide = {each for each, _, _, kind, decimals in MAPS[name] if decimals < 0}
    assert all("decimals" in points[each].needs for each in wide)


def test_a_totaliser_whose_meaning_another_register_selects_has_no_unit_of_its_own() -> None:
    assert "unit" in built_in("siemens-mass-6000").file.points["total_1"].needs
