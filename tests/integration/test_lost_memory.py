"""A plant that lost its state file, and a real hub: first records stand, nothing is in conflict."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests import cluster
from tests.cluster import Program
from tests.servers import MosquittoMaker

pytestmark = [pytest.mark.integration, pytest.mark.mosquitto]


def asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def count(agent: Program) -> dict[str, int]:
    path = agent.folder / "state" / "state.sqlite"
    rows = asked(path, "SELECT status, count(*) FROM records GROUP BY status")
    return dict(rows)


def test_windows_made_again_after_a_lost_state_file_are_told_apart_and_the_first_stand(
    tmp_path: Path, mosquitto: MosquittoMaker
) -> None:
    port = mosquitto().port
    hub, hub_key = cluster.hub(tmp_path / "hub", port)
    agent, member = cluster.plant(tmp_path / "plant", "works", "Northern Metals", port, hub_key)
    cluster.admit(hub, port, [member], wait="1 h")
    with cluster.ended(hub, agent):
        hub.start()
        cluster.wait_for(hub.running, "the hub")
        cluster.record_day(agent.folder / "day.csv", 24 * 60, 60)
        agent.start()
        assert agent.wait() == 0, agent.log
        first, before = cluster.ledger(hub), count(agent)
        state = agent.folder / "state" / "state.sqlite"
        state.write_bytes(b"\xa5" * 4096 + state.read_bytes()[4096:])
        agent.start()
        assert agent.wait() == 0, agent.log
        again = count(agent)
        # 1: the agent is at its end, so its plant may be told to be offline by now.
        said = cluster.sidestream(
            "hub", "status", "hub.toml", "--json", cwd=hub.folder, codes=(0, 1)
        )
        told = json.loads(said)
        counters: dict[str, int] = dict(
            asked(hub.folder / "state" / "hub-ledger.db", "SELECT name, value FROM counters")
        )
    assert before == {"receipted": 23}
    assert again == {"remade": 23}
    assert cluster.ledger(hub) == first
    assert told["quarantine"] == {}
    assert [one["gaps"] for one in told["members"]] == [0]
    assert counters["remade"] == 23
    assert "set aside as state.sqlite.damaged-" in agent.log
