"""`sidestream profiles`: what is known, where it is from, and profiles of one's own."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agent.cli.group import sidestream
from config.profile import BUILT_IN, names
from tests.unit.test_profiles import OWN, own

SCALE = """\
title = "Own scale"
source = "its maker"
confidence = "documented"
protocols = ["opcua"]
[[settings.identity]]
what = "serial number"
node = "nsu=urn:own;s=Serial"
accepted = ["A 7"]
[points]
net = { node = "nsu=urn:own;s=Net", unit = "kg" }
state = { node = "nsu=urn:own;s=State", good = [1, 2] }
"""


def run(folder: Path, *words: str) -> Result:
    words = ("profiles", "--beside", str(folder / "plant.toml"), *words)
    return CliRunner().invoke(sidestream, words)


def test_a_profile_of_ones_own_is_listed_with_where_it_is(tmp_path: Path) -> None:
    own(tmp_path)
    found = run(tmp_path)
    assert found.exit_code == 0
    (line,) = [line for line in found.stdout.splitlines() if line.strip().startswith("own ")]
    assert "beside plant file" in line
    listed = {row["name"]: row for row in json.loads(run(tmp_path, "--json").stdout)}
    assert listed["own"]["file"] == str(tmp_path / "profiles" / "own.toml")
    assert listed["laumas-tlu"]["origin"] == "built in"


def test_a_profile_that_hides_a_shipped_one_says_so(tmp_path: Path) -> None:
    own(tmp_path, OWN, "laumas-tlu")
    for words in ((), ("laumas-tlu",)):
        assert f"hides {BUILT_IN / 'laumas-tlu.toml'}" in run(tmp_path, *words).stdout
    document = json.loads(run(tmp_path, "laumas-tlu", "--json").stdout)
    assert document["hides"] == [str(BUILT_IN / "laumas-tlu.toml")]
    assert "hides" not in run(tmp_path, "siemens-bw500").stdout


def test_a_mistake_is_told_with_file_and_line_and_the_others_are_listed(tmp_path: Path) -> None:
    own(tmp_path, OWN.replace("float32", "float23"))
    found = run(tmp_path)
    assert found.exit_code != 0
    assert "laumas-tlu" in found.stdout
    told = str(found.exception) + found.output
    assert f"{tmp_path / 'profiles' / 'own.toml'}:8" in told


def test_a_profile_of_opc_ua_shows_nodes_identity_and_good_values(tmp_path: Path) -> None:
    own(tmp_path, SCALE, "scale")
    text = run(tmp_path, "scale").stdout
    for part in ("nsu=urn:own;s=Net", "serial number in node nsu=urn:own;s=Serial is A 7", "1, 2"):
        assert part in text


@pytest.mark.parametrize("name", sorted(names((BUILT_IN,))))
def test_every_shipped_profile_shows_points_source_confidence_and_traps(
    tmp_path: Path, name: str
) -> None:
    document = json.loads(run(tmp_path, name, "--json").stdout)
    shown = run(tmp_path, name).stdout.replace("\n", " ")
    assert document["source"] in shown
    assert f"({document['confidence']})" in shown
    for row in document["points"]:
        assert row["point"] in shown
    for note in document["notes"]:
        assert " ".join(note.split()) in " ".join(shown.split())
