"""Addresses of OPC UA nodes: what is written is what is asked for, and nothing else is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.opcua.address import BASE, Named, NodeAddress, PathAddress, named, parse

_index = st.integers(0, 0xFFFF)
_uri = st.text(st.characters(codec="utf-8"), min_size=1)
_space = _index | _uri
_numeric = st.builds(NodeAddress, _space, st.just("i"), st.integers(0, 0xFFFFFFFF))
_text = st.builds(
    NodeAddress, _space, st.just("s"), st.text(st.characters(codec="utf-8"), min_size=1)
)
_guid = st.builds(NodeAddress, _space, st.just("g"), st.uuids())
_bytes = st.builds(NodeAddress, _space, st.just("b"), st.binary(min_size=1))
_name = st.text(st.characters(codec="utf-8"), min_size=1)
_path = st.builds(PathAddress, st.lists(st.tuples(_space, _name), min_size=1).map(tuple))


@given(_numeric | _text | _guid | _bytes)
def test_a_node_id_reads_back_as_it_was_written(address: NodeAddress) -> None:
    assert parse(str(address)) == address


@given(_path)
def test_a_browse_path_reads_back_as_it_was_written(address: PathAddress) -> None:
    if address.steps[0] == (0, "Root") and len(address.steps) > 1:
        assert parse(str(address)) == PathAddress(address.steps[1:])
    else:
        assert parse(str(address)) == address


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        found = parse(text)
    except ValueError:
        return
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ns=2;s=Belt.Rate", NodeAddress(2, "s", "Belt.Rate")),
        ("i=2258", NodeAddress(0, "i", 2258)),
        ("ns=3;s=a;b=c", NodeAddress(3, "s", "a;b=c")),
        (
            "nsu=http://example.org/a=b%3Bc;s=Rate",
            NodeAddress("http://example.org/a=b;c", "s", "Rate"),
        ),
        ("/Objects/2:Line1/2:Flow", PathAddress(((0, "Objects"), (2, "Line1"), (2, "Flow")))),
        ("/Root/Objects/2:Flow", PathAddress(((0, "Objects"), (2, "Flow")))),
        ("/Objects/2:m3&/h", PathAddress(((0, "Objects"), (2, "m3/h")))),
        (
            "/Objects/nsu=http://example.org/belt;m3&/h/2:Flow",
            PathAddress(((0, "Objects"), ("http://example.org/belt", "m3/h"), (2, "Flow"))),
        ),
        ("/0:nsu=a;b", PathAddress(((0, "nsu=a;b"),))),
    ],
)
def test_the_three_forms_are_told_apart(text: str, address: NodeAddress | PathAddress) -> None:
    assert parse(text) == address


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "browse path"),
        ("Belt.Rate", "ns=2;s=Belt.Rate"),
        ("ns=2", "ns=2;s=Belt.Rate"),
        ("ns=70000;i=1", "65535"),
        ("i=4294967296", "4294967295"),
        ("i=-1", "4294967295"),
        ("g=nonsense", "GUID"),
        ("b=*", "base 64"),
        ("nsu=;s=x", "ns=2;s=Belt.Rate"),
        ("svr=1;i=1", "ns=2;s=Belt.Rate"),
        ("/", "2:Flow"),
        ("/Objects//2:Flow", "2:Flow"),
        ("/70000:Flow", "2:Flow"),
    ],
)
def test_what_is_no_address_is_refused_with_the_form_wanted(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint.replace("/", ".")):
        parse(text)


@given(st.builds(Named, _uri, _name))
def test_a_name_reads_back_as_it_was_written(found: Named) -> None:
    if "=" not in found.name or found.space != BASE:
        assert named(str(found)) == found


def test_a_name_without_a_namespace_is_the_standards_own() -> None:
    assert named("PropertyType") == (BASE, "PropertyType")
    for text in ("", "i=68", "nsu=;x"):
        with pytest.raises(ValueError, match="PADIM"):
            named(text)
