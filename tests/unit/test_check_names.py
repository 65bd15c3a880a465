"""What `sidestream check` calls media and former classifications."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.group import sidestream
from config.fluids import MIXTURES, OILS, liquid
from config.medium_names import medium_name
from config.medium_plan import Gas, Steam

PLANT = """
[plant]
name = "P"
owner = "O"
timezone = "Europe/Oslo"
[sources.s]
protocol = "modbus-tcp"
host = "127.0.0.1"
[sources.s.points]
flow = { register = 40001, type = "float32", unit = "t/h" }
bar = { register = 40003, type = "float32", unit = "bar" }
hot = { register = 40005, type = "float32", unit = "Cel" }
cold = { register = 40007, type = "float32", unit = "Cel" }
[streams.steam]
kind = "heat"
[streams.steam.meter]
flow = "s.flow"
supply = "s.hot"
return = "s.cold"
pressure = "s.bar"
medium = { steam = "superheated" }
[streams.heap]
material = "10 09 03"
status = "by-product"
meter = { rate = "s.flow" }
[[streams.heap.before]]
until = "2026-07-01"
status = "waste"
"""


@pytest.mark.parametrize("name", ["water", *OILS, *(f"{name} 40 %" for name in MIXTURES)])
def test_a_liquid_is_called_what_the_file_calls_it(name: str) -> None:
    assert medium_name(liquid(name)) == name


def test_steam_and_gas_are_told_apart() -> None:
    assert medium_name(Steam()) == "superheated steam"
    assert medium_name(Steam(saturated=True, dryness=0.97)) == "saturated steam, dryness 97%"
    assert medium_name(Gas((("N2", 0.79), ("O2", 0.21)))) == "gas of N2 0.79, O2 0.21"


def test_check_names_the_medium_and_what_a_stream_was(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text(PLANT)
    said = CliRunner(env={"COLUMNS": "200"}).invoke(sidestream, ["check", str(path)])
    assert "heat in superheated steam of s.flow" in said.output
    steam, heap = json.loads(CliRunner().invoke(sidestream, ["check", str(path), "--json"]).output)[
        "streams"
    ]
    assert (steam["medium"], steam["series"], heap["medium"]) == ("superheated steam", [], None)
    assert [(one["since"], one["status"]) for one in heap["series"]] == [
        (None, "waste"),
        ("2026-07-01", "by-product"),
    ]
