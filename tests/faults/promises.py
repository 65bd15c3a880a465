"""What a program promised on its links: MQTT packets it sent and received, out of a trace."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults.medium import Mark, Operation

CONNECT, PUBLISH, PUBACK = 1, 3, 4
_FIVE = 5


@dataclass(frozen=True, slots=True)
class Packet:
    """An MQTT packet and after which operation of the trace it was complete.

    `sent` tells whose it is; `number` is its identifier on its link, 0 with none.
    """

    at: int
    link: str
    sent: bool
    kind: int
    number: int = 0
    topic: str = ""
    payload: bytes = b""


def packets(operations: Sequence[Operation]) -> Iterator[Packet]:
    """Read the packets of every MQTT link in a trace."""
    flows: dict[tuple[str, bool], bytearray] = {}
    fives: dict[str, bool] = {}
    for at, one in enumerate(operations):
        if not isinstance(one, Mark) or one.kind not in ("sent", "got"):
            continue
        sent = one.kind == "sent"
        flow = flows.setdefault((one.link, sent), bytearray())
        name = one.text.find(b"MQTT", 0, 12)
        if sent and one.link not in fives and name > 0:
            fives[one.link] = one.text[name + 4] == _FIVE
        if one.link not in fives:
            continue
        flow += one.text
        while (length := _length(flow)) is not None:
            start, end = length
            head, body = flow[0], bytes(flow[start:end])
            del flow[:end]
            yield _packet(at, one.link, sent, head, body, fives[one.link])


def _length(flow: bytearray) -> tuple[int, int] | None:
    """Give where the body of the first packet begins and ends, None when it is not complete."""
    size = 0
    for at, byte in enumerate(flow[1:5]):
        size |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            end = at + 2 + size
            return (at + 2, end) if len(flow) >= end else None
    return None


def _packet(at: int, link: str, sent: bool, head: int, body: bytes, five: bool) -> Packet:
    kind = head >> 4
    if kind == PUBACK:
        return Packet(at, link, sent, kind, int.from_bytes(body[:2]))
    if kind != PUBLISH:
        return Packet(at, link, sent, kind)
    length = int.from_bytes(body[:2])
    topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
    number = 0
    if head & 6:
        number, rest = int.from_bytes(rest[:2]), rest[2:]
    if five:
        rest = _without_properties(rest)
    return Packet(at, link, sent, kind, number, topic, rest)


def _without_properties(rest: bytes) -> bytes:
    size = 0
    for at, byte in enumerate(rest[:4]):
        size |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return rest[at + 1 + size :]
    return rest
