"""What the demo tells of a run: one document, tables, and a verdict."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from simulation.demo import demo
from simulation.report import document, show, verdict
from simulation.simulate import simulate
from tests.demokit import LINE, good_evidence, outcome, with_hub

GOOD = good_evidence()


def test_the_document_holds_all_of_a_run_and_is_json() -> None:
    told = document(outcome(GOOD))
    assert json.loads(json.dumps(told)) == told
    assert told["passed"] is True
    assert len(told["left"]) == 5
    assert {row["status"] for row in told["cells"]} == {"released", "withheld"}
    assert told["left"][0]["example"]["sequence"] == 1


def test_quantities_and_marks_are_told_by_stream() -> None:
    rows = {row["stream"]: row for row in document(outcome(GOOD))["measured"]}
    assert rows["furnace_slag_4"]["marks"] == ["rollover"]
    assert rows["furnace_slag_4"]["windows"] == 12
    assert rows["nitrate_liquor"]["share"] == "never"
    assert rows["rinse_water"]["share"] == "off"
    assert rows["furnace_slag_5"]["coverage"] == pytest.approx(8 / 12, abs=0.001)


def test_the_tables_show_every_part_and_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(outcome(GOOD))
    show(told)
    shown = capsys.readouterr().out
    for part in ("1  What", "2  What", "3  What", "4  What", "5  Checked", "withheld", "pseudonym"):
        assert part in shown
    assert shown.strip().endswith(verdict(told))


def test_a_failed_check_is_counted_in_the_verdict() -> None:
    first = replace(GOOD.hub.records[0], start=LINE.end)
    told = document(outcome(with_hub(GOOD, records=(first, *GOOD.hub.records[1:]))))
    assert told["passed"] is False
    assert verdict(told).startswith("1 of ")
    assert "FAILED" in verdict(told)


@pytest.mark.parametrize("command", [demo, simulate])
def test_help_shows_an_example(command: object) -> None:
    result = CliRunner().invoke(command, ["--help"])  # type: ignore[arg-type]
    assert result.exit_code == 0
    assert "Example:" in result.output


def test_a_folder_in_use_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("used")
    (folder / "something").write_text("")
    result = CliRunner().invoke(demo, ["--dir", str(folder)])
    assert result.exit_code == 2
    assert "not empty" in result.output
