"""What devices, servers, brokers and other members send."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from adapters.errors import SidestreamError
from adapters.modbus.answer import Answer, Failure
from adapters.modbus.decode import compiled
from adapters.modbus.frame import Checked, Headed
from adapters.modbus.line import Line, Network
from adapters.modbus.link import Link
from adapters.modbus.points import Span, resolve
from adapters.modbus.settings import TcpSource
from adapters.opcua import claims
from adapters.opcua.bounds import Chunks
from adapters.opcua.changes import changes
from adapters.opcua.nodes import code_name
from adapters.opcua.sample import Samples, gather, sample, special
from adapters.opcua.settings import OpcUaPoint
from adapters.opcua.trouble import translated
from gateway.hub.intake import Accepted, Refused
from gateway.hub.presence import Presences
from gateway.partner_inbox import rows
from gateway.partner_opening import DetailRefusedError, Terms, open_detail
from gateway.partner_seal import seal_detail
from gateway.receipt import read_receipt
from gateway.seal import seal_receipt
from gateway.signing import RefusalError, signature
from tests.fuzz.target import Target
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY, figure, gate, plant, sealed
from tests.partnerkit import content as detail_content
from tests.partnerkit import message, partner_key
from tests.plants import plant_key

claims.bound()
_PLANT = plant(1)
_GATE = gate(_PLANT)
_GOOD = _PLANT.content(figures=[figure(12.5, "10 09 03")])
_ID = str(_GOOD["id"])
_RECEIPT = {
    "v": 1, "cluster": CLUSTER, "pseudonym": _PLANT.pseudonym, "stored": [_ID],
    "refused": [{"id": _ID, "reason": "conflict"}], "sequence": 3, "issued": "2026-03-02T00:00:00Z",
}  # fmt: skip
_JSON = (b'"v":1', b"null", b"true", b'"\\ud800"', b"1e400", b'{"id":', b'"figures":[', b"-0.0")


class _Wire(asyncio.Transport):
    """A device's side of a connection: whatever is asked, it answers with given bytes."""

    def __init__(self, answer: bytes, cut: int) -> None:
        super().__init__()
        self.link: Link | None = None
        self._parts = [answer[:cut], answer[cut:]]

    def write(self, data: bytes | bytearray | memoryview) -> None:  # noqa: ARG002 - asyncio's
        for part in self._parts:
            if part and self.link is not None:
                asyncio.get_running_loop().call_soon(self.link.data_received, part)

    def is_closing(self) -> bool:
        return False

    def abort(self) -> None:
        """Nothing is behind it."""

    close = abort


async def _read(answer: bytes, rtu: bool) -> None:
    line = Line(Network("h", 1, rtu), lambda: 0, 0.0)
    link = line._link = Link(Checked() if rtu else Headed())
    wire = _Wire(answer[1:], answer[0] if answer else 0)
    wire.link = link
    link.connection_made(wire)
    for span in (Span("holding", 0, 2), Span("coil", 0, 9)):
        found = await line.read(span, 1, 0.001)
        assert isinstance(found, Answer | Failure)
        assert not isinstance(found, Answer) or len(found.words) >= span.length
    line.close()


def _modbus(rtu: bool) -> Callable[[bytes], None]:
    return lambda data: asyncio.run(_read(data, rtu))


