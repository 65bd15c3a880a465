"""Heat of every medium by the program itself, from recorded readings to totals."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.clikit import program
from tests.mediakit import gas_meter, gas_of, liquid_meter, made, steam_meter

pytestmark = [pytest.mark.integration, pytest.mark.coolprop]
PLANT = """
[plant]
name = "Works"
owner = "Owner"
[state]
directory = "state"
runtime = "run"
[sources.m]
protocol = "replay"
file = "m.csv"
every = "10 s"
[sources.m.points]
v = { unit = "m3/h" }
g = { unit = "t/h" }
t1 = { unit = "Cel" }
t2 = { unit = "Cel" }
p = { unit = "bar" }
[streams.glycol]
kind = "heat"
[streams.glycol.meter]
flow = "m.v"
supply = "m.t1"
return = "m.t2"
flow_sensor = "supply"
medium = "ethylene glycol 40 %"
[streams.steam]
kind = "heat"
[streams.steam.meter]
flow = "m.g"
pressure = "m.p"
return = "m.t2"
medium = { steam = "saturated", dryness = "100 %" }
[streams.air]
kind = "heat"
[streams.air.meter]
flow = "m.v"
supply = "m.t1"
return = "m.t2"
medium = { gas = "air", saturated = true, flow_is = "norm dry" }
"""


def test_a_quarter_of_an_hour_is_worth_what_its_media_give_off(tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text(PLANT)
    rows = [f"2026-03-01T00:{at // 6:02}:{at % 6 * 10:02}Z,36,3.6,80,30,10" for at in range(120)]
    (tmp_path / "m.csv").write_text("\n".join(["time,v,g,t1,t2,p", *rows]))
    done = program("run", "plant.toml", cwd=tmp_path)
    assert done.code == 0, done.err
    with closing(sqlite3.connect(tmp_path / "state" / "state.sqlite")) as state:
        totals = state.execute("SELECT stream, quantity, coverage FROM totals").fetchall()
    found = {stream: (float(quantity), coverage) for stream, quantity, coverage in totals}
    glycol = made(liquid_meter("ethylene glycol 40 %")).fall((80.0, 30.0))
    steam = made(steam_meter("supply", "pressure", "return", flow_is_mass=True)).fall(
        (179.8857, 1.0, 30.0)
    )
    gas = gas_of("air", humidity="saturated", vapour=None, flow="norm dry")
    air = made(gas_meter(gas)).fall((80.0, 30.0))
    assert glycol is not None
    assert steam is not None
    assert air is not None
    expected = {
        "glycol": 900 * 0.01 * glycol.drop / glycol.volume / 3.6e6,
        "steam": 900 * 1.0 * steam.drop / 3.6e6,
        "air": 900 * 0.01 * air.drop / air.volume / 3.6e6,
    }
    for name, heat in expected.items():
        quantity, coverage = found[name]
        assert quantity == pytest.approx(heat, rel=1e-6)
        assert coverage == 1.0


def test_a_file_that_needs_the_library_is_checked_with_it(tmp_path: Path) -> None:
    (tmp_path / "plant.toml").write_text(PLANT)
    done = program("check", "plant.toml", cwd=tmp_path)
    assert (done.code, "is good" in done.out) == (0, True), done.err
    (tmp_path / "plant.toml").write_text(PLANT.replace("glycol 40 %", "glycol 90 %"))
    line = PLANT.splitlines().index('medium = "ethylene glycol 40 %"') + 1
    done = program("check", "plant.toml", cwd=tmp_path)
    assert done.code == 78
    assert f"plant.toml:{line}: streams.glycol.meter.medium" in done.err + done.out
