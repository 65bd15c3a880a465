"""`sidestream events`: what is shown, and that every kind of event is explained."""

import json
import re
from pathlib import Path

import pytest

from agent.kinds import KINDS
from agent.outbox import Outbox
from agent.tables import Commit
from agent.total import Event
from tests.clikit import Call

AGENT = Path(__file__).parents[2] / "agent"
EVENTS = [
    Event(5, "slag", "reset", "fell"),
    Event(7, "slag", "rollover", "round"),
    Event(9 * 10**9, "dust", "reset", "fell again"),
]


def test_every_kind_the_agent_makes_is_explained() -> None:
    words = re.compile(r'"((?:[a-z]+-)+[a-z]+|reset|rollover|corrected)"')
    made = {
        kind
        for path in [*AGENT.glob("*.py"), *AGENT.glob("meters/*.py")]
        if path.name != "kinds.py"
        for line in path.read_text().splitlines()
        if re.search(
            r"Event\(|\.note\(|kind, detail =|^CLOCK_STEP|^CROSS_CHECK|-samples|-values", line
        )
        for kind in words.findall(line)
    }
    assert made - {"wait-values"} <= set(KINDS), made - set(KINDS)
    assert len(made) >= 10


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
