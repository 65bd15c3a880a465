"""Points from a spreadsheet: what a plant file takes from a CSV, and its mistakes by row."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_profiles import load, problems, settings

GOOD = (
    "name;register;type;unit;plausible;sentinels;scale\n"
    'flow;40001;float32;m3/h;0 80,5;;1\ntotal; 40003 ;uint32;m3;;"-1 4294967295";0,001\n'
)


def write(folder: Path, text: str, encoding: str = "utf-8") -> str:
    (folder / "points.csv").write_text(text, encoding)
    return 'points = "points.csv"\n'


def said(folder: Path, text: str, more: str = "") -> list[tuple[int, str, str]]:
    found = problems(folder, more + write(folder, text))
    assert {problem.file for problem in found} == {str(folder / "points.csv")}
    return [(problem.line, problem.key, problem.found) for problem in found]


def test_points_come_from_a_file_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    found = settings(tmp_path, write(tmp_path, GOOD, "utf-8-sig")).points
    assert found["flow"].plausible == (0.0, 80.5)
    assert (found["total"].scale, found["total"].sentinels) == (0.001, (-1.0, 4294967295.0))


def test_points_come_from_a_file_with_commas(tmp_path: Path) -> None:
    text = 'name,register,type,plausible,unit\n\nflow,40001,float32,"0, 80.5",m3/h\n'
    assert settings(tmp_path, write(tmp_path, text)).points["flow"].plausible == (0.0, 80.5)


def test_a_file_completes_the_points_of_a_profile(tmp_path: Path) -> None:
    text = 'profile = "siemens-bw500"\n' + write(tmp_path, "name,unit\nrate,t/h\n")
    assert settings(tmp_path, text).points["rate"].number == 41010


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,register\na,x1\n", (2, "column B (register) of point a", '"x1"')),
        ("name,register,type\n\na,40001,flot\n", (3, "column C (type) of point a", '"flot"')),
        ("name,registr\na,1\n", (1, "column B", 'unknown key "registr"')),
        ("name,unit\na,t\n", (2, "register of point a", "missing")),
        ("register\n40001\n", (1, "", "no column name")),
        ("name,register\na,40001\na,40002\n", (3, "column A (name)", '"a"')),
        ("name,register\n,40001\n", (2, "column A (name)", "missing")),
        ("name,register\na,40001,9\n", (2, "column C", '"9" below no key')),
        ("name,name\n", (1, "column B", 'a second column "name"')),
        ('name,register\n"a,40001\n', (2, "", "not CSV: unexpected end of data")),
        ("", (1, "", "an empty file")),
    ],
)
def test_a_mistake_is_told_with_its_row_and_column(
    tmp_path: Path, text: str, expected: tuple[int, str, str]
) -> None:
    assert expected in said(tmp_path, text)


def test_rows_wrong_by_the_sources_settings_are_all_named(tmp_path: Path) -> None:
    text = "name,register,type\na,1,uint16\nb,70000,uint16\nc,0,uint16\n"
    found = problems(tmp_path, 'numbering = "1-based"\n' + write(tmp_path, text))
    assert [(problem.line, problem.key) for problem in found] == [(3, "point b"), (4, "point c")]
    assert "register 70000 is not in 1 to 65536" in found[0].accepted


def test_a_mistake_of_the_source_itself_is_not_blamed_on_rows(tmp_path: Path) -> None:
    text = "device = 3\n" + write(tmp_path, "name,register\na,40001\n")
    (problem,) = problems(tmp_path, text)
    assert (problem.line, problem.key) == (7, "sources.m.device")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, 'points = "other.csv"\n')
    assert problem.file.endswith("other.csv")
    assert "cannot be read" in problem.found


def test_a_stream_may_use_a_point_of_a_file(tmp_path: Path) -> None:
    text = '[streams.s]\nkind = "water"\nmeter = { rate = "m.flow" }\n'
    plan: Any = load(tmp_path, write(tmp_path, GOOD) + text)
    assert plan.streams[0].meter.inputs["rate"].point == "flow"
