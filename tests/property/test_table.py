"""Tables for people: whatever the width, nothing is lost and nothing acts on the screen."""

from hypothesis import given, settings
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
