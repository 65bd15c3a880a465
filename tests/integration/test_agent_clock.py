"""The agent as a program on a computer whose clock is not to be trusted."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulation.modbus import Device, ModbusPlant
from tests.agentkit import Scale, eventually, modbus, running
from tests.clockkit import ClockedAgent

pytestmark = pytest.mark.integration
YEAR = 365 * 86_400 * 10**9


@pytest.mark.parametrize("boot", [-time.time_ns() + 10**12, 10 * YEAR], ids=["1970", "2036"])
async def test_nothing_is_measured_before_the_clock_is_synchronised_and_nothing_is_lost(
    tmp_path: Path, boot: int
) -> None:
    agent, scale = ClockedAgent(tmp_path), Scale()
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port))
        agent.set_clock(boot)
        with running(agent):
            await eventually(lambda: agent.value("belt"))
            before = plant.counts.requests
            await eventually(lambda: plant.counts.requests > before + 25)
            code, said = await agent.status()
            assert (agent.told["clock"]["waiting"], agent.told["level"]) == (True, "critical")
            assert agent.rows("SELECT name FROM state") == []
            agent.set_clock(0)
            agent.synchronise()
            await eventually(lambda: len(agent.closed("belt")) >= 2)
            await eventually(lambda: agent.told["problems"] == [])
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
            stood, measured = scale.value, agent.measured("belt")
            (tmp_path / "synchronised").unlink()
            agent.set_clock(boot)
            scale.step = 3
            agent.start()
            await eventually(lambda: agent.told["clock"]["waiting"])
            await eventually(lambda: (agent.value("belt") or 0) > stood + 100)
            agent.set_clock(0)
            agent.synchronise()
            await eventually(lambda: not agent.told["clock"]["waiting"])
            scale.stand_still()
            # Read again, now that readings count: the value may have been there before.
            before = plant.counts.requests
            await eventually(lambda: plant.counts.requests > before + 3)
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
    assert code == 2
    flat = " ".join(said.split())
    assert "nothing is measured until it is" in flat
    assert "require_clock_sync = false" in flat
    assert agent.log.count("nothing is measured until it is") == 2
    assert measured > 0
    assert agent.measured("belt") - measured == pytest.approx((scale.value - stood) / 1000)
    starts = [row[0] for row in agent.rows("SELECT start FROM totals ORDER BY start")]
    assert abs(starts[0] - time.time_ns()) < YEAR // 365


RATE = """
[sources.flow]
protocol = "modbus-tcp"
host = "127.0.0.1"
port = {port}
every = "100 ms"
[sources.flow.points]
rate = {{ register = 40003, type = "uint16", unit = "t/h" }}
[streams.flow]
material = "10 09 10"
meter = {{ rate = "flow.rate", max_gap = "1500 ms" }}
"""
HOUR = 3_600 * 10**9


def registers(scale: Scale) -> Callable[[int], int | None]:
    """Give a scale's count in the first two registers, and a steady 36 t/h in the third."""
    return lambda at: 36 if at == 2 else scale.register(at)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_step_of_an_hour_loses_nothing_of_a_count_and_doubles_nothing(
    tmp_path: Path, step: int
) -> None:
    agent, scale = ClockedAgent(tmp_path), Scale()
    async with ModbusPlant({1: Device(registers=registers(scale))}) as plant:
        agent.write(modbus("belt", plant.port), RATE.format(port=plant.port))
        agent.synchronise()
        with running(agent):
            await eventually(lambda: len(agent.closed("flow")) >= 2)
            agent.set_clock(step)
            before = plant.counts.requests
            await eventually(lambda: plant.counts.requests > before + 60)
            # An hour ahead all windows between are closed; an hour behind none is, and none waits.
            stepped = len(agent.closed("flow"))
            agent.set_clock(0)
            await eventually(lambda: len(agent.closed("flow")) >= max(stepped, 4))
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    for quantity, coverage in agent.closed("flow"):
        assert quantity == pytest.approx(0.01 * coverage, rel=1e-6)
        assert coverage <= 1
    rows = agent.rows("SELECT start, marks FROM totals WHERE stream = 'belt' ORDER BY start")
    assert len({start for start, _ in rows}) == len(rows)
    assert any("clock-step" in marks for _, marks in rows)
    steps = agent.rows("SELECT detail FROM events WHERE kind = 'clock-step' AND stream = ''")
    assert len(steps) == 2
    assert "reset" not in {row[0] for row in agent.rows("SELECT kind FROM events")}


@pytest.mark.parametrize("live", [True, False], ids=["running", "stopped"])
async def test_windows_of_a_clock_years_ahead_are_set_aside_once_it_is_right(
    tmp_path: Path, live: bool
) -> None:
    agent, scale = ClockedAgent(tmp_path), Scale()
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port))
        agent.set_clock(10 * YEAR)
        agent.synchronise()
        with running(agent):
            await eventually(lambda: len(agent.closed("belt")) >= 3)
            if not live:
                assert await agent.end() == 0
                (tmp_path / "synchronised").unlink()
            agent.set_clock(0)
            if not live:
                agent.options = ("--trust-clock",)
                agent.start()
            now = time.time_ns()
            await eventually(lambda: agent.rows("SELECT 1 FROM events WHERE detail LIKE '%aside%'"))
            await eventually(lambda: len(agent.closed("belt")) >= 3)
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
    starts = [row[0] for row in agent.rows("SELECT start FROM totals ORDER BY start")]
    assert now - YEAR < starts[0]
    assert starts[-1] < now + YEAR
    assert starts == sorted(set(starts))
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    assert "clock-step" in agent.rows("SELECT marks FROM totals ORDER BY start")[0][0]


async def test_windows_ahead_of_a_clock_that_nobody_vouches_for_stay_and_are_told(
    tmp_path: Path,
) -> None:
    agent, scale = ClockedAgent(tmp_path), Scale()
    async with scale.plant() as plant:
        agent.write(modbus("belt", plant.port))
        agent.synchronise()
        path = tmp_path / "plant.toml"
        path.write_text(path.read_text().replace("[state]", "require_clock_sync = false\n[state]"))
        with running(agent):
            await eventually(lambda: len(agent.closed("belt")) >= 2)
            (tmp_path / "synchronised").unlink()
            agent.set_clock(-10 * YEAR)
            await eventually(lambda: agent.problem("--trust-clock"))
            kept = len(agent.closed("belt"))
            agent.set_clock(0)
            await eventually(lambda: len(agent.closed("belt")) >= kept + 2)
            scale.stand_still()
            await eventually(lambda: agent.value("belt") == scale.value)
            assert await agent.end() == 0
    assert agent.measured("belt") == pytest.approx(scale.truth, rel=1e-9)
    # Ten years without readings get no windows.
    assert len(agent.closed("belt")) < 1000
