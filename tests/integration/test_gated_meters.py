"""A device that keeps sending its last valid value on failure, read by its profile."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from adapters.adapter import Source
from adapters.reading import Block
from agent.measuring.pipeline import Pipeline
from config.load import load_plant
from simulation.modbus import ModbusPlant
from simulation.registers import device, values
from tests.modbuskit import running, until
from tests.unit.test_gates import HEAD, METER, SLAG

if TYPE_CHECKING:
    from adapters.modbus.settings import ModbusSource

pytestmark = pytest.mark.integration
RATE = SLAG.replace('total = "m.total_1"', 'rate = "m.mass_flow"')


async def read(
    folder: Path, port: int, more: str, system: ModbusPlant, failing: int
) -> dict[str, int]:
    """Run the agent's meter on a device that fails; gives the reasons its window counts."""
    text = METER.format("m").replace(
        'host = "h"', f'host = "127.0.0.1"\nport = {port}\nevery = "50 ms"'
    )
    (folder / "plant.toml").write_text(HEAD + text + more, "utf-8")
    plan = load_plant(folder / "plant.toml", {})
    pipeline, (source,) = Pipeline(plan.streams, plan.windows), plan.sources
    one = cast("ModbusSource", source.settings)
    shown = values(one)
    system.devices = {1: device(one, shown)}
    async with running(Source("m", one)) as basket:
        await until(lambda: basket.last("m", "mass_flow"))
        system.devices = {1: device(one, {**shown, "system_condition": failing})}
        reached = len(basket.readings())
        await until(lambda: len(basket.readings()) > reached + 30)
        for each in basket.readings():
            pipeline.take(Block("m", each.time, (each.point,), (each.value,)))
    return dict(pipeline.open_windows()[-1].reasons)


async def test_a_device_that_fails_with_its_last_value_has_bad_readings(tmp_path: Path) -> None:
    async with ModbusPlant({}) as system:
        reasons = await read(tmp_path, system.port, RATE % "", system, 7)
        assert reasons.get("status", 0) >= 3
        reasons = await read(tmp_path, system.port, RATE % "", system, 1)
        assert reasons.get("status", 0) <= 1
        off = "system_condition = { good = [] }\n"
        assert not await read(tmp_path, system.port, off + RATE % "", system, 7)
