"""`sidestream events`: what is shown, and that every kind of event is explained."""

import ast
import json
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from agent.keeping.outbox import Outbox
from agent.keeping.tables import Commit
from agent.measuring.total import Event, EventKind
from agent.running.kinds import KINDS
from tests.clikit import Call

ROOT = Path(__file__).parents[2]
AGENT = ROOT / "agent"
TABLES = (AGENT / "running" / "kinds.py", AGENT / "measuring" / "total.py")
PAGE = ROOT / "docs" / "events.md"
EVENTS = [
    Event(5, "slag", "reset", "fell"),
    Event(7, "slag", "rollover", "round"),
    Event(9 * 10**9, "dust", "reset", "fell again"),
]


def test_every_kind_there_is_is_explained_and_listed() -> None:
    # An Event takes an EventKind alone: the type checker knows every place that makes one.
    assert get_type_hints(Event)["kind"] is EventKind
    assert set(KINDS) == set(get_args(EventKind))
    assert all(kind.means and kind.do for kind in KINDS.values())
    rows = re.findall(r"(?m)^\| `([a-z-]+)` \| (.+) \| (.+) \|$", PAGE.read_text())
    assert {name: (means, do) for name, means, do in rows} == {
        name: (kind.means, kind.do) for name, kind in KINDS.items()
    }


def test_every_kind_there_is_is_made_somewhere() -> None:
    trees = [ast.parse(path.read_text()) for path in AGENT.rglob("*.py") if path not in TABLES]
    texts = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(get_args(EventKind)) <= texts


@pytest.fixture
def happened(tmp_path: Path) -> Path:
    file = tmp_path / "plant.toml"
    file.write_text('[state]\ndirectory = "state"\n')
    with Outbox.open(tmp_path / "state", 0) as outbox:
        outbox.commit(Commit(events=EVENTS), 0)
    return file


def test_events_are_chosen_by_time_kind_and_number(happened: Path, call: Call) -> None:
    def shown(*options: str) -> list[str]:
        return [
            event["detail"]
            for event in json.loads(call("events", happened, "--json", *options).out)
        ]

    assert shown() == ["fell again", "round", "fell"]
    assert shown("--kind", "reset") == ["fell again", "fell"]
    assert shown("--kind", "reset", "--kind", "rollover", "--limit", "2") == ["fell again", "round"]
    assert shown("--since", "1970-01-01T00:00:01Z") == ["fell again"]


def test_a_kind_is_explained_with_what_to_do(call: Call) -> None:
    said = call("events", "--explain", "reset").out
    assert "meter replaced" in " ".join(said.split())
    assert "do:" in said
    assert set(json.loads(call("events", "--explain", "all", "--json").out)) == set(KINDS)


def test_an_unknown_kind_is_told_with_those_there_are(happened: Path, call: Call) -> None:
    for options in (("--explain", "nonsense"), (happened, "--kind", "nonsense")):
        said = call("events", *options)
        assert said.code != 0
        assert "record-dropped" in said.err
