"""The bound on what an OPC UA server may send, for any cutting of its stream."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from adapters.opcua.bounds import Chunks

LONGEST = 100


def chunk(kind: bytes, body: int) -> bytes:
    return b"MSG" + kind + (body + 8).to_bytes(4, "little") + bytes(body)


def fits(data: bytes, cuts: list[int]) -> bool:
    chunks = Chunks(LONGEST)
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return all(chunks.fits(data[one:other]) for one, other in pairwise(edges))


CUTS = st.lists(st.integers(0, 10_000), max_size=20)


@given(st.lists(st.lists(st.integers(0, 60), min_size=1, max_size=5), max_size=8), CUTS)
def test_a_message_fits_when_all_its_chunks_together_do(
    messages: list[list[int]], cuts: list[int]
) -> None:
    data = b""
    for bodies in messages:
        data += b"".join(chunk(b"C", body) for body in bodies[:-1]) + chunk(b"F", bodies[-1])
    within = all(sum(bodies) + 8 * len(bodies) <= LONGEST for bodies in messages)
    assert fits(data, cuts) is within


@given(st.integers(0, 2**32 - 1), CUTS)
def test_a_chunk_that_promises_too_much_is_refused_before_it_comes(
    size: int, cuts: list[int]
) -> None:
    header = b"MSGF" + size.to_bytes(4, "little")
    assert fits(header, cuts) is (8 <= size <= LONGEST)


@given(st.binary(max_size=500), CUTS)
def test_any_stream_is_judged_the_same_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    assert fits(data, cuts) is fits(data, [])
