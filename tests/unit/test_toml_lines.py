"""Lines of keys in TOML text."""

from pathlib import Path

import pytest

from config import scan, toml
from config.errors import ConfigError
from config.load import planned
from config.toml import parse, read

PLANT = '[plant]\nname = "P"\nowner = "O"\n[sources.a]\nprotocol = "modbus-tcp"\nhost = "h"\n'
POINTS = '[sources.a.points]\np = { register = 40001, type = "uint16", unit = "1" }\n'

TEXT = '''\
# a comment with [a.table] and key = 1
title = """
several
lines = "not a key"
"""

[plant] # [not.this]
name = 'It # is'
"quoted key" = 1
dotted.inner."x.y" = 2

[sources.belt.points]
rate = { unit = "t/h", plausible = [
  0, # lowest
  80,
] }

[[members]]
name = "first"

[[members]]
name = "second"
[members.more]
deep = [[1], [2,
  3]]
when = 1979-05-27 07:32:00
after = true
'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("title",), 2),
        (("plant",), 7),
        (("plant", "name"), 8),
        (("plant", "quoted key"), 9),
        (("plant", "dotted"), 10),
        (("plant", "dotted", "inner", "x.y"), 10),
        (("sources",), 12),
        (("sources", "belt", "points", "rate", "unit"), 13),
        (("sources", "belt", "points", "rate", "plausible"), 13),
        (("sources", "belt", "points", "rate", "plausible", 0), 14),
        (("sources", "belt", "points", "rate", "plausible", 1), 15),
        (("members",), 18),
        (("members", 0), 18),
        (("members", 0, "name"), 19),
        (("members", 1), 21),
        (("members", 1, "name"), 22),
        (("members", 1, "more", "deep", 1, 1), 25),
        (("members", 1, "more", "when"), 26),
        (("members", 1, "more", "after"), 27),
    ],
)
def test_each_key_is_found_on_its_line(key: tuple[str | int, ...], line: int) -> None:
    assert parse(TEXT, "f").line(key) == line


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("\ta =\t[1]\n\tb = 2\n", {("a",): 1, ("a", 0): 1, ("b",): 2}),
        ("# of a, b = 1\na = 1 # or 2, c = 3\nd = 4\n", {("a",): 2, ("d",): 3}),
        ("a = '''\n'it'''''\nb = 1\n", {("a",): 1, ("b",): 3}),
        ("[a.b]\n[a]\n", {("a",): 2, ("a", "b"): 1}),
        ("a.b = 1\na.c = 2\n", {("a",): 1, ("a", "b"): 1, ("a", "c"): 2}),
    ],
)
def test_every_key_and_no_other_is_found(text: str, lines: dict[tuple[str | int], int]) -> None:
    assert parse(text, "f").lines == lines


def test_a_key_that_is_not_there_has_the_line_of_its_table() -> None:
    document = parse(TEXT, "f")
    assert document.line(("plant", "owner")) == 7
    assert document.line(("sources", "belt", "points", "rate", "typo", 3)) == 13
    assert document.line(("nothing",)) == 1


def test_carriage_returns_do_not_move_lines() -> None:
    assert parse(TEXT.replace("\n", "\r\n"), "f").lines == parse(TEXT, "f").lines


def test_only_a_mistake_costs_the_search_for_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanned: list[str] = []
    whole = scan.Scan.run

    def run(scan: scan.Scan) -> dict[toml.Key, int]:
        scanned.append(scan.text)
        return whole(scan)

    monkeypatch.setattr(scan.Scan, "run", run)
    file = tmp_path / "plant.toml"
    planned(parse(PLANT + POINTS, str(file)), file, {})
    assert scanned == []
    with pytest.raises(ConfigError, match=r"plant\.toml:7: "):
        planned(parse(PLANT + "evry = 1\nhots = 1\n" + POINTS, str(file)), file, {})
    assert len(scanned) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\nb = \n", 2),
        ("a = 1\n\na = 2\n", 3),
        ('a = 1\nb = "open\n', 2),
        ("[a]\n[a]\n", 2),
        ("a = [1,\n\n", 1),
        ("a = " + "[" * 5000, 1),
        ("a = " + "1" * 5000, 1),
    ],
)
def test_a_syntax_error_names_its_line(text: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "plant.toml")
    assert [problem.line for problem in caught.value.problems] == [line]
    assert str(caught.value).startswith(f"plant.toml:{line}: ")


def test_a_file_that_is_not_utf_8_names_the_line_of_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_bytes(b'[plant]\nname = "K\xf8benhavn"\n')
    with pytest.raises(ConfigError, match=r"plant\.toml:2: a byte that is not UTF-8"):
        read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.toml")
