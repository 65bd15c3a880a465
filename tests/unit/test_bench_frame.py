"""The frame of the benchmark: comparisons, goals, the table and the exit code are right."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import bench.__main__ as program
from bench.figures import BENCHES
from bench.frame import Figure, Goal, Outcome, exit_code, markdown, number, rows, table


def _times(value: float, floor: float | None, goal: Goal) -> Figure:
    return Figure("speed", "records/s", value, floor, "floor", "times", goal)


@pytest.mark.parametrize(
    ("figure", "ratio", "met"),
    [
        (_times(130, 100, Goal(1.3)), 1.3, True),
        (_times(131, 100, Goal(1.3)), 1.31, False),
        (_times(50, 100, Goal(0.5, least=True)), 0.5, True),
        (_times(49, 100, Goal(0.5, least=True)), 0.49, False),
        (Figure("memory", "MB", 65.0, 55.0, "imports", "beyond", Goal(10.0)), 10.0, True),
        (Figure("memory", "MB", 66.0, 55.0, "imports", "beyond", Goal(10.0)), 11.0, False),
        (Figure("bytes", "MB/h", 19.0, 3.0, "bare", "alone", Goal(20.0)), 19.0, True),
        (Figure("bytes", "MB/h", 21.0, goal=Goal(20.0)), 21.0, False),
        (Figure("told", "s", 5.0), 5.0, None),
    ],
)
def test_a_figure_is_held_against_its_goal(figure: Figure, ratio: float, met: bool | None) -> None:
    assert figure.ratio == pytest.approx(ratio)
    assert figure.met is met


@pytest.mark.parametrize("floor", [None, 0.0])
def test_without_a_floor_a_multiple_of_it_meets_no_goal(floor: float | None) -> None:
    figure = _times(1.0, floor, Goal(1.3))
    assert math.isnan(figure.ratio)
    assert figure.met is False
    assert json.loads(json.dumps(figure.told(), allow_nan=False))["ratio"] is None


def test_a_figure_survives_json() -> None:
    for figure in (_times(130, 100, Goal(1.3)), Figure("told", "s", 5.0, note="of a day")):
        assert Figure.read(json.loads(json.dumps(figure.told()))) == figure


def test_the_table_has_a_row_each_figure_and_each_failure() -> None:
    outcomes = [
        Outcome("a", (_times(130, 100, Goal(1.3)), _times(200, 100, Goal(1.3)))),
        Outcome("b", (Figure("memory", "MB", 65.25, 55.0, "imports", "beyond", Goal(10.0)),)),
        Outcome("c", failure="long story\nended with exit code 3"),
    ]
    assert [list(row) for row in rows(outcomes)] == [
        ["speed", "130 records/s", "100 floor", "1.30 x", "<= 1.30 x", "met"],
        ["speed", "200 records/s", "100 floor", "2.00 x", "<= 1.30 x", "MISSED"],
        ["memory", "65.2 MB", "55 imports", "+10.2 MB", "<= +10 MB", "MISSED"],
        ["c: ended with exit code 3", "", "", "", "", "failed"],
    ]
    assert table(outcomes, "run").row_count == 4
    written = markdown(outcomes).splitlines()
    assert written[1] == "| --- | --- | --- | --- | --- | --- |"
    assert written[3] == "| speed | 200 records/s | 100 floor | 2.00 x | <= 1.30 x | MISSED |"
    assert len(written) == 6


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (0.05, "0.05"), (1.239, "1.24"), (99.96, "100"), (1_234_567.0, "1 234 567")],
)
def test_numbers_have_three_digits(amount: float, text: str) -> None:
    assert number(amount) == text


def test_the_exit_code_tells_a_missed_goal_and_a_failed_benchmark() -> None:
    met = Outcome("a", (_times(130, 100, Goal(1.3)), Figure("told", "s", 5.0)))
    assert exit_code([met, met]) == 0
    assert exit_code([met, Outcome("b", (_times(131, 100, Goal(1.3)),))]) == 1
    assert exit_code([met, Outcome("c", failure="crashed")]) == 1


def _run(monkeypatch: pytest.MonkeyPatch, found: Outcome, *words: str) -> Any:
    monkeypatch.setattr(program, "outcome", lambda key, _full: Outcome(key, found.figures))
    return CliRunner().invoke(program.main, [*words])


def test_the_program_ends_with_1_when_a_goal_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, code in ((130, 0), (131, 1)):
        found = Outcome("", (_times(value, 100, Goal(1.3)),))
        done = _run(monkeypatch, found, "--only", "intake", "--json")
        assert done.exit_code == code
        [one] = json.loads(done.stdout)["benchmarks"]
        assert one["benchmark"] == "intake"
        assert one["figures"][0]["met"] is (code == 0)


def test_a_name_that_is_no_benchmark_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    done = _run(monkeypatch, Outcome(""), "--only", "polka")
    assert done.exit_code == 2
    assert "there are polling" in done.output


def test_each_benchmark_has_a_name_of_its_own() -> None:
    keys = [bench.key for bench in BENCHES]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import time; time.sleep(60)", "took more than 0.5 s"),
        ("print('[]')", ""),
    ],
)
def test_a_benchmark_that_fails_or_hangs_is_told_and_ended(
    code: str, failure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "one.py"
    script.write_text(code)
    monkeypatch.setattr(program, "python", lambda *_: [sys.executable, str(script)])
    monkeypatch.setattr(program, "PATIENCE", {False: 0.5 if "sleep" in code else 30.0})
    assert program.outcome("polling", full=False) == Outcome("polling", failure=failure)
