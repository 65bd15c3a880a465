"""Status points of a source gate its meters by themselves; what the plant file says wins."""

from pathlib import Path
from typing import Any

import pytest

from agent.cli.check import describe
from agent.measuring.gate import Gate
from config.load import load_plant
from config.plan import MeterPlan

HEAD = '[plant]\nname = "a"\nowner = "b"\n'
METER = """[sources.{0}]
protocol = "modbus-tcp"
host = "h"
profile = "endress-hauser-promass-84"
[sources.{0}.points]
mass_flow = {{ unit = "t/h" }}
total_1 = {{ unit = "t" }}
temperature = {{ unit = "Cel" }}
"""
SLAG = '[streams.s]\nmaterial = "10 09 03"\nmeter = { total = "m.total_1"%s }\n'
BOTH = (
    '[streams.s]\nkind = "heat"\nmeter = { flow = "m.mass_flow", supply = "m.temperature", '
    'return = "n.temperature", flow_sensor = "supply" }\n'
)


def plan(folder: Path, text: str) -> Any:
    (folder / "plant.toml").write_text(HEAD + text, "utf-8")
    return load_plant(folder / "plant.toml", {})


def meter(folder: Path, text: str) -> MeterPlan:
    found: MeterPlan = plan(folder, text).streams[0].meter
    return found


def test_a_profiles_status_point_gates_the_meters_of_its_source(tmp_path: Path) -> None:
    found = meter(tmp_path, METER.format("m") + SLAG % "")
    assert found.gates == {"status m.system_condition": (1.0,)}
    one = found.inputs["status m.system_condition"]
    assert (one.source, one.point, one.factor) == ("m", "system_condition", 1.0)


def test_every_source_a_meter_reads_has_its_say(tmp_path: Path) -> None:
    found = meter(tmp_path, METER.format("m") + METER.format("n") + BOTH)
    assert set(found.gates) == {"status m.system_condition", "status n.system_condition"}


def test_a_source_without_a_status_point_gates_nothing(tmp_path: Path) -> None:
    own = '[sources.m]\nprotocol = "modbus-tcp"\nhost = "h"\n[sources.m.points]\n'
    total = 'total_1 = { register = 40001, type = "uint32", unit = "t" }\n'
    assert not meter(tmp_path, own + total + SLAG % "").gates
    state = "state = { register = 40003, good = [2, 3] }\n"
    assert meter(tmp_path, own + total + state + SLAG % "").gates == {"status m.state": (2.0, 3.0)}


def test_a_gate_is_turned_off_at_its_point(tmp_path: Path) -> None:
    found = meter(tmp_path, METER.format("m") + "system_condition = { good = [] }\n" + SLAG % "")
    assert (found.gates, set(found.inputs)) == ({}, {"total"})


def test_a_status_that_a_meter_names_takes_the_place_of_its_sources(tmp_path: Path) -> None:
    text = SLAG % ', status = { point = "m.temperature", good = [5] }'
    found = meter(tmp_path, METER.format("m") + text)
    assert found.gates == {"status": (5.0,)}
    assert found.inputs["status"].point == "temperature"


def test_check_tells_what_gates_a_stream(tmp_path: Path) -> None:
    (row,) = describe(plan(tmp_path, METER.format("m") + SLAG % ""), 0)["streams"]
    assert row["points"] == ["m.total_1"]
    assert row["only_while"] == [{"point": "m.system_condition", "good": [1.0]}]


@pytest.mark.parametrize(("said", "open_"), [((1, 1), True), ((1, 0), False), ((0, 1), False)])
def test_a_gate_of_two_points_is_open_when_both_are_good(
    said: tuple[int, int], open_: bool
) -> None:
    gate = Gate({"status a": (1.0,), "status b": (1.0,)}, 10)
    given = [("status a", said[0], None), ("status b", said[1], None), ("rate", 2.0, None)]
    ((role, value, fault),) = gate.take(5, given)
    assert (role, value, fault is None) == ("rate", 2.0 if open_ else None, open_)
    (later,) = gate.take(16, [("rate", 2.0, None)])
    assert later[1] is None


def test_a_gate_goes_on_from_its_snapshot_and_from_that_of_one_point() -> None:
    first = Gate({"status": (1.0,)}, 10)
    first.take(5, [("status", 1, None)])
    for state in (first.snapshot(), [5, True]):
        again = Gate({"status": (1.0,)}, 10)
        again.restore(state)
        assert again.take(6, [("rate", 2.0, None)]) == [("rate", 2.0, None)]
        assert again.reached() == 5
