"""Register numbers of every notation, and the messages that refuse the rest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.modbus.address import Numbering, Table, locate
from adapters.modbus.points import Span, resolve
from adapters.modbus.settings import SerialSource, TcpSource, TlsSource


@pytest.mark.parametrize(
    ("register", "place"),
    [
        (1, ("coil", 0)),
        (9999, ("coil", 9998)),
        (10001, ("discrete", 0)),
        (30001, ("input", 0)),
        (40001, ("holding", 0)),
        (41010, ("holding", 1009)),
        (49999, ("holding", 9998)),
        (100001, ("discrete", 0)),
        (300001, ("input", 0)),
        (400001, ("holding", 0)),
        (465536, ("holding", 65535)),
    ],
)
def test_4xxxx_numbers_name_table_and_address(register: int, place: tuple[str, int]) -> None:
    assert locate(register, None, "4xxxx") == place


@pytest.mark.parametrize("register", [0, 10000, 20001, 30000, 40000, 50001, 99999, 165537, 200001])
def test_numbers_outside_the_notation_are_refused(register: int) -> None:
    with pytest.raises(ValueError, match="1-9999, 10001-19999"):
        locate(register, None, "4xxxx")


@given(st.integers(0, 65535), st.sampled_from(["holding", "input", "coil", "discrete", None]))
def test_counting_from_nought_and_from_one_differ_by_one(address: int, table: Table | None) -> None:
    expected = (table or "holding", address)
    assert locate(address, table, "0-based") == expected
    assert locate(address + 1, table, "1-based") == expected


@pytest.mark.parametrize(
    ("register", "numbering", "range_"),
    [(65536, "0-based", "0 to 65535"), (0, "1-based", "1 to 65536"), (65537, "1-based", "65536")],
)
def test_an_address_off_the_table_is_refused(
    register: int, numbering: Numbering, range_: str
) -> None:
    with pytest.raises(ValueError, match=range_):
        locate(register, None, numbering)


def test_a_table_that_contradicts_the_number_is_refused_with_the_right_number() -> None:
    with pytest.raises(ValueError, match="write 40100"):
        locate(100, "holding", "4xxxx")


def settings(**point: Any) -> TcpSource:
    return TcpSource.model_validate(
        {"protocol": "modbus-tcp", "host": "h", "points": {"p": {"register": 40001, **point}}}
    )


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"register": 100, "type": "float32"}, "is a coil"),
        ({"register": 40000}, "point 'p': register 40000"),
        ({"type": "string"}, "`length`"),
        ({"length": 2}, "`length`"),
        ({"decimals": 1, "decimals_register": 40003}, "not both"),
        ({"type": "bool", "scale": 2.0}, "no scale"),
        ({"bits": [3, 1]}, r"\[lowest, highest\]"),
        ({"bits": [0, 16]}, "0 to 15"),
        ({"type": "float32", "bits": [0, 1]}, "uint32"),
        ({"type": "bool", "bits": [0, 1]}, "one bit"),
        ({"register": 465536, "type": "uint32"}, "past the last address"),
        ({"decimals": 13}, "less than or equal to 12"),
        ({"decimals_register": 7}, 'not "holding"'),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_what_is_accepted(
    point: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(**point)


def test_a_value_longer_than_the_devices_answers_is_refused() -> None:
    with pytest.raises(ValidationError, match="max_registers = 2"):
        TcpSource.model_validate(
            {
                "protocol": "modbus-tcp",
                "host": "h",
                "max_registers": 2,
                "points": {"p": {"register": 40001, "type": "float64"}},
            }
        )


def test_a_point_takes_its_order_from_the_source_unless_it_has_one() -> None:
    found = resolve(
        TcpSource.model_validate(
            {
                "protocol": "modbus-tcp",
                "host": "h",
                "order": "little-swapped",
                "points": {
                    "a": {"register": 40003, "type": "float32"},
                    "b": {"register": 40001, "type": "float32", "order": "big"},
                },
            }
        )
    )
    assert [(plan.span, plan.order) for plan in found] == [
        (Span("holding", 2, 2), "little-swapped"),
        (Span("holding", 0, 2), "big"),
    ]


@pytest.mark.parametrize(
    ("point", "span"),
    [
        ({"type": "uint32", "decimals": 3}, 2**32 / 1000),
        ({"type": "uint16", "scale": 10.0}, 655360),
        ({"bits": [0, 3]}, 16),
        ({"type": "bcd32"}, 1e8),
        ({"type": "int32"}, None),
        ({"type": "float32"}, None),
        ({"decimals_register": 40002}, None),
    ],
)
def test_a_counter_tells_where_it_wraps(point: dict[str, Any], span: float | None) -> None:
    assert settings(**point).points["p"].span() == span


def test_each_kind_of_line_has_its_usual_defaults() -> None:
    assert settings().port == 502
    tls = TlsSource.model_validate({"protocol": "modbus-tls", "host": "h"})
    assert tls.port == 802
    serial = SerialSource.model_validate({"protocol": "modbus-rtu", "device": "/dev/ttyUSB0"})
    assert (serial.baudrate, serial.parity, serial.stopbits) == (19200, "even", 1)


def test_the_schema_names_the_register_as_people_write_it() -> None:
    schema = TcpSource.model_json_schema()
    assert "register" in schema["$defs"]["ModbusPoint"]["required"]
