"""Tables for people: whatever the width, nothing is lost and nothing acts on the screen."""

import textwrap

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.cli.table import table, text, wrapped

PIECES = ("belt", "ør-a", "127.0.0.1:502", "x", "→", "a_long_name_of_a_source")
WORDS = st.lists(st.sampled_from(PIECES), max_size=3).map(" ".join)
ROWS = st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=5)
COLUMNS = ("source", "since (UTC)", "error")
ANYTHING = st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans())


def plain(_: str, padded: str) -> str:
    return padded


@settings(deadline=None)
@given(ROWS, st.integers(40, 200))
def test_every_word_of_every_cell_is_shown_in_order(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    shown = "".join("".join(table(COLUMNS, rows, width, plain)).split())
    at = 0
    for cell in (cell for row in rows for cell in row[:2]):
        at = shown.index("".join(cell.split()), at)


@settings(deadline=None)
@given(ROWS, st.integers(80, 200))
def test_no_line_is_wider_than_the_terminal(rows: list[tuple[str, str, str]], width: int) -> None:
    assert all(len(line) <= width for line in table(COLUMNS, rows, width, plain))


@settings(deadline=None)
@given(ANYTHING)
def test_no_cell_can_act_on_the_terminal(cell: object) -> None:
    assert all(char.isprintable() or char == "\n" for char in text(cell))


@settings(deadline=None)
@given(st.text(), st.integers(1, 120))
def test_a_wrapped_text_keeps_every_word(words: str, width: int) -> None:
    assert "".join("".join(wrapped(words, width)).split()) == "".join(words.split())


PHRASES = st.lists(st.sampled_from([*PIECES, " ", "  ", "\n", "\t", "\u2028", "\xa0"]), max_size=9)


@settings(deadline=None)
@given(PHRASES.map("".join), st.integers(1, 60), st.sampled_from(["", "  ", "    "]))
@example("x" * 58, 60, "  ")
@example("x" * 59, 60, "  ")
@example("x\xa0x", 60, "")
def test_a_line_that_fits_is_as_one_that_was_looked_at_for_breaks(
    words: str, width: int, indent: str
) -> None:
    expected: list[str] = []
    for line in words.split("\n"):
        start = indent + line[: len(line) - len(line.lstrip())]
        room = max(len(start) + 8, width)
        given = {"initial_indent": start, "subsequent_indent": start}
        broken = textwrap.wrap(line.strip(), room, **given, break_on_hyphens=False)  # type: ignore[arg-type]
        expected += broken or [indent]
    assert wrapped(words, width, indent) == expected
