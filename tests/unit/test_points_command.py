"""`sidestream points`: from a plant file to a spreadsheet and back, with mistakes by row."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.group import sidestream
from config.errors import ConfigError
from config.load import load_plant
from tests.unit.test_profiles import PLANT

SOURCE = """profile = "siemens-bw500"
[sources.m.points]
rate = { unit = "t/h", plausible = [0, 80.5] }
total_1 = { unit = "t" }
"""


def call(*words: str) -> Result:
    return CliRunner().invoke(sidestream, ["points", *words])


def plant(folder: Path, text: str = SOURCE) -> str:
    (folder / "plant.toml").write_text(PLANT + text, "utf-8")
    return str(folder / "plant.toml")


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_exported_points_give_the_same_source_again(tmp_path: Path, delimiter: str) -> None:
    file = plant(tmp_path)
    before = load_plant(Path(file), {}).sources[0].settings.points
    output = str(tmp_path / "points.csv")
    assert call("export", file, "m", "--delimiter", delimiter, "--output", output).exit_code == 0
    plant(tmp_path, 'points = "points.csv"\n')
    assert load_plant(Path(file), {}).sources[0].settings.points == before


def test_points_go_to_a_file_and_come_back_as_lines_of_a_plant_file(tmp_path: Path) -> None:
    file = plant(tmp_path)
    before = load_plant(Path(file), {}).sources[0].settings.points
    (tmp_path / "points.csv").write_text(call("export", file, "m").output, "utf-8")
    lines = call("import", str(tmp_path / "points.csv"), "--source", "m").output
    plant(tmp_path, lines)
    assert load_plant(Path(file), {}).sources[0].settings.points == before


def test_an_exported_file_is_not_overwritten(tmp_path: Path) -> None:
    output = tmp_path / "points.csv"
    output.write_text("mine")
    found = call("export", plant(tmp_path), "m", "--output", str(output))
    assert "File exists" in str(found.exception)
    assert output.read_text() == "mine"


def test_a_source_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    found = call("export", plant(tmp_path), "n")
    assert (found.exit_code, "no source 'n'; there are m" in found.output) == (2, True)


def test_every_mistake_of_an_imported_file_is_told_by_row_and_column(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("name,register,type\na,40001,flot\nb,,int32\nc,40005,int32\n")
    found = call("import", str(file)).exception
    assert isinstance(found, ConfigError)
    assert [(problem.line, problem.key) for problem in found.problems] == [
        (2, "column C (type) of point a"),
        (3, "column B (register) of point b"),
    ]


def test_points_of_another_protocol_have_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "points.csv"
    file.write_text("name;node;unit\nflow;ns=2;m3/h\n")
    found = call("import", str(file), "--protocol", "opcua").exception
    assert isinstance(found, ConfigError)
    assert found.problems[0].key == "column B (node) of point flow"
    file.write_text('name;node;unit\nflow;"ns=2;s=Flow";m3/h\n')
    text = call("import", str(file), "--protocol", "opcua").output
    assert text.splitlines()[1] == 'flow = { unit = "m3/h", node = "ns=2;s=Flow" }'
