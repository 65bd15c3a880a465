"""What partners would be told: to the byte what the agent makes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.cli.preview import _document, _show
from agent.keeping.outbox import Outbox
from config.plan import PlantPlan
from tests.partnerkit import contract
from tests.plants import START, plant_key
from tests.property.test_engine import BATCHES, blocks, weighings
from tests.property.test_partner_detail import run, shared


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlantPlan:
    """Run an agent's engine for a few hours, under two contracts."""
    monkeypatch.setattr("agent.running.assembly.plant_key", lambda _: plant_key())
    two = contract(8, streams={"slag": "what they call it"}, contract="other")
    mine = shared(state_dir=str(tmp_path), partners=(contract(), two))
    with Outbox.open(tmp_path, 0) as outbox:
        run(blocks([7 * at % 900 for at in range(400)]), outbox, mine)
    return mine


def made(directory: Path) -> list[tuple[dict[str, Any], list[str]]]:
    """Give what the agent made, but for its nonce and signature, and the outcome of its steps."""
    with Outbox.look_at(directory) as outbox:
        log = outbox.details.released(0, 2**62)
    return [
        (
            {name: body for name, body in one.plain.items() if name not in ("nonce", "signature")},
            [step.outcome for step in one.steps[:-3]],
        )
        for one in sorted(log, key=lambda one: (one.contract, one.start))
    ]


def shown(plan: PlantPlan, directory: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _document(plan, None, directory, None, 30)["partners"]
    return found


def test_preview_shows_to_the_byte_what_the_agent_has_told(
    measured: PlantPlan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = shown(measured, tmp_path)
    assert len(found) == 12
    assert [(one["detail"], [s["outcome"] for s in one["steps"]]) for one in found] == made(
        tmp_path
    )
    _show(_document(measured, None, tmp_path, None, 1), steps=False)
    told = capsys.readouterr().out
    assert "what they call it" in told
    assert json.dumps(found[-1]["detail"]["id"]) in told


def test_batches_that_have_waited_are_in_the_preview(measured: PlantPlan, tmp_path: Path) -> None:
    folder = tmp_path / "scale"
    partner = contract(streams={"dross": "a"})
    mine = replace(
        measured, streams=(replace(BATCHES, share="partner"),), partners=(partner,),
        state_dir=str(folder),
    )  # fmt: skip
    with Outbox.open(folder, 0) as outbox:
        run(weighings([at // 40 for at in range(60 * 12)]), outbox, mine)
    assert [one["detail"] for one in shown(mine, folder)] == [one for one, _ in made(folder)]


def test_what_was_ended_or_is_over_is_not_in_a_preview(measured: PlantPlan, tmp_path: Path) -> None:
    from agent.disclosing.contracts import name_of  # noqa: PLC0415

    with Outbox.open(tmp_path, 0) as outbox:
        outbox.ended.take_back(name_of(measured.partners[0]), START)
    assert {one["partner"] for one in shown(measured, tmp_path)} == {"partner8"}
    over = replace(measured, partners=(replace(measured.partners[1], until=START),))
    assert shown(over, tmp_path) == []


def test_without_the_plants_key_only_what_needs_none_is_shown(
    measured: PlantPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    found = shown(measured, tmp_path)
    assert set(found[0]["detail"]) == {"contract", "streams"}
