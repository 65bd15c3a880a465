"""Power cuts in what a real agent and a real hub write: nothing committed is lost, nothing torn."""

import json
import random
from pathlib import Path

import pytest

from tests.faults.power import AGENT, HUB, Cuts, replay
from tests.faults.recording import Care, record_agent, record_hub

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.strace]
OFTEN = 40
"""Pages after which the log is moved into the file, so that a short recording has that too."""


def cut_agent(folder: Path, synchronous: str, cuts: int) -> Cuts:
    made = record_agent(folder / "plant", Care(OFTEN, synchronous), rows=720, every=20)
    return replay(AGENT, made, cuts, random.Random(1))


def test_an_agent_whose_power_is_cut_has_every_commit_whole(tmp_path: Path) -> None:
    found = cut_agent(tmp_path, "FULL", 200)
    assert found.problems == []
    assert found.checked["commits"] > 500
    told = json.loads(json.dumps(found.body()))
    assert told["images"] == 200
    assert told["checked"]["commits"] == found.checked["commits"]


@pytest.mark.parametrize("synchronous", ["NORMAL", "OFF"])
def test_the_replay_finds_commits_that_were_not_synced(tmp_path: Path, synchronous: str) -> None:
    assert cut_agent(tmp_path, synchronous, 60).lost > 10


@pytest.mark.mosquitto
def test_a_hub_whose_power_is_cut_keeps_what_it_acknowledged_and_released(tmp_path: Path) -> None:
    made = record_hub(tmp_path, Care(OFTEN), hours=8)
    found = replay(HUB, made, 150, random.Random(1))
    assert found.problems == []
    for kind in ("PUBACKs", "receipts", "cells"):
        assert found.checked[kind] > 0, kind
