"""Envelopes: read and decoded quickly, they give what the model and binascii give, or refuse."""

import base64
import json
import re
from unittest.mock import patch

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway import seal
from gateway.seal import open_text
from gateway.signing import MAX_PAYLOAD, RefusalError, binding
from tests.hubkit import CLUSTER, HUB, plant, sealed

PLANT = plant(1)
TEXT = b'{"v":1}'
TOKEN = re.compile(rb'"[^"]*"|[{}\[\],:]|[^"{}\[\],:]+')
GOOD = sealed(TEXT, PLANT)
PIECES = TOKEN.findall(GOOD)
BITS = (b"-", b"_", b"=", b"==", b"A", b"AAAA", b"+", b"/", b"\\/", b"\\u0041", b" ", b"\n", b'"',
        b"\xc3\xa9", b"\xff", b'","sealed":"', b'"a":1,', b'"v":1,', b"0", b"1.0")  # fmt: skip


def opened(payload: bytes) -> object:
    """Give the text in an envelope, or why there is none."""
    try:
        return open_text(payload, binding(CLUSTER, PLANT.pseudonym), HUB)
    except RefusalError as error:
        return (error.reason, error.detail)


def both(payload: bytes) -> None:
    """Hold what is opened to what is by the model and binascii."""
    found = opened(payload)
    with patch.object(seal, "_quickly", lambda _: None):
        assert opened(payload) == found


def test_an_envelope_of_an_agent_is_opened_quickly() -> None:
    hub, box = seal._quickly(GOOD) or ("", b"")
    assert (hub, box) == (HUB.public.fingerprint, base64.b64decode(json.loads(GOOD)["sealed"]))
    assert opened(GOOD) == TEXT


@given(
    st.binary(max_size=9),
    st.lists(st.tuples(st.integers(0, 80), st.sampled_from(BITS)), max_size=2),
    st.integers(0, 3),
)
def test_an_envelope_s_text_is_decoded_as_strictly_as_by_binascii(
    box: bytes, changes: list[tuple[int, bytes]], less: int
) -> None:
    text = base64.b64encode(box)
    text = text[: len(text) - less] if less else text
    for at, bit in changes:
        text = text[:at] + bit + text[at:]
    with patch.object(seal, "SUITE", Told()):
        both(b'{"hub":"%s","sealed":"%s","v":1}' % (HUB.public.fingerprint.encode(), text))


ODD = (
    b"", b"=", b"====", b"AAA=", b"AA==", b"AB==", b"A===", b"AA=A", b"AAAA====", b"AAA", b"+/+/",
    b"-_-_", b"----", b"____", b"A-AA", b"A_AA", b"A\\/A", b"AA\\/", b"A\\/AA=", b"\\u0041AA",
)  # fmt: skip


def test_only_the_one_spelling_of_base64_is_decoded() -> None:
    with patch.object(seal, "SUITE", Told()):
        for text in ODD:
            both(b'{"hub":"%s","sealed":"%s","v":1}' % (HUB.public.fingerprint.encode(), text))


class Told:
    """Instead of what opens seals: gives what was sealed."""

    def decrypt(self, box: bytes, _key: object, info: bytes) -> bytes:
        return info + box


def test_an_envelope_that_is_not_quite_one_is_refused_as_ever() -> None:
    cuts = [*range(len(PIECES) + 1)]
    for at in cuts:
        for word in (*BITS, b"", b"," * 3, b'"' + b"A" * 32 + b'"', b'"' + b"g" * 32 + b'"'):
            both(b"".join([*PIECES[:at], word, *PIECES[at:]]))
            both(b"".join([*PIECES[:at], word, *PIECES[at + 1 :]]))
    big = base64.b64encode(bytes(MAX_PAYLOAD)).decode()
    long = rfc8785.dumps({"hub": HUB.public.fingerprint, "sealed": big, "v": 1})
    assert opened(long) == ("oversized", f"{len(long)} bytes, at most {MAX_PAYLOAD} are read")
