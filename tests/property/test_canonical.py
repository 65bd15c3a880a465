"""The quick canonical form is the canonical form, byte for byte, or the same refusal."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.canonical import canonical
from gateway.seal import parse
from gateway.wire import VERSION

numbers = st.one_of(
    st.integers(),
    st.integers(-(2**55), 2**55),
    st.floats(),
    st.floats(1e-8, 1e-3),
    st.floats(1e14, 1e23),
    st.integers(-1000, 1000).map(float),
)
ascii_ = st.text(st.characters(max_codepoint=127), max_size=4)
texts = st.one_of(
    st.text(), ascii_, st.sampled_from([":1e5", ",9999999999999999", "[1.0]", '"', "\x7f"])
)


def _values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.one_of(st.none(), st.booleans(), numbers, texts),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(texts, inner)),
        max_leaves=8,
    )


def _outcome(write: Any, content: object) -> object:
    try:
        return write(content)
    except ValueError as error:
        return type(error)


@given(st.one_of(_values(texts), _values(ascii_)))
@example({"a": 1.0, "b": [2.0], "c": -0.0})
@example([1e16, 1e-5, 1e-7, 1e21, 5e-324])
@example([2**53 - 1, -(2**53) + 1])
@example([2**53])
@example([2**60])
@example({"b": 1, "a": 2})
@example([-(2**53)])
@example({"￿": 1, "\U00010000": 2})
@example(1.0)
@example(float("nan"))
@example("\ud800")
def test_the_quick_form_is_the_canonical_form(content: object) -> None:
    assert _outcome(canonical, content) == _outcome(rfc8785.dumps, content)


@pytest.mark.parametrize("content", [{1, 2}, object(), b"bytes"])
def test_what_is_not_json_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match="unsupported type"):
        canonical(content)


@given(st.one_of(_values(texts), _values(ascii_)))
@example([1e16, 1e-5, 1e-7, 1e21, 5e-324, 1.7976931348623157e308])
def test_what_is_written_is_read_as_the_same_values(content: object) -> None:
    try:
        written = canonical({"v": VERSION, "content": content})
    except ValueError:
        return
    assert parse(written) == json.loads(written)
