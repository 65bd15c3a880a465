"""Every profile against a device of its register map, over a real Modbus server."""

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.adapter import Link, Probe, Source
from adapters.errors import PermanentError
from adapters.modbus import TCP
from adapters.modbus.settings import ModbusSource
from adapters.modbus.values import Order
from adapters.reading import Quality
from simulation.modbus import ModbusPlant
from simulation.registers import device, values
from tests.modbuskit import running, until
from tests.profilekit import MODBUS, settings

pytestmark = pytest.mark.integration
TRAPS: tuple[Order, ...] = ("big", "little", "big-swapped", "little-swapped")
WITH_IDENTITY = [name for name in MODBUS if settings(name).identity]


async def probed(plant: ModbusPlant, one: ModbusSource) -> dict[str, Probe]:
    source = Source("meter", one.model_copy(update={"port": plant.port}))
    return {probe.point: probe for probe in await TCP.probe(source)}


@pytest.mark.parametrize("name", MODBUS)
@pytest.mark.parametrize("order", TRAPS)
async def test_a_profile_reads_what_its_device_shows_in_any_order(name: str, order: Order) -> None:
    one = settings(name, order=order)
    shown = values(one)
    async with ModbusPlant({1: device(one, shown)}) as plant:
        found = await probed(plant, one)
        lengths = [count for _, _, _, count in plant.counts.spans]
    assert {point: probe.value for point, probe in found.items()} == pytest.approx(shown, rel=1e-7)
    assert {probe.quality for probe in found.values()} == {Quality.GOOD}
    assert max(lengths) <= one.max_registers


@pytest.mark.parametrize("name", [name for name in MODBUS if "laumas" not in name])
async def test_a_device_in_another_order_shows_other_values(name: str) -> None:
    one = settings(name)
    shown = values(one)
    other = next(order for order in TRAPS if order != one.order)
    served = device(one, shown, other)
    async with ModbusPlant({1: served}) as plant:
        found = await probed(plant, one.model_copy(update={"identity": ()}))
    wide = [
        point for point in found if one.points[point].registers > 1 and not one.points[point].bits
    ]
    assert all(found[point].value != shown[point] for point in wide if shown[point])


def test_only_the_meter_with_a_limit_has_one() -> None:
    assert {name for name in MODBUS if settings(name).max_registers < 125} == {"laumas-tlu"}


async def test_a_device_that_gives_32_registers_is_never_asked_for_more() -> None:
    far = {"register": 40007 + 32, "type": "int32"}
    one = settings("laumas-tlu")
    wide = type(one).model_validate(
        {**one.model_dump(by_alias=True, exclude_unset=True), "every": "1 s", "timeout": "2 s",
         "points": {**{n: p.model_dump(by_alias=True, exclude_unset=True)
                       for n, p in one.points.items()}, "far": far}}
    )  # fmt: skip
    served = device(wide, values(wide))
    filled = replace(served, registers={**dict.fromkeys(range(64), 0), **dict(served.registers)})  # type: ignore[arg-type]
    async with ModbusPlant({1: filled}) as plant:
        found = await probed(plant, wide)
        lengths = [count for _, _, _, count in plant.counts.spans]
    assert {probe.quality for probe in found.values()} == {Quality.GOOD}
    assert len(lengths) == 2
    assert max(lengths) <= 32


@pytest.mark.parametrize("name", MODBUS)
async def test_a_value_that_is_no_number_is_bad(name: str) -> None:
    one = settings(name)
    shown: dict[str, Any] = values(one)
    broken = {p for p in one.points if one.points[p].type in ("float32", "float64")}
    shown |= dict.fromkeys(broken, float("nan"))
    async with ModbusPlant({1: device(one, shown)}) as plant:
        found = await probed(plant, one)
    assert {p for p, probe in found.items() if probe.reason == "not-a-number"} == broken
    assert {p for p, probe in found.items() if probe.quality is Quality.BAD} == broken


