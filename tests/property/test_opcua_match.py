"""Matching a server's variables to a profile's points, and reading the units servers tell."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.opcua.address import Named
from adapters.opcua.euinformation import _UNECE, coded, letters, shown
from adapters.opcua.match import TO_FIND, Seen, matched
from adapters.opcua.settings import OpcUaPoint
from adapters.reading import Fault, Quality, Value
from config.units import Units

KIND = Named("urn:a", "FlowType")
POINT = OpcUaPoint(node=TO_FIND, type=str(KIND))
BAD = Fault(Quality.BAD, "bad-sensor-failure")


class Told(NamedTuple):
    value: Value
    fault: Fault | None


def known(unit: str) -> bool:
    return unit == "t/h"


def seen(at: int, told: Told, *, fits: bool = True, unit: str = "t/h") -> Seen:
    line = (KIND,) if fits else (Named("urn:a", "Other"),)
    return Seen(f"ns=2;i={at}", f"/Objects/2:{at}", line, lambda _: told, unit)


_told = st.builds(Told, st.floats(-100, 100), st.sampled_from([None, BAD]))
_seen = st.builds(
    lambda at, told, fits, unit: seen(at, told, fits=fits, unit=unit),
    st.integers(0, 9), _told, st.booleans(), st.sampled_from(["t/h", "", "bushel"]),
)  # fmt: skip


@given(st.lists(_seen, max_size=6))
def test_every_node_of_the_type_is_shown_and_no_other(nodes: list[Seen]) -> None:
    choices = matched({"flow": POINT}, nodes, known).choices["flow"]
    assert sorted(one.seen.node for one in choices) == sorted(
        one.node for one in nodes if KIND in one.line
    )
    assert [one.quality for one in choices] == sorted(one.quality for one in choices)


@given(st.lists(_seen, max_size=6))
def test_a_match_is_sure_only_of_one_good_node_with_a_known_unit(nodes: list[Seen]) -> None:
    match = matched({"flow": POINT}, nodes, known)
    fitting = [one for one in nodes if KIND in one.line]
    sure = len(fitting) == 1 and fitting[0].unit == "t/h" and fitting[0].told(POINT).fault is None
    assert (match.certainty == "sure") is sure


@given(st.integers(-(2**31), 2**31 - 1))
def test_any_number_is_a_code_or_none(number: int) -> None:
    text = letters(number)
    assert text == "" or int.from_bytes(text.encode("latin-1")) == number
    assert coded(number) == _UNECE.get(text, "")


@pytest.mark.parametrize(
    ("number", "unit"),
    [(4933453, "kg"), (4536627, "kg/h"), (4534584, "t/h"), (4408652, "Cel"), (13122, "MJ")],
)
def test_the_standards_numbers_are_units(number: int, unit: str) -> None:
    assert coded(number) == unit


def test_every_code_is_a_unit_of_plant_files() -> None:
    for unit in _UNECE.values():
        Units().dimension(unit)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("m³/h", "m3/h"), ("°C", "Cel"), ("MW·h", "MW.h"), ("L/min", "l/min"), ("kg / h", "kg/h")],
)
def test_names_as_shown_are_written_as_in_plant_files(name: str, unit: str) -> None:
    assert shown(name) == unit
