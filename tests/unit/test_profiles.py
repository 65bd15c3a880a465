"""Device profiles: found by name, laid under what the plant file says, and mended by line."""

from pathlib import Path
from typing import Any

import pytest

from adapters.errors import PermanentError
from config.errors import ConfigError, Problem
from config.load import load_plant
from config.plan import PlantPlan
from config.profile import BUILT_IN, every, folders, names, profile

NAMES = sorted(names((BUILT_IN,)))
PLANT = '[plant]\nname = "a"\nowner = "b"\n[sources.m]\nprotocol = "modbus-tcp"\nhost = "h"\n'
OWN = """\
title = "Own meter"
source = "its manual"
confidence = "documented"
protocols = ["modbus-tcp"]
[settings]
numbering = "1-based"
[points]
flow = { register = 5, type = "float32", unit = "m3/h" }
"""


def load(folder: Path, text: str) -> PlantPlan:
    (folder / "plant.toml").write_text(PLANT + text, "utf-8")
    return load_plant(folder / "plant.toml", {})


def settings(folder: Path, text: str) -> Any:
    return load(folder, text).sources[0].settings


def problems(folder: Path, text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return list(caught.value.problems)


def own(folder: Path, text: str = OWN, name: str = "own") -> None:
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{name}.toml").write_text(text, "utf-8")


def test_the_meters_promised_have_a_profile() -> None:
    assert {
        "kamstrup-multical-403",
        "kamstrup-multical-603",
        "kamstrup-multical-803",
        "endress-hauser-promag-53",
        "endress-hauser-promass-84",
        "endress-hauser-scan-list",
        "siemens-mag-6000",
        "siemens-mass-6000",
        "siemens-bw500",
        "schenck-intecont-satus",
        "laumas-tlu",
        "flintec-ft-112",
        "opcua-pa-dim",
        "opcua-scales",
        "opcua-scales-1",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_profile_is_sound_and_says_where_it_is_from(name: str) -> None:
    found = profile(name, (BUILT_IN,)).file
    assert found.title
    assert found.source
    assert not found.unsure or found.notes


def test_a_source_takes_points_and_settings_from_its_profile(tmp_path: Path) -> None:
    found = settings(tmp_path, 'profile = "siemens-mag-6000"\n')
    assert found.points["volume_flow"].unit == "m3/s"
    assert found.place(found.points["volume_flow"].number, None) == ("holding", 3002)
    assert [one.accepted for one in found.identity] == [(42,), (24,)]


def test_what_the_plant_file_says_wins_over_the_profile(tmp_path: Path) -> None:
    text = """profile = "siemens-mag-6000"
order = "little-swapped"
[sources.m.points]
total_1 = { plausible = [0, 1e9] }
volume_flow = { unit = "m3/h" }
extra = { register = 403101, type = "uint16" }
"""
    found = settings(tmp_path, text)
    assert found.order == "little-swapped"
    assert (found.points["total_1"].plausible, found.points["total_1"].number) == (
        (0.0, 1e9),
        403015,
    )
    assert found.points["extra"].number == 403101
    assert found.points["volume_flow"].unit == "m3/h"


def test_a_point_that_needs_a_key_is_left_out_until_it_is_given(tmp_path: Path) -> None:
    assert "flow" not in settings(tmp_path, 'profile = "kamstrup-multical-603"\n').points
    text = 'profile = "kamstrup-multical-603"\npoints.flow = { unit = "m3/h" }\n'
    assert settings(tmp_path, text).points["flow"].unit == "m3/h"


def test_a_stream_of_an_incomplete_point_is_told_what_it_needs(tmp_path: Path) -> None:
    text = 'profile = "siemens-bw500"\n[streams.s]\nmaterial = "10 09 03"\n'
    (problem,) = problems(tmp_path, f'{text}meter = {{ total = "m.total_1" }}\n')
    assert problem.hint == ("its profile needs more: total_1 = { unit = … } in [sources.m.points]")


def test_an_unknown_profile_is_refused_with_the_one_meant(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, 'profile = "siemens-mag-600"\n')
    assert (problem.line, problem.key) == (7, "sources.m.profile")
    assert problem.hint == "did you mean `siemens-mag-6000`?"


def test_a_profile_of_another_protocol_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, 'profile = "opcua-pa-dim"\n')
    assert (problem.line, problem.accepted) == (5, "opcua")


def test_a_profile_beside_the_plant_file_is_found_and_wins(tmp_path: Path) -> None:
    own(tmp_path)
    own(tmp_path, OWN, "laumas-tlu")
    assert settings(tmp_path, 'profile = "own"\n').points["flow"].unit == "m3/h"
    assert set(settings(tmp_path, 'profile = "laumas-tlu"\n').points) == {"flow"}


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ('"float32"', '"float23"', 8, "points.flow.type"),
        ("numbering", "nubering", 6, "settings.nubering"),
        ('["modbus-tcp"]', '["modbus"]', 4, "protocols"),
        ('confidence = "documented"', 'confidence = "sure"', 3, "confidence"),
        ("title", "titel", 1, "titel"),
    ],
)
def test_a_mistake_in_a_profile_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, key: str
) -> None:
    own(tmp_path, OWN.replace(old, new))
    found = problems(tmp_path, 'profile = "own"\n')
    assert (line, key) in [(problem.line, problem.key) for problem in found]
    assert {problem.file for problem in found} == {str(tmp_path / "profiles" / "own.toml")}


def test_a_broken_profile_does_not_hide_the_others(tmp_path: Path) -> None:
    own(tmp_path, OWN.replace("float32", "float23"))
    found, wrong = every(folders(tmp_path))
    assert [one.name for one in found] == [name for name in NAMES if name != "own"]
    assert len(wrong) == 1


def test_a_profile_may_be_like_another(tmp_path: Path) -> None:
    own(tmp_path, 'like = "laumas-tlu"\ntitle = "Twin"\n')
    found = profile("own", folders(tmp_path)).file
    assert (found.title, set(found.points)) == (
        "Twin",
        {*profile("laumas-tlu", (BUILT_IN,)).file.points},
    )
    own(tmp_path, 'like = "laumas-tl"\n', "other")
    with pytest.raises(ConfigError, match="laumas-tlu"):
        profile("other", folders(tmp_path))


def test_a_name_that_leaves_the_folder_is_no_profile(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no profile"):
        profile("../plant", folders(tmp_path))