_TYPES = ("int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "bcd32")
_DECODER = compiled(
    Span("holding", 0, 40),
    resolve(
        TcpSource.model_validate(
            {
                "protocol": "modbus-tcp",
                "host": "h",
                "numbering": "0-based",
                "points": {
                    f"p{at}": {"register": 4 * at, "type": kind, "scale": 0.1, "sentinels": [-1]}
                    for at, kind in enumerate(_TYPES[:8])
                },
            }
        )
    ),
)


def _decode(data: bytes) -> None:
    values, faults = _DECODER.decode(data[:80].ljust(80, b"\0"), {})
    assert len(values) == len(_DECODER.points)
    assert all(fault.reason for fault in faults.values())


# OPC UA.

_POINT = OpcUaPoint.model_validate({"node": "ns=2;s=Rate", "scale": 0.1})
_POINTS = (_POINT, OpcUaPoint(node="ns=2;s=Flow"))
_MESSAGES: tuple[Any, ...] = (
    ua.ReadResponse,
    ua.BrowseResponse,
    ua.PublishResponse,
    ua.GetEndpointsResponse,
    ua.CreateSessionResponse,
    ua.TranslateBrowsePathsToNodeIdsResponse,
)


def _message(data: bytes) -> None:
    """Decode what a server answers, and make readings of what it holds."""
    if not data:
        return
    kind = _MESSAGES[data[0] % len(_MESSAGES)]
    try:
        with translated("opc.tcp://h"):
            found = struct_from_binary(kind, claims.Answer(data[1:]))
    except SidestreamError:
        return
    for value in getattr(found, "Results", None) or ():
        if isinstance(value, ua.DataValue):
            sample(value, code_name, _POINT)


def _answers() -> list[bytes]:
    read, publish = ua.ReadResponse(), ua.PublishResponse()
    read.Results = [ua.DataValue(ua.Variant(1.5)), ua.DataValue(ua.Variant("text"))]
    return [
        bytes([at]) + struct_to_binary(one)
        for at, one in enumerate((read, ua.BrowseResponse(), publish, ua.GetEndpointsResponse()))
    ]


def _changes(data: bytes) -> None:
    """Read what a subscription tells, and make samples of it."""
    try:
        with translated("opc.tcp://h"):
            runs = list(changes(data))
    except SidestreamError:
        return
    for run in runs:
        gather(run, {1: 0, 2: 1}, _POINTS, special(_POINTS), Samples())


def _notifications() -> list[bytes]:
    told = (ua.Variant(1.5), ua.Variant(2.5), ua.Variant("text"), ua.Variant([1, 2]))
    items = [
        ua.MonitoredItemNotification(ClientHandle=at % 3, Value=ua.DataValue(one))
        for at, one in enumerate(told)
    ]
    whole = ua.DataChangeNotification(MonitoredItems=items)
    alike = ua.DataChangeNotification(MonitoredItems=items[:2])
    return [struct_to_binary(one) for one in (whole, alike)]


def _stream(data: bytes) -> None:
    """Feed a connection in two parts, as far as the bound lets it."""
    protocol, chunks = UASocketProtocol(), Chunks()
    cut = data[0] if data else 0
    for part in (data[1 : 1 + cut], data[1 + cut :]):
        if part and chunks.fits(part):
            protocol.data_received(part)


_CLAIMS = (
    b"\x80\xff\xff\xff\x7f",
    b"\xc0\x01",
    b"\xc6\x01\x00\x00\x00",
    b"\xfc\xff\xff\xff",
    b"\x98",
)
"""Beginnings of arrays of Null values, matrices, texts of negative length, arrays of Variants."""
_HELLO = b"\x08ACKF\x1c\x00\x00\x00" + b"\x00\x00\x00\x00" + b"\xff\xff\x00\x00" * 2 + bytes(8)
_ERROR = b"\x08ERRF\x10\x00\x00\x00\x00\x00\x80\x80\xff\xff\xff\xff"


# What comes from the broker.


def _judge(payload: bytes) -> None:
    verdict = _GATE.judge(_PLANT.topic, payload, MONDAY + HOUR)
    assert isinstance(verdict, Accepted | Refused)


def _content(data: bytes) -> dict[str, Any] | None:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            return found
    return None


def _signed(data: bytes) -> None:
    """Judge what a member has signed and sealed, whatever it says."""
    content = _content(data)
    if content is None:
        _judge(sealed(data, _PLANT))
        return
    with contextlib.suppress(ValueError, RecursionError):  # it has no canonical form to sign
        content["signature"] = signature(content, _PLANT.key.sign, "record")
        _judge(sealed(json.dumps(content).encode(), _PLANT))


def _receipt(data: bytes) -> None:
    """Read a receipt as it comes, and one that a hub has signed."""
    payloads = [data]
    content = _content(data)
    if content is not None:
        with contextlib.suppress(ValueError, RecursionError):
            payloads.append(seal_receipt(content, HUB))
    for payload in payloads:
        with contextlib.suppress(RefusalError):
            read_receipt(payload, CLUSTER, _PLANT.pseudonym, HUB.public)


def _presence(data: bytes) -> None:
    Presences().note(f"sidestream/v1/{CLUSTER}/presence/{data[:32].hex()}", data)


def _detail(data: bytes) -> None:
    """Open a message for a partner as it comes, and one that a plant has signed and sealed."""
    payloads = [data]
    content = _content(data)
    if content is not None:
        with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
            content["signature"] = signature(content, plant_key().sign, "detail")
            payloads.append(seal_detail(json.dumps(content).encode(), partner_key().public, 1024))
    for payload in payloads:
        with contextlib.suppress(DetailRefusedError):
            rows(open_detail(payload, partner_key(), Terms((plant_key().public,)))[0])


def _json(*contents: dict[str, Any]) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(content).encode() for content in contents]


TARGETS = [
    Target(
        "modbus-tcp",
        "answers of Modbus TCP devices",
        _modbus(rtu=False),
        lambda: [
            b"\xff\x00\x01\x00\x00\x00\x07\x01\x03\x04\x00\x01\x00\x02",
            b"\x05\x00\x01\x00\x00\x00\x03\x01\x83\x02",
        ],
    ),
    Target(
        "modbus-rtu",
        "answers of Modbus devices in RTU framing",
        _modbus(rtu=True),
        lambda: [
            b"\xff\x01\x03\x04\x00\x01\x00\x02\x2a\x32",
            b"\x03\x01\x83\x02\xc0\xf1",
        ],
    ),
    Target("modbus-words", "registers as values of every type", _decode, lambda: [bytes(80)]),
    Target("opcua-message", "OPC UA answers", _message, _answers, _CLAIMS),
    Target("opcua-changes", "OPC UA data changes", _changes, _notifications, _CLAIMS),
    Target("opcua-stream", "an OPC UA connection", _stream, lambda: [_HELLO, _ERROR]),
    Target(
        "record",
        "what arrives on a hub's records topic",
        _judge,
        lambda: [_PLANT.seal(_GOOD)],
        _JSON,
    ),
    Target("signed-record", "what a member signs and seals", _signed, _json(_GOOD), _JSON),
    Target("receipt", "receipts", _receipt, _json(_RECEIPT), _JSON),
    Target(
        "partner-message", "what arrives on a partner's topic", _detail, lambda: [message()], _JSON
    ),
    Target(
        "signed-detail",
        "what a plant signs for a partner",
        _detail,
        _json({**detail_content(), "nonce": "0" * 32}),
        _JSON,
    ),
    Target("presence", "presence messages", _presence, lambda: [b'{"v":1,"online":true}'], _JSON),
]
