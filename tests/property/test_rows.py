"""Lists of points read by a pattern mean what the parser says, in every text."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config import rows, toml
from config.errors import ConfigError

EXAMPLES = sorted((Path(__file__).parents[2] / "config").glob("**/*.toml"))
VALUES = st.sampled_from(
    [
        '"t/h"',
        '""',
        '"a = 1, }"',
        '"æ # {"',
        "0",
        "-7",
        "+7",
        "40001",
        "1.50",
        "-0.0",
        "true",
        "false",
    ]
)
KEYS = st.sampled_from(["register", "unit", "a", "b-c", "d_1"])
PAIRS = st.builds("{} = {}".format, KEYS, VALUES)
TABLES = st.lists(PAIRS, min_size=1, max_size=3, unique_by=lambda pair: pair.split(" =")[0])
ROWS = st.builds(
    "{{ {} }}{}".format, TABLES.map(", ".join), st.sampled_from(["", " ", " # b = 1 }"])
)


ODD = st.sampled_from(
    [
        "[a]", "[a.b]", "[[a]]", "[[a.c]]", "[a.p3]", "[p3]", "[a.p3.d]", "# [a]", "", "p3.d = 1",
        "p3 = 1", "p99 = { a = 1 }", "x = [", "]", "[1]", ",", "x = { y = [", "] }", 'z = """',
        '"""', "w = '''", "'''", "rows- = 1", "rows-0 = 0", "a = 1 # no \x01", "{", "}",
    ]
)  # fmt: skip
STRANGE = st.sampled_from(
    [
        "{ a = 1, a = 2 }", "{ a = 01 }", "{ a = 1_0 }", "{ a = 0x1f }", "{ a = 1e5 }",
        "{ a = 1. }", "{ a = nan }", "{ a = 'x' }", r'{ a = "\t" }', '{ a = "\t" }', "{}",
        "{ a = [1, 2] }", "{ a = 1, }", "{ a.b = 1 }", '{ "a" = 1 }', "{ a = 2026-01-01 }",
        "{ a = 1 } x", "{ a = }", "{ a = 1000000000000000000000 }", "{ a = { b = 1 } }",
        "{ a = 1", "{ a = true1 }", '{ a = "\x01" }', '{ a = "x }', "{ a = 1__0 }",
    ]
)  # fmt: skip


@st.composite
def lists(draw: st.DrawFn) -> str:
    """Give a list of rows long enough to be taken out: now and then with one that is strange."""
    head = draw(st.sampled_from(["p", "q", "rows-"]))
    bodies = draw(st.lists(ROWS, min_size=8, max_size=11))
    names = [*range(len(bodies)), draw(st.sampled_from([99, 99, 0]))]
    bodies.insert(draw(st.integers(0, len(bodies))), draw(ROWS | STRANGE))
    return "".join(f"{head}{name} = {body}\n" for name, body in zip(names, bodies, strict=True))


LINES = ODD.map("{}\n".format) | st.builds("s = {}\n".format, STRANGE)
TEXTS = st.lists(lists() | LINES, max_size=8).map("".join)
EIGHT = "".join(f"p{number} = {{ a = {number} }}\n" for number in range(8))


def outcome(text: str) -> str:
    try:
        return repr(dict(toml.parse(text, "file.toml").data))
    except ConfigError as error:
        return str(error)


def parsed(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch:
        patch.setattr(rows, "read", lambda _: None)
        return outcome(text)


@given(TEXTS)
@example(f"[a]\n{EIGHT}[a.p3]\nx = 1\n")
@example(f"[a]\n{EIGHT}p3.d = 1\n")
@example(f"[a]\n{EIGHT}[a.b]\n{EIGHT}[a]\n")
@example(f'[a]\nx = """\n{EIGHT}"""\n')
@example(f"[a]\nx = [\n{EIGHT}]\n")
@example(f"[a]\nx = {{ y = [\n{EIGHT}] }}\n")
@example(f'x = """\n{EIGHT}"""\nrows-0 = 0\nrows-1 = 0\n')
@example(f"z = 1\n{EIGHT}y = 1\n[a]\n{EIGHT}")
def test_a_text_means_what_the_parser_says(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert outcome(text) == parsed(text, patch)


@pytest.mark.parametrize(
    "before", ["", "[a.b]\n", "x = [1]\n[c]\ny = 1\n[d.e]\n", "[[a]]\n[[a]]\n"]
)
def test_the_parser_is_not_given_lists(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def loads(rest: str) -> dict[str, object]:
        given.append(rest)
        return tomllib.loads(rest)

    monkeypatch.setattr(rows, "tomllib", SimpleNamespace(loads=loads))
    data = toml.parse(f"{before}{EIGHT}z = 1\n", "file.toml").data
    assert str(data).count("'a': 7") == 1
    assert ["{" in rest for rest in given] == [False]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_files_of_ours_mean_what_the_parser_says(path: Path) -> None:
    text = path.read_text()
    assert outcome(text) == repr(tomllib.loads(text))
