"""kill -9 of the agent at random moments of a replayed day: the ledger is that of a calm run."""

import os
import random
import time
from pathlib import Path

import pytest

from tests import cluster
from tests.servers import MosquittoMaker

ROUNDS = int(os.environ.get("SIDESTREAM_KILLS", "10"))
SEED = int(os.environ.get("SIDESTREAM_SEED", "1"))


@pytest.mark.faults
@pytest.mark.integration
@pytest.mark.mosquitto
@pytest.mark.timeout(120 + 10 * ROUNDS)
def test_an_agent_killed_at_random_moments_sends_what_a_calm_one_sends(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    draw = random.Random(SEED)
    port = mosquitto().port
    hub, hub_key = cluster.hub(tmp_path / "hub", port)
    calm, calm_member = cluster.plant(tmp_path / "calm", "calm", "A", port, hub_key)
    torn, torn_member = cluster.plant(tmp_path / "torn", "torn", "B", port, hub_key)
    cluster.admit(hub, port, [calm_member, torn_member])
    every = 2 if ROUNDS <= 12 else 1
    for agent in (calm, torn):
        cluster.record_day(agent.folder / "day.csv", 86_400 // every, every)
    size = (torn.folder / "day.csv").stat().st_size
    with cluster.ended(hub, calm, torn):
        hub.start()
        cluster.wait_for(hub.running, "the hub")
        calm.start()
        assert calm.wait(120) == 0, calm.log
        kills, inside = _tear(torn, draw, size)
        torn.start()
        assert torn.wait(120) == 0, torn.log
        cluster.wait_for(lambda: cluster.counted(hub) == 2 * 23, "every record")
        rows = cluster.ledger(hub)
    print(f"{kills} kills, {inside} of them inside the day, seed {SEED}")  # noqa: T201
    assert inside >= min(ROUNDS, 5)
    by_member = {name: [row[1:] for row in rows if row[0] == name] for name in ("calm", "torn")}
    assert len(by_member["calm"]) == 23 * 3
    assert by_member["torn"] == by_member["calm"]


def _tear(agent: cluster.Program, draw: random.Random, size: int) -> tuple[int, int]:
    """Start and kill the agent, again and again; it gets a little further each time."""
    inside = 0
    for _ in range(ROUNDS):
        before = cluster.commits(agent)
        agent.start()
        assert agent.process is not None
        end = time.monotonic() + 30
        while cluster.commits(agent) == before and agent.process.poll() is None:
            assert time.monotonic() < end, agent.log
            time.sleep(0.005)
        time.sleep(draw.uniform(0, 0.06))
        agent.kill()
        inside += cluster.commits(agent) < size
    return ROUNDS, inside
