"""Contents: the quick way takes what the models take, says the same of it, and refuses nothing."""

import json
from typing import Any, get_args
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from pydantic_core import from_json

from gateway.canonical import canonical
from gateway.contract import Figure, Record, WindowSpan
from gateway.hub import contents, intake
from gateway.hub.contents import of_record, quickly
from gateway.hub.intake import Accepted, Verdict
from gateway.signing import signature, signed_record
from gateway.wire import Band, Mark
from tests.hubkit import HOUR, MONDAY, figure, gate, plant, sealed

PLANT = plant(1)
GATE = gate(PLANT)
CODES = (None, "10 09 03", "10 09", "19 01 13*")
quantities = st.one_of(
    st.floats(-9e14, 9e14).filter(lambda one: abs(one) > 1e-4 or one == 0),
    st.integers(-(10**6), 10**6),
)
shares = st.one_of(st.sampled_from([0, 1]), st.floats(0.001, 1))
figures = st.builds(
    lambda quantity, code, changes: figure(quantity, code, **changes),
    quantities,
    st.sampled_from(CODES),
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(("material", "heat", "water")),
            "direction": st.sampled_from(("surplus", "need")),
            "coverage": shares,
            "uncertain": shares,
            "marks": st.lists(st.sampled_from(get_args(Mark)), max_size=2),
        },
        optional={"band": st.sampled_from(get_args(Band))},
    ),
)
records = st.builds(
    lambda some, more: PLANT.content(figures=some, **more),
    st.lists(figures, max_size=4),
    st.fixed_dictionaries({}, optional={"run": st.integers(1, 2**53 - 1)}),
)
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from([0, 1, 1.0, -0.0, 1e-7, 1e21, 5e-5, 2**53]),
    st.sampled_from(["", "t", "10 09 03", "é", "\\", "\x7f"]),
    st.text(max_size=4),
    st.lists(st.sampled_from(["late", "spread", 1, "no mark"]), max_size=2),
    st.dictionaries(st.sampled_from(["start", "end", "kind", "x"]), st.integers(), max_size=2),
)  # fmt: skip


def judged(plain: bytes) -> tuple[Verdict, Verdict]:
    """Give the hub's verdict, and the one by the models alone."""
    payload = sealed(plain, PLANT)
    found = GATE.judge(PLANT.topic, payload, MONDAY + HOUR)
    with patch.object(intake, "quickly", lambda _content, _text: None):
        return found, GATE.judge(PLANT.topic, payload, MONDAY + HOUR)


def signed(content: dict[str, Any]) -> dict[str, Any]:
    """Sign what has a canonical form."""
    try:
        return {**content, "signature": signature(content, PLANT.key.sign, "record")}
    except (ValueError, RecursionError):
        return {**content, "signature": ""}


@given(records)
def test_what_plants_write_goes_the_quick_way_and_says_what_the_model_says(
    content: dict[str, Any],
) -> None:
    text = signed_record(content, PLANT.key.sign)
    read = from_json(text)
    found = quickly(read, text)
    assert found == of_record(Record.model_validate(read))
    one, other = judged(text + b" " * 7)
    assert isinstance(one, Accepted)
    assert one == other
    assert one.content == text == canonical(read)


names = st.sampled_from([*sorted(PLANT.content()), "run", "magnitudes", "signature", "extra"])
inner = st.sampled_from([*sorted(figure(1.0, "10")), "band", "extra", "start"])


@settings(max_examples=300)
@given(
    records,
    st.lists(st.tuples(names, odd), max_size=2),
    st.lists(st.tuples(inner, odd), max_size=2),
)
def test_a_record_with_anything_in_it_gets_the_same_verdict(
    content: dict[str, Any], outer: list[tuple[str, Any]], within: list[tuple[str, Any]]
) -> None:  # fmt: skip
    changed = signed({**content, "figures": [{**one, **dict(within)} for one in content["figures"]],
                      **dict(outer)})  # fmt: skip
    for plain in (_text(changed), json.dumps(changed).encode()):
        one, other = judged(plain)
        assert one == other


def _text(content: dict[str, Any]) -> bytes:
    try:
        return canonical(content)
    except (ValueError, RecursionError):
        return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


SPELLINGS = (
    (b'"v":1', b'"v":1.0'),
    (b'"v":1', b'"v":1,"v":1'),
    (b'"v":1', b'"v": 1'),
    (b'"unit":"t"', b'"unit":"\\u0074"'),
    (b'"uncertain":0,', b'"uncertain":0.0,'),
    (b'"uncertain":0,', b'"uncertain":-0,'),
    (b'"uncertain":0,', b'"uncertain":0e0,'),
    (b'"quantity":2.5', b'"quantity":2.50'),
    (b'"quantity":2.5', b'"quantity":25e-1'),
    (b'"kind":"material",', b'"kind":"heat","kind":"material",'),
    (b'"kind":"material","marks":[]', b'"marks":[],"kind":"material"'),
    (b'"figures":[', b'"figures":[],"figures":['),
    (b'{"cluster"', b'\n{"cluster"'),
    (b'"quantity":0.000001', b'"quantity":1e-6'),
    (b'"coverage":0.000001', b'"coverage":1e-6'),
)
SMALL = figure(1e-6, coverage=1e-6, unit="m3")


@given(
    st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=3, unique_by=lambda one: one[0][:8])
)
def test_however_a_record_is_spelt_what_is_stored_is_its_canonical_form(
    spelt: list[tuple[bytes, bytes]],
) -> None:
    content = PLANT.content(figures=[figure(2.5, "10 09 03"), SMALL])
    text = signed_record(content, PLANT.key.sign)
    changed = text
    for old, new in spelt:
        changed = changed.replace(old, new)
    assert changed != text
    one, other = judged(changed)
    assert one == other
    assert isinstance(one, Accepted)
    assert one.content == text


def test_the_quick_way_knows_the_members_of_the_models_in_order() -> None:
    for kind, model in (
        (contents._Figure, Figure),
        (contents._Window, WindowSpan),
        (contents._Record, Record),
    ):
        assert list(kind.__annotations__) == sorted(set(model.model_fields) - {"magnitudes"})


def test_the_quick_way_holds_members_to_the_models_constraints() -> None:
    for kind, model, but in (
        (contents._Figure, Figure, {"marks"}),
        (contents._Window, WindowSpan, set()),
        (contents._Record, Record, {"figures", "window", "revision", "sequence", "run"}),
    ):
        quick, slow = (
            {name: _constraints(one) for name, one in schema["properties"].items()}
            for schema in (TypeAdapter(kind).json_schema(), model.model_json_schema())
        )
        for name in quick.keys() - but:
            assert quick[name] == slow[name], name


def _constraints(schema: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in schema.items() if k not in ("title", "description", "default")}
