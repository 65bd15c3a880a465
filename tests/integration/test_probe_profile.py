"""`sidestream probe --profile` finds out how a device is to be read, from a real Modbus server."""

import asyncio
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from adapters.adapter import Source
from adapters.modbus import TCP
from adapters.modbus.values import Order
from agent.cli.fit import Device as Reached
from agent.cli.fit import found_out
from config.load import load_plant
from simulation.modbus import Device, ModbusPlant
from simulation.registers import device, values
from tests.profilekit import MODBUS, settings

pytestmark = pytest.mark.integration
REAL = {
    "flow": 11.37,
    "flow_2": 3.21,
    "power": 412.6,
    "t1": 84.31,
    "t2": 43.77,
    "t3": 21.9,
    "t4": 8.4,
}


async def found(name: str, served: Device) -> dict[str, Any]:
    async with ModbusPlant({1: served}) as plant:
        table = {"protocol": "modbus-tcp", "host": "127.0.0.1", "port": plant.port}
        return await found_out(name, Reached(table, reads=3, pause=0))


async def run(name: str, served: Device) -> tuple[int, str]:
    async with ModbusPlant({1: served}) as plant:
        where = ("--host", "127.0.0.1", "--port", str(plant.port), "--pause", "0")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "agent.cli", "probe", "--profile", name, *where,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


def shown(name: str) -> Mapping[str, float]:
    if name == "kamstrup-multical-603":
        return REAL
    return {
        point: value * 1.0137 if "tot" in point else value
        for point, value in values(settings(name)).items()
    }


@pytest.mark.parametrize("order", ["big", "little", "big-swapped", "little-swapped"])
async def test_the_order_of_a_device_is_found(order: Order) -> None:
    name = "kamstrup-multical-603"
    said = await found(name, device(settings(name), REAL, order))
    assert (said["order"], said["shift"], said["certainty"]) == (order, 0, "sure")
    table = tomllib.loads("\n".join(said["toml"]))["sources"]["meter"]
    assert table.get("order", "big") == order
    assert {row["point"]: row["value"] for row in said["points"]} == pytest.approx(REAL, rel=1e-6)


@pytest.mark.parametrize("name", MODBUS)
@pytest.mark.parametrize("shift", [0, 1])
async def test_a_shifted_map_is_found(name: str, shift: int) -> None:
    one = settings(name)
    said = await found(name, device(one, shown(name), shift=shift))
    assert (said["order"], said["shift"]) == (one.order, shift), said["why"]
    assert (f"shift = {shift}" in said["toml"]) == bool(shift)


async def test_what_is_found_is_what_a_plant_file_needs(tmp_path: Path) -> None:
    name = "endress-hauser-promass-84"
    one = settings(name)
    said = await found(name, device(one, shown(name), "big", shift=-1))
    text = "\n".join(['[plant]\nname = "a"\nowner = "b"', *said["toml"]])
    text = re.sub("^# As.*$|^# ", "", text, flags=re.MULTILINE).replace("…", '"t/h"')
    (tmp_path / "plant.toml").write_text(text, "utf-8")
    (source,) = load_plant(tmp_path / "plant.toml", {}).sources
    async with ModbusPlant({1: device(one, shown(name), "big", shift=-1)}) as plant:
        placed = source.settings.model_copy(update={"port": plant.port})
        read = {each.point: each.value for each in await TCP.probe(Source("meter", placed))}
    assert read == pytest.approx(shown(name), rel=1e-6)


async def test_a_device_that_shows_only_zeros_leaves_it_open() -> None:
    name = "kamstrup-multical-603"
    said = await found(name, device(settings(name), dict.fromkeys(REAL, 0.0)))
    assert said["certainty"] == "not sure"
    assert "zero" in said["why"][0]


async def test_another_device_is_refused_with_what_it_says() -> None:
    one = settings("siemens-mag-6000")
    served = device(one, values(one), identity={"product code": 25})
    code, text = await run("siemens-mag-6000", served)
    assert code == 1
    assert "product code (register 400603) is 25, meant is 24" in text
    assert "Traceback" not in text


async def test_a_device_that_does_not_answer_is_exit_code_2() -> None:
    code, text = await run("siemens-mag-6000", Device(silent=True))
    assert code == 2
    assert "did not answer" in text


async def test_a_person_is_told_why_and_what_to_write() -> None:
    one = settings("siemens-mass-6000")
    code, text = await run("siemens-mass-6000", device(one, values(one), "little-swapped"))
    assert code == 0
    for part in (
        "sure",
        "the device says that it is the one meant",
        "in other orders",
        'order = "little-swapped"',
        "# total_1 = { unit = … }",
        'profile = "siemens-mass-6000"',
    ):
        assert part in text
