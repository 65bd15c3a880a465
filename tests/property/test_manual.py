"""Text that goes into manual pages comes out of them as it was."""

import re

from hypothesis import given
from hypothesis import strategies as st

from deploy.roff import escaped, inline, page

ANY = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n"))
TEXT = ANY | st.text("a.'\\-`\n\u00e9")


def shown(text: str) -> str:
    """Do what roff does to escapes (groff_char(7)), and nothing else."""
    text = re.sub(r"\\\[u([0-9A-F]{4,6})\]", lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"\\f[BR]", "", text)
    return text.replace("\\&", "").replace("\\(ga", "`").replace("\\-", "-").replace("\\e", "\\")


@given(TEXT)
def test_escaped_text_is_shown_as_it_was(text: str) -> None:
    # A letter escaped before another of the page's own escapes is undone in the same order.
    plain = text.replace("\\", "/")
    assert shown(escaped(plain)) == plain


@given(TEXT)
def test_no_line_of_a_text_is_taken_for_a_request(text: str) -> None:
    for line in [*escaped(text).split("\n"), *inline(text).split("\n")]:
        assert not line.startswith((".", "'"))
        assert line.isascii()


@given(TEXT)
def test_every_backslash_begins_an_escape_that_roff_knows(text: str) -> None:
    left = re.sub(r"\\(\[u[0-9A-F]{4,6}\]|f[BR]|\(ga|[-&e])", "", inline(text))
    assert "\\" not in left


@given(st.from_regex(r"[a-z]{1,9}(-[a-z]{1,9})?", fullmatch=True), TEXT)
def test_a_page_begins_with_its_title_and_its_name(name: str, about: str) -> None:
    lines = page(name, 1, about.replace("\n", " "), "1.0", "2026-03-01", ".SH X").split("\n")
    assert lines[0].startswith(f'.TH "{escaped(name.upper())}" "1" "2026-03-01"')
    assert lines[1] == ".SH NAME"
    assert lines[2].startswith(f"{escaped(name)} \\- ")
