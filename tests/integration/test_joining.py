"""A plant joins by an invitation: from one file to its first record, and to a released cell."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import counted, ended, wait_for
from tests.joinkit import Cluster, Joiner

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]
ClusterMaker = Callable[..., Cluster]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterMaker]:
    with ExitStack() as stack:

        def make(more: str = "") -> Cluster:
            made = Cluster(tmp_path / "cluster", more)
            stack.enter_context(ended(made.broker, made.hub))
            made.start()
            return made

        yield make


def joined(made: Cluster, plant: Joiner) -> None:
    """Go the whole way from an invitation to an admission that is in place."""
    invitation = made.invite(plant.name)
    assert plant.join(invitation)["state"] == "requested"
    own = plant.fingerprint
    wait_for(lambda: made.waiting(own), "the request")
    made.admit(own, plant.name)
    wait_for(lambda: plant.join(invitation)["state"] == "admitted", "the admission")


def test_three_plants_join_and_a_cell_is_released(cluster: ClusterMaker, tmp_path: Path) -> None:
    made = cluster()
    plants = [Joiner(tmp_path / name, name) for name in ("north", "south-east", "west")]
    for plant in plants:
        joined(made, plant)
    with ended(*(plant.agent for plant in plants)):
        for plant in plants:
            plant.agent.start()
        wait_for(lambda: counted(made.hub) >= 3, "records of each plant")
        for plant in plants:
            assert plant.agent.wait(60) == 0, plant.agent.log
            told = plant.status["uplink"]["roster"]
            assert told["since"] == told["period"]
    made.hub.stop()
    made.write("1 s")
    made.hub.start()
    wait_for(lambda: "windows decided" in made.hub.log, "windows that are decided")
    told = made.told("hub", "cells", "hub.toml")
    assert {one["cell"]["status"] for one in told if one["listed"]} == {"released"}
    assert "Traceback" not in made.hub.log
