"""Files of points: what is written is read back, and any other text is told what is wrong."""

import json
import tomllib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.modbus.settings import ModbusPoint
from config.errors import ConfigError
from config.pointlist import Delimiter, keys, letters, parse, tables, written

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
WORDS = st.text(min_size=1, max_size=8).map(str.strip).filter(bool).filter(str.isprintable)
POINTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"register": st.integers(0, 465_536)},
    optional={
        "unit": WORDS,
        "plausible": st.tuples(NUMBERS, NUMBERS),
        "sentinels": st.lists(NUMBERS, min_size=1, max_size=3).map(tuple),
        "scale": NUMBERS,
        "decimals": st.integers(0, 12),
        "table": st.sampled_from(["holding", "input"]),
        "order": st.sampled_from(["big", "little-swapped"]),
    },
)


@pytest.mark.parametrize("delimiter", [",", ";"])
@settings(deadline=None)
@given(given_points=st.dictionaries(WORDS, POINTS, min_size=1, max_size=4))
def test_points_written_are_read_back_as_they_were(
    delimiter: Delimiter, given_points: dict[str, dict[str, Any]]
) -> None:
    points = {name: ModbusPoint.model_validate(raw) for name, raw in given_points.items()}
    rows = parse(written(points, delimiter), "f", ModbusPoint).rows
    again = {name: ModbusPoint.model_validate(row.keys) for name, row in rows.items()}
    assert again == points
    assert {name: keys(point) for name, point in again.items()} == {
        name: keys(point) for name, point in points.items()
    }


@given(st.text() | st.text(alphabet='name,register;"\n 1x'))
def test_any_text_is_points_or_a_problem_with_its_line(text: str) -> None:
    with suppress(ConfigError):
        for row in parse(text, "f", ModbusPoint).rows.values():
            assert row.line >= 1


@given(st.integers(0, 10**6))
def test_columns_are_named_as_in_a_spreadsheet(position: int) -> None:
    number = 0
    for letter in letters(position):
        number = number * 26 + ord(letter) - ord("A") + 1
    assert number == position + 1


@settings(deadline=None)
@given(given_points=st.dictionaries(st.text(min_size=1, max_size=8), POINTS, max_size=4))
def test_points_printed_for_a_plant_file_are_read_as_they_were(
    given_points: dict[str, dict[str, Any]],
) -> None:
    points = {name: ModbusPoint.model_validate(raw) for name, raw in given_points.items()}
    table = tomllib.loads("\n".join(tables(points, "a b")))["sources"]["a b"]["points"]
    again = {name: ModbusPoint.model_validate_json(json.dumps(raw)) for name, raw in table.items()}
    assert again == points
