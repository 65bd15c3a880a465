"""Every reason for which a message is quarantined, and what its sender is told."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from config.hub_plan import HubLimits
from gateway.canonical import canonical
from gateway.hub.intake import Accepted, Refused
from gateway.keys import HubKey
from gateway.signing import MAX_PAYLOAD, seal_record, signature
from tests.hubkit import HOUR, HUB, MONDAY, figure, gate, plant, sealed
from tests.hubkit import _key as raw_key

ONE, TWO, STRANGER = plant(1), plant(2), plant(3)
GATE = gate(ONE, TWO)
NOW = MONDAY + HOUR


def refused(payload: bytes, topic: str = ONE.topic, now: int = NOW) -> Refused:
    found = GATE.judge(topic, payload, now)
    assert isinstance(found, Refused)
    return found


def test_a_member_s_record_is_accepted_with_its_window() -> None:
    found = GATE.judge(ONE.topic, ONE.record(figures=[figure(1.0, "10 09 03")]), NOW)
    assert isinstance(found, Accepted)
    assert found.member == ONE.member
    assert found.window == (MONDAY, MONDAY + HOUR)


def test_a_signature_said_again_inside_is_part_of_what_is_signed() -> None:
    content = ONE.content(figures=[figure(1.0, "10 09 03")])
    said = signature(content, ONE.key.sign, "record")
    content |= {"signature": said, "window": {**content["window"], "signature": said}}
    assert refused(sealed(canonical(content), ONE)).reason == "bad-signature"


def test_too_large_a_message_is_oversized() -> None:
    assert refused(b"x" * (MAX_PAYLOAD + 1)).reason == "oversized"


def test_another_major_version_is_refused_as_such() -> None:
    assert refused(json.dumps({"v": 2}).encode()).reason == "version"


def test_a_record_for_another_hub_cannot_be_opened() -> None:
    other = HubKey(raw_key(2)).public
    payload = seal_record(ONE.content(), ONE.key.sign, other, 4096)
    assert refused(payload).reason == "unsealable"


def test_a_record_replayed_under_another_pseudonym_cannot_be_opened() -> None:
    found = refused(ONE.record(), TWO.topic)
    assert (found.reason, found.record) == ("unsealable", None)


def test_a_stranger_s_record_is_of_an_unknown_plant() -> None:
    found = refused(STRANGER.record(), STRANGER.topic)
    assert (found.reason, found.member, found.record) == ("unknown-plant", None, None)


def test_a_record_signed_by_another_member_has_a_bad_signature_and_gets_no_receipt() -> None:
    found = refused(seal_record(ONE.content(), TWO.key.sign, HUB.public, 4096))
    assert (found.reason, found.member, found.record) == ("bad-signature", None, None)


@pytest.mark.parametrize("write", [lambda one: json.dumps(one).encode(), canonical])
@pytest.mark.parametrize("change", [{"cluster": "mo"}, {"pseudonym": "0" * 32}])
def test_a_record_that_names_another_cluster_or_pseudonym_is_misaddressed(
    write: Callable[[dict[str, Any]], bytes], change: dict[str, str]
) -> None:
    content = ONE.content()
    wrong = {**content, **change}
    wrong["signature"] = signature(wrong, ONE.key.sign, "record")
    found = refused(sealed(write(wrong), ONE))
    assert (found.reason, found.record) == ("misaddressed", content["id"])


def test_a_topic_without_a_pseudonym_is_misaddressed() -> None:
    assert refused(ONE.record(), "sidestream/v1/ora/records/plant-1").reason == "misaddressed"


@pytest.mark.parametrize(
    ("start", "length"),
    [
        (MONDAY, 0),
        (MONDAY, -HOUR),
        (MONDAY, 5 * HOUR),
        (MONDAY + HOUR // 2, HOUR),
        (MONDAY, 48 * HOUR),
        (MONDAY - 500 * 24 * HOUR, HOUR),
    ],
)
def test_a_window_that_is_no_aligned_part_of_a_day_or_too_old_is_bad(
    start: int, length: int
) -> None:
    content = ONE.content(start, length=length)
    found = refused(ONE.seal(content))
    assert (found.reason, found.record) == ("bad-window", content["id"])


def test_an_instant_that_does_not_exist_is_a_bad_window() -> None:
    window = {"start": "2026-02-30T00:00:00Z", "end": "2026-02-30T01:00:00Z"}
    assert refused(ONE.record(window=window)).reason == "bad-window"


def test_a_window_ahead_of_the_clock_is_future_and_not_refused_for_good() -> None:
    limits = HubLimits()
    payload = ONE.record()
    early = MONDAY + HOUR - limits.future
    assert isinstance(GATE.judge(ONE.topic, payload, early), Accepted)
    found = refused(payload, now=early - 1)
    assert (found.reason, found.record) == ("future", None)


def test_an_id_that_is_not_the_record_s_is_malformed() -> None:
    found = refused(ONE.record(id="0" * 32))
    assert (found.reason, found.record) == ("malformed", "0" * 32)


@pytest.mark.parametrize(
    "change", [{"quantity": 1e300}, {"quantity": "1"}, {"coverage": 2.0}, {"kind": "sludge"}]
)
def test_a_figure_out_of_form_is_malformed_and_named_to_its_sender(
    change: dict[str, Any],
) -> None:
    content = ONE.content(figures=[{**figure(1.0, "10"), **change}])
    found = refused(ONE.seal(content))
    assert (found.reason, found.record, found.member) == ("malformed", content["id"], "plant 1")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_whatever_its_depth_a_nested_record_is_refused(opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]
    head = json.dumps({**ONE.content(), "signature": "AAAA"})
    for depth in range(850, 1010):
        deep = f'"x":{opening * depth}1{closing * depth},"figures"'
        payload = sealed(head.replace('"figures"', deep).encode(), ONE)
        assert refused(payload).reason in {"malformed", "bad-signature"}