@pytest.mark.parametrize(
    ("sentinel", "kind"), [(22222, "uint16"), (-32768, "int16"), (32767, "int16")]
)
async def test_a_sentinel_of_an_own_profile_is_bad(
    sentinel: int, kind: str, tmp_path: Path
) -> None:
    from config.profile import folders, profile  # noqa: PLC0415

    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.toml").write_text(
        'title = "a"\nsource = "b"\nconfidence = "documented"\nprotocols = ["modbus-tcp"]\n'
        f'[points]\nt = {{ register = 40001, type = "{kind}", sentinels = [{sentinel}] }}\n'
    )
    points, _ = profile("own", folders(tmp_path)).merged({})
    one = settings("laumas-tlu")
    one = type(one).model_validate(
        {"protocol": "modbus-tcp", "host": "127.0.0.1", "points": points}
    )
    async with ModbusPlant({1: device(one, {"t": sentinel})}) as plant:
        found = await probed(plant, one)
    assert (found["t"].value, found["t"].reason) == (None, "sentinel")


@pytest.mark.parametrize("name", WITH_IDENTITY)
async def test_another_device_is_refused_before_anything_is_read(name: str) -> None:
    one = settings(name)
    last = one.identity[-1]
    served = device(one, values(one), identity={last.what: 99})
    async with ModbusPlant({1: served}) as plant:
        with pytest.raises(PermanentError) as caught:
            await probed(plant, one)
        asked = [(start, count) for _, _, start, count in plant.counts.spans]
    assert f"its {last.what} (register {last.number}) is 99, not {last.accepted[0]}" in str(
        caught.value
    )
    assert asked == [(one.place(each.number, None)[1], 1) for each in one.identity]


async def test_a_device_without_the_identity_register_is_refused() -> None:
    one = settings("siemens-bw500")
    bare = one.model_copy(update={"identity": ()})
    async with ModbusPlant({1: device(bare, values(bare))}) as plant:
        with pytest.raises(PermanentError, match=r"no device identifier .*illegal data address"):
            await probed(plant, one)


async def test_a_running_source_is_down_while_another_device_answers_and_heals() -> None:
    one = settings("siemens-bw500", every="50 ms")
    wrong, right = (
        device(one, values(one), identity={"device identifier": 7}),
        device(one, values(one)),
    )
    plant = ModbusPlant({1: wrong})
    async with plant:
        source = Source("meter", one.model_copy(update={"port": plant.port}))
        async with running(source) as basket:
            await until(lambda: basket.last("meter", "rate"))
            reading = basket.last("meter", "rate")
            assert reading is not None
            assert (reading.value, reading.reason) == (None, "wrong-device")
            await until(lambda: basket.health["meter"][-1].link is Link.DOWN)
            assert "another device" in basket.health["meter"][-1].error
            plant.devices = {1: right}
            await until(lambda: (r := basket.last("meter", "rate")) and r.quality is Quality.GOOD)


async def test_a_device_says_again_who_it_is_after_it_was_silent() -> None:
    one = settings("siemens-bw500", every="50 ms").model_copy(update={"timeout": 0.1})
    right = device(one, values(one))
    async with ModbusPlant({1: right}) as plant:
        source = Source("meter", one.model_copy(update={"port": plant.port}))
        async with running(source) as basket:
            await until(lambda: basket.last("meter", "rate"))
            assert [s[2] for s in plant.counts.spans].count(63) == 1
            right.silent = True
            await until(lambda: basket.readings()[-1].reason == "timeout")
            plant.devices = {1: device(one, values(one), identity={"device identifier": 7})}
            await until(lambda: basket.readings()[-1].reason == "wrong-device")


def test_the_simulated_registers_are_those_of_the_definition_of_each_order() -> None:
    one = settings("kamstrup-multical-603")
    high, low = struct.unpack(">HH", struct.pack(">f", 84.3))
    swapped = [int.from_bytes(word.to_bytes(2, "little")) for word in (high, low)]
    expected = {
        "big": (high, low),
        "little-swapped": (low, high),
        "big-swapped": tuple(swapped),
        "little": tuple(reversed(swapped)),
    }
    for order in TRAPS:
        registers: Any = device(one, {"t1": 84.3}, order).registers
        assert (registers[6], registers[7]) == expected[order]
