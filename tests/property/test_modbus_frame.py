"""Frames of Modbus in both framings: against a library of others, cut and spoilt in every way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU

from adapters.modbus.frame import READS, Checked, Headed
from adapters.modbus.points import Span
from simulation.modbus import crc

DEVICES = st.integers(0, 255)
SPANS = st.builds(Span, st.sampled_from(sorted(READS)), st.integers(0, 65_000), st.integers(1, 125))
DATA = st.binary(min_size=0, max_size=250)
CUTS = st.lists(st.integers(0, 300), max_size=5)
FRAMINGS = ("headed", "checked")


def framing(kind: str) -> Headed | Checked:
    return Headed() if kind == "headed" else Checked()


def sent(kind: str, request: bytes, pdu: bytes) -> bytes:
    """Frame an answer to a request, literally."""
    if kind == "headed":
        return request[:4] + (len(pdu) + 1).to_bytes(2, "big") + request[6:7] + pdu
    body = request[:1] + pdu
    return body + crc(body)


def fed(one: Headed | Checked, stream: bytes, cuts: list[int]) -> list[bytes]:
    """Feed a stream in pieces; give the answers."""
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    found = [one.take(stream[low:high]) for low, high in pairwise(edges)]
    return [answer for answer in found if answer is not None]


def answer(span: Span, data: bytes) -> bytes:
    return bytes((READS[span.table], len(data))) + data


@given(st.lists(st.tuples(SPANS, DEVICES), min_size=1, max_size=4))
def test_requests_are_those_an_independent_library_makes(asked: list[tuple[Span, int]]) -> None:
    headed, checked = Headed(), Checked()
    tcp, rtu = FramerSocket(DecodePDU(True)), FramerRTU(DecodePDU(True))
    for number, (span, device_id) in enumerate(asked, 1):
        pdu = bytes((READS[span.table],)) + span.start.to_bytes(2) + span.length.to_bytes(2)
        assert headed.request(span, device_id) == tcp.encode(pdu, device_id, number)
        assert checked.request(span, device_id) == rtu.encode(pdu, device_id, 0)


def test_transaction_ids_go_on_after_the_last_there_is() -> None:
    one = Headed()
    ids = {one.request(Span("coil", 0, 1), 1)[:2] for _ in range(0x10001)}
    assert len(ids) == 0xFFFF


@pytest.mark.parametrize("kind", FRAMINGS)
@given(span=SPANS, device_id=DEVICES, data=DATA, cuts=CUTS)
def test_an_answer_is_taken_whole_however_it_is_cut(
    kind: str, span: Span, device_id: int, data: bytes, cuts: list[int]
) -> None:
    one = framing(kind)
    pdu = answer(span, data)
    stream = sent(kind, one.request(span, device_id), pdu)
    assert fed(one, stream[:-1], cuts) == []
    assert one.take(stream[-1:]) == pdu
    assert one._rest == b""


@pytest.mark.parametrize("kind", FRAMINGS)
@given(span=SPANS, device_id=DEVICES, code=st.integers(0, 255), cuts=CUTS)
def test_a_refusal_is_an_answer(
    kind: str, span: Span, device_id: int, code: int, cuts: list[int]
) -> None:
    one = framing(kind)
    pdu = bytes((READS[span.table] | 0x80, code))
    assert fed(one, sent(kind, one.request(span, device_id), pdu), cuts) == [pdu]


@given(SPANS, DATA, DATA, CUTS)
def test_late_answers_and_those_of_others_are_left_out(
    span: Span, old: bytes, new: bytes, cuts: list[int]
) -> None:
    one = Headed()
    late = sent("headed", one.request(span, 7), answer(span, old))
    request = one.request(span, 7)
    other = sent("headed", request[:6] + b"\x08", answer(span, old))
    due = sent("headed", request, answer(span, new))
    assert fed(one, late + other + due, cuts) == [answer(span, new)]


@given(SPANS, st.binary(min_size=1, max_size=20), DATA)
def test_what_is_no_frame_costs_one_answer_at_most(span: Span, junk: bytes, data: bytes) -> None:
    one = Headed()
    one.request(span, 1)
    one.take(b"\xa5\x5a\xa5\x5a" + junk.ljust(4, b"\0"))
    due = sent("headed", one.request(span, 1), answer(span, data))
    assert one.take(due) == answer(span, data)


@given(SPANS, DATA)
def test_a_refusal_whose_length_leaves_out_its_code_is_understood(span: Span, data: bytes) -> None:
    one = Headed()
    request = one.request(span, 1)
    refused = bytes((READS[span.table] | 0x80, 2))
    assert one.take(request[:4] + b"\0\2" + request[6:7] + refused) == refused
    due = sent("headed", one.request(span, 1), answer(span, data))
    assert one.take(due) == answer(span, data)


@given(SPANS, st.integers(1, 255), DATA, st.integers(0), st.integers(1, 255))
def test_a_spoilt_byte_of_an_answer_with_checksum_is_never_read(
    span: Span, device_id: int, data: bytes, at: int, change: int
) -> None:
    one = Checked()
    stream = bytearray(sent("checked", one.request(span, device_id), answer(span, data)))
    stream[at % len(stream)] ^= change
    assert one.take(bytes(stream)) is None


@given(SPANS, st.integers(1, 255), DATA, st.binary(max_size=30), CUTS)
def test_noise_before_an_answer_with_checksum_is_passed_over(
    span: Span, device_id: int, data: bytes, noise: bytes, cuts: list[int]
) -> None:
    noise = noise.replace(bytes((device_id,)), b"")
    one = Checked()
    stream = noise + sent("checked", one.request(span, device_id), answer(span, data))
    assert fed(one, stream, cuts) == [answer(span, data)]


@pytest.mark.parametrize("kind", FRAMINGS)
@given(span=SPANS, pieces=st.lists(st.binary(max_size=600), max_size=12))
def test_what_is_kept_of_a_stream_is_bounded(kind: str, span: Span, pieces: list[bytes]) -> None:
    one = framing(kind)
    one.request(span, 1)
    for piece in pieces:
        one.take(piece)
        assert len(one._rest) < 600 + 260
