"""Detail on its way to a partner: who can open it, what is bound to it, what is refused and why."""

import base64
import json
from typing import Any

import pytest
import rfc8785
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from gateway.partner_inbox import Inbox, messages, rows
from gateway.partner_keys import PartnerKey
from gateway.partner_opening import DetailRefusedError, Terms, open_detail
from gateway.partner_seal import binding, seal_detail, signed_detail
from gateway.seal import open_record
from gateway.signing import SUITE, RefusalError
from gateway.wire import partner_topic, rfc3339
from tests.partnerkit import CONTRACT, SIZE, content, message, partner_key, stream
from tests.plants import HOUR, START, hub_key, plant_key

OWN = partner_key()
TERMS = Terms((plant_key().public,), CONTRACT)
TOPIC = partner_topic("ora", OWN.public.fingerprint)


def refused(payload: bytes, key: PartnerKey = OWN, terms: Terms = TERMS, topic: str = TOPIC) -> str:
    with pytest.raises(DetailRefusedError) as error:
        open_detail(payload, key, terms, topic)
    return error.value.reason


def changed(payload: bytes, **members: Any) -> bytes:
    return rfc8785.dumps({**json.loads(payload), **members})


def test_a_partner_reads_what_the_plant_signed() -> None:
    detail, told = open_detail(message(), OWN, TERMS, TOPIC)
    assert {name: told[name] for name in content()} == content()
    assert detail.contract == CONTRACT
    [row] = rows(detail)
    assert (row["stream"], row["quantity"], row["end"]) == (
        "stream-1", 1.25, "2026-03-01T00:15:00Z",
    )  # fmt: skip


labels = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=64)


@given(labels, st.lists(labels, max_size=8, unique=True), st.floats(0, 1e6))
def test_every_content_comes_out_as_it_went_in_and_all_messages_have_one_size(
    name: str, named: list[str], quantity: float
) -> None:
    told = content(contract=name, streams=[stream(label, quantity) for label in named])
    payload = message(told)
    _, found = open_detail(payload, OWN, Terms((plant_key().public,), name))
    assert {member: found[member] for member in told} == told
    assert len(payload) == len(message())
    clear = {**json.loads(payload), "sealed": ""}
    assert set(clear) == {"v", "cluster", "partner", "bound", "sealed"}
    assert plant_key().public.fingerprint not in json.dumps(clear)


def test_two_messages_of_one_content_have_nothing_in_common_but_their_address() -> None:
    one, two = json.loads(message()), json.loads(message())
    assert one["bound"] != two["bound"]
    assert one["sealed"][:40] != two["sealed"][:40]


def test_hub_broker_and_other_members_cannot_open_it() -> None:
    payload = message()
    for key in (partner_key(8), PartnerKey(hub_key().open), PartnerKey(plant_key(2).open)):
        assert refused(payload, key) == "wrong-key"
        # Nor can who claims to be the partner and lacks its key.
        told = json.loads(payload)
        with pytest.raises(InvalidTag):
            SUITE.decrypt(
                base64.b64decode(told["sealed"]),
                key.open,
                info=binding("ora", OWN.public.fingerprint, told["bound"]),
            )
        lied = changed(payload, partner=key.public.fingerprint)
        assert refused(lied, key, topic=partner_topic("ora", key.public.fingerprint)) == "changed"
    with pytest.raises(RefusalError):
        open_record(payload, "ora", OWN.public.fingerprint, hub_key())
    as_record = changed(payload, hub=hub_key().public.fingerprint)
    with pytest.raises(RefusalError, match="unsealable"):
        open_record(as_record, "ora", OWN.public.fingerprint, hub_key())


def test_a_wrong_sender_is_refused_and_so_is_a_wrong_signature() -> None:
    assert refused(message(plant=plant_key(2))) == "wrong-sender"
    forged = content()  # it says that it is of plant 1
    assert refused(message(forged, plant=plant_key(2))) == "bad-signature"
    both = Terms((plant_key(2).public, plant_key().public), CONTRACT)
    assert open_detail(message(), OWN, both)[0].plant == plant_key().public.fingerprint


@given(st.integers(0, 10**9), st.integers(0, 7))
def test_a_bit_changed_anywhere_is_noticed(at: int, bit: int) -> None:
    payload = bytearray(message())
    payload[at % len(payload)] ^= 1 << bit
    try:
        _, told = open_detail(bytes(payload), OWN, TERMS, TOPIC)
    except DetailRefusedError:
        return
    # The only bits that say nothing: what base64 and JSON ignore.
    assert {name: told[name] for name in content()} == content()


@pytest.mark.parametrize(
    "other",
    [
        {"contract": "2026-18"},
        {"streams": [stream("stream-2")]},
        {"window": {"start": rfc3339(START + HOUR), "end": rfc3339(START + 2 * HOUR)}},
        {"cluster": "other"},
        {"sender": plant_key(2)},
    ],
)
def test_the_binding_of_another_contract_stream_window_or_sender_is_refused(
    other: dict[str, Any],
) -> None:
    payload = message()
    bound = json.loads(message(content(other.pop("sender", None), **other)))["bound"]
    assert refused(changed(payload, bound=bound)) == "changed"


def test_content_sealed_anew_under_another_binding_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Whoever has a signed content and the partner's public key can seal; not for something else.
    plain = signed_detail(content(), plant_key().sign)
    monkeypatch.setattr("gateway.partner_seal.commitment", lambda _: "0" * 64)
    payload = seal_detail(plain, OWN.public, SIZE)
    monkeypatch.undo()
    assert refused(payload) == "binding"


def test_content_for_another_partner_is_refused_when_it_is_passed_on() -> None:
    plain = signed_detail(content(partner=partner_key(8).public), plant_key().sign)
    assert refused(seal_detail(plain, OWN.public, SIZE)) == "misaddressed"
    assert refused(message(), topic=partner_topic("elsewhere", OWN.public.fingerprint)) == (
        "misaddressed"
    )


def test_a_contract_that_is_another_or_over_is_refused() -> None:
    terms = Terms((plant_key().public,), "2026-18")
    assert refused(message(), terms=terms) == "wrong-contract"
    over = content(until=rfc3339(START + HOUR // 2))
    assert refused(message(over)) == "expired"
    own = Terms((plant_key().public,), CONTRACT, START + HOUR - 1)
    assert refused(message(), terms=own) == "expired"
    assert open_detail(message(), OWN, Terms((plant_key().public,), None, START + HOUR))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"{", "malformed"),
        (b'{"v":1}', "malformed"),
        (b'{"v":2}', "version"),
        (b'{"v":true}', "version"),
        (b"[" * 100_000, "malformed"),
        (b" " * 300_000, "oversized"),
    ],
)
def test_what_is_no_message_is_refused_in_words(payload: bytes, reason: str) -> None:
    assert refused(payload) == reason


def test_an_unknown_version_within_is_refused_too() -> None:
    assert refused(message(content(v=2))) == "version"


def test_a_detail_that_comes_twice_counts_once() -> None:
    inbox = Inbox(OWN, TERMS)
    inbox.take(message())
    for again in (message(), message(content(streams=[]))):
        with pytest.raises(DetailRefusedError, match="replayed"):
            inbox.take(again)


def test_lines_are_messages_with_or_without_their_topic() -> None:
    payload = message()
    text = b"\n".join([payload, b"", TOPIC.encode() + b" " + payload + b"\r", b"x y"])
    assert list(messages(text)) == [(None, payload), (TOPIC, payload), ("x", b"y")]
