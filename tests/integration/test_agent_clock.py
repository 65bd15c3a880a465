"""The agent as a program on a computer whose clock is not to be trusted."""

import time
from pathlib import Path

import pytest

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
