"""Intake: whatever arrives is a verdict, never an exception."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.hub.intake import Accepted, Refused
from gateway.hub.presence import Presences
from gateway.signing import signature
from tests.hubkit import HOUR, MONDAY, figure, gate, plant, sealed

PLANT = plant(1)
GATE = gate(PLANT)
NOW = MONDAY + HOUR
GOOD = PLANT.content(figures=[figure(12.5, "10 09 03")])
SEALED = PLANT.seal(GOOD)

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.just("\ud800")
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def verdict(payload: bytes, topic: str = PLANT.topic) -> Accepted | Refused:
    return GATE.judge(topic, payload, NOW)


def from_member(plain: bytes) -> bytes:
    return sealed(plain, PLANT)


@given(st.binary(max_size=300), st.text(max_size=80))
def test_bytes_on_any_topic_are_refused(payload: bytes, topic: str) -> None:
    assert isinstance(verdict(payload, topic), Refused)
    assert isinstance(verdict(payload), Refused)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_an_envelope_changed_in_one_byte_is_refused_or_the_same(place: int, change: int) -> None:
    changed = bytearray(SEALED)
    changed[place] ^= change
    found = verdict(bytes(changed))
    assert isinstance(found, Refused) or found.record.id == GOOD["id"]


@given(st.binary(max_size=300))
def test_any_bytes_sealed_to_the_hub_are_refused(plain: bytes) -> None:
    assert isinstance(verdict(from_member(plain)), Refused)


@given(st.sampled_from(sorted(GOOD)), values)
def test_a_record_changed_after_signing_is_refused(key: str, value: Any) -> None:
    signed = {**GOOD, "signature": signature(GOOD, PLANT.key.sign, "record")}
    plain = json.dumps({**signed, key: value}).encode()
    found = verdict(from_member(plain))
    assert isinstance(found, Refused) or value == GOOD[key]


@given(st.sampled_from([*sorted(GOOD), "extra"]), values)
def test_a_member_may_sign_anything_and_get_a_verdict(key: str, value: Any) -> None:
    content = {**GOOD, key: value}
    try:
        text = signature(content, PLANT.key.sign, "record")
    except ValueError:
        text = ""
    found = verdict(from_member(json.dumps({**content, "signature": text}).encode()))
    if isinstance(found, Refused) and found.record is not None:
        assert len(found.record) == 32


@given(st.dictionaries(st.sampled_from(sorted(figure(1.0, "10"))), values, max_size=3))
def test_a_member_may_sign_any_figure_and_get_a_verdict(changes: dict[str, Any]) -> None:
    content = {**GOOD, "figures": [{**figure(1.0, "10"), **changes}]}
    try:
        text = signature(content, PLANT.key.sign, "record")
    except ValueError:
        text = ""
    verdict(from_member(json.dumps({**content, "signature": text}).encode()))


@given(st.integers(1, 5000), st.sampled_from(["[", '{"a":']))
def test_deep_nesting_is_refused(depth: int, opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]
    deep = opening * depth + "1" + closing * depth
    plain = json.dumps({**GOOD, "signature": "AAAA"}).replace('"figures"', f'"x":{deep},"figures"')
    assert isinstance(verdict(from_member(plain.encode())), Refused)


@given(st.lists(st.tuples(st.text(max_size=40), st.binary(max_size=40)), max_size=20))
def test_presence_takes_anything(messages: list[tuple[str, bytes]]) -> None:
    presences = Presences()
    for topic, payload in messages:
        presences.note(topic, payload)
    assert presences.members(lambda _: ("plant", 1)) == {}
