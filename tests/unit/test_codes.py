"""The user's list of waste codes: how it is read, and what it says of streams."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.codes import parse_codes
from config.errors import ConfigError
from tests.unit.test_load_plant import BASE, SOURCE, only, plan, problems

LIST = """\
# Our extract of the list of waste
# version: 2026-11-09
code,title,hazardous,note
10 09 03,Furnace slag,false,
100909,"Dust, from flues",true,x
10 09 10,Other dust,no,
19 12 12,,,
"""
CODES = '[codes]\nlist = "codes.csv"\n'


def stream(code: str) -> str:
    return f'[streams.slag]\nmaterial = "{code}"\nmeter = {{ total = "belt.total" }}\n'


def said(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse_codes(text, "codes.csv")
    return [(each.line, each.found, each.accepted or each.hint) for each in caught.value.problems]


def test_a_list_has_its_version_and_its_codes_as_plant_files_write_them() -> None:
    found = parse_codes(LIST, "lists/codes.csv")
    assert (found.file, found.version) == ("codes.csv", "2026-11-09")
    assert dict(found.titles) == {
        "10 09 03": "Furnace slag",
        "10 09 09*": "Dust, from flues",
        "10 09 10": "Other dust",
        "19 12 12": "",
    }


def test_semicolons_separate_as_well() -> None:
    found = parse_codes("# Version 7\ncode;title\n10 09 09*;Dust\n", "codes.csv")
    assert (found.version, dict(found.titles)) == ("7", {"10 09 09*": "Dust"})


def test_every_mistake_in_a_list_is_named_with_its_line() -> None:
    text = "code,hazardous\n10 09,false\n10 09 03,perhaps\n10 09 09*,false\n100910,\n10 09 10,\n"
    assert said(text) == [
        (1, "no version", "write its version above the header: # version: 2026-11-09"),
        (2, '"10 09"', 'a code, "10 09 03" or "10 09 09*"'),
        (3, '"10 09 03"', "true or false in the column hazardous"),
        (4, '"10 09 09*"', "no asterisk, as the column hazardous says false"),
        (6, '"10 09 10" for the second time', ""),
    ]


def test_a_file_without_the_column_code_is_no_list() -> None:
    assert said("# version: 1\nnumber,title\n")[0][:2] == (2, '"number,title"')


def test_a_list_without_a_code_is_refused() -> None:
    assert said("# version: 1\ncode\n") == [(0, "a list without a code", "")]


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_is_refused(text: str) -> None:
    with suppress(ConfigError):
        assert parse_codes(text, "codes.csv").titles


def with_list(folder: Path, code: str, text: str = LIST) -> str:
    (folder / "codes.csv").write_text(text, "utf-8")
    return BASE + CODES + SOURCE + stream(code)


def test_a_code_of_the_list_is_taken(tmp_path: Path) -> None:
    found = plan(tmp_path, with_list(tmp_path, "100909*"))
    assert found.codes is not None
    assert (found.codes.version, found.streams[0].code) == ("2026-11-09", "10 09 09*")


def test_a_code_that_the_list_does_not_have_is_refused_with_the_nearest(tmp_path: Path) -> None:
    problem = only(tmp_path, with_list(tmp_path, "10 09 04"))
    assert problem.key == "streams.slag.material"
    assert problem.found == '"10 09 04", which codes.csv (2026-11-09) does not have'
    assert problem.accepted == "10 09 03, 10 09 09*, 10 09 10"
    assert problem.hint == "did you mean `10 09 03` (Furnace slag)?"


@pytest.mark.parametrize(("code", "meant"), [("10 09 09", "10 09 09*"), ("10 09 03*", "10 09 03")])
def test_an_asterisk_too_many_or_too_few_is_seen(tmp_path: Path, code: str, meant: str) -> None:
    assert f"`{meant}`" in only(tmp_path, with_list(tmp_path, code)).hint


def test_without_a_list_the_form_of_a_code_is_enough(tmp_path: Path) -> None:
    found = plan(tmp_path, BASE + SOURCE + stream("99 99 98"))
    assert (found.codes, found.streams[0].code) == (None, "99 99 98")


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    problem = only(tmp_path, BASE + CODES + SOURCE + stream("10 09 03"))
    assert problem.file.endswith("codes.csv")
    assert "cannot be read" in problem.found


def test_mistakes_in_the_list_and_in_the_plant_file_are_told_together(tmp_path: Path) -> None:
    text = with_list(tmp_path, "10 09 03", "code\n10 09 03\n").replace("[codes]", "[codes]\nx = 1")
    assert [each.found for each in problems(tmp_path, text)] == ["unknown key"]
    text = with_list(tmp_path, "1", "code\n10 09 03\n")
    assert {each.found for each in problems(tmp_path, text)} == {"no version", '"1"'}
