"""What would leave: to the byte what the agent makes, and what a change would change."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.cli.preview import _document
from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from config.plan import PlantPlan
from tests.clikit import Call, write_state
from tests.plants import START, plan, plant_key, uplink
from tests.property.test_engine import BATCHES, blocks, run, weighings

DAY = 86_400 * 10**9


@pytest.fixture
def measured(tmp_path: Path) -> PlantPlan:
    """Run an agent's engine for a few hours, and keep its key beside its state."""
    mine = plan(str(tmp_path))
    with Outbox.open(tmp_path, 0) as outbox:
        run(blocks([7 * at % 900 for at in range(400)]), outbox, {130}, 7, mine)
    return mine


def contents(directory: Path) -> list[dict[str, Any]]:
    with Outbox.look_at(directory) as outbox:
        log = outbox.released(0, 2**62)
    return [
        {name: value for name, value in line.plain.items() if name not in ("sequence", "signature")}
        for line in log
    ]


def shown(mine: PlantPlan, directory: Path, other: PlantPlan | None = None) -> dict[str, Any]:
    return _document(mine, other, directory, None, 7)


def test_preview_shows_to_the_byte_what_the_agent_has_made(
    measured: PlantPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.running.assembly.plant_key", lambda _: plant_key())
    found = shown(measured, tmp_path)
    assert found["key"]
    assert len(found["records"]) == 6
    assert [one["record"] for one in found["records"]] == contents(tmp_path)
    with Outbox.look_at(tmp_path) as outbox:
        steps = outbox.released(0, 2**62)[-1].steps
    wanted = [(step.name, step.subject, step.outcome) for step in steps[:-4]]
    assert [(s["step"], s["of"], s["outcome"]) for s in found["records"][-1]["steps"]] == wanted


def test_batches_that_have_waited_are_in_a_preview_as_in_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.running.assembly.plant_key", lambda _: plant_key())
    mine = replace(plan(str(tmp_path)), streams=(BATCHES,))
    with Outbox.open(tmp_path, 0) as outbox:
        run(weighings([at // 40 for at in range(60 * 30)]), outbox, set(), 7, mine)
    made = contents(tmp_path)
    assert any(one["figures"] for one in made)
    whole = [one["record"] for one in _document(mine, None, tmp_path, START, 1)["records"]]
    assert whole == made[:24]
    later = [one["record"] for one in _document(mine, None, tmp_path, None, 1)["records"]]
    assert later == made[-24:]


def test_without_the_plants_key_what_comes_of_it_is_left_out(
    measured: PlantPlan, tmp_path: Path
) -> None:
    found = shown(measured, tmp_path)
    assert not found["key"]
    assert found["records"][0]["record"]["pseudonym"] is None
    assert [one["record"]["figures"] for one in found["records"]] == [
        one["figures"] for one in contents(tmp_path)
    ]


def test_a_change_is_compared_with_what_is_in_force(measured: PlantPlan, tmp_path: Path) -> None:
    slag, dust = measured.streams
    changed = replace(measured, streams=(replace(slag, share="off"), replace(dust, significant=1)))
    found = shown(changed, tmp_path, measured)["differences"]
    assert len(found) == 6
    for one in found:
        assert {member["code"] for member in one["before"]} == {"10 09 03", "10 09 10"}
        assert [member["code"] for member in one["after"]] == ["10 09 10"]
    assert shown(measured, tmp_path, measured)["differences"] == []


def test_what_is_withdrawn_is_not_in_a_preview(measured: PlantPlan, tmp_path: Path) -> None:
    with Outbox.look_at(tmp_path) as outbox:
        outbox.withdrawals.take_back("slag", START)
    found = shown(measured, tmp_path)
    assert {f["code"] for one in found["records"] for f in one["record"]["figures"]} == {"10 09 10"}
    assert found["streams"][0]["leaves"].startswith("nothing (withdrawn at")


def test_a_preview_without_totals_says_so_and_shows_what_may_leave(call: Call, plant: Path) -> None:
    said = call("preview", plant)
    assert said.code == 0
    assert "There are no totals to try it on" in said.out
    assert "nothing (share is off)" in said.out
    assert json.loads(call("preview", plant, "--json").out)["records"] == []


def test_a_preview_changes_nothing(call: Call, plant: Path) -> None:
    write_state(plant.parent / "state")
    text = plant.read_text().replace(
        'max_rate = "60 t/h" }', 'max_rate = "60 t/h" }\nshare = "cluster"'
    )
    hub = f'[hub]\ncluster = "ora"\nbroker = "mqtt://127.0.0.1:1"\nkey = "{uplink().hub_key}"\n'
    plant.write_text(text + hub)
    said = call("preview", plant, "--steps")
    assert said.code == 0
    assert "as it would be signed" in said.out
    assert "22% covered, 50% needed" in said.out
    assert not (plant.parent / "state" / "plant.key").exists()
    with Outbox.open(plant.parent / "state", 0) as outbox:
        outbox.commit(Commit(), 0)
