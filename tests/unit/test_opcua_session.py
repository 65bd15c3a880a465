"""Decisions around an OPC UA session that need no server: passwords, silence, pauses, errors."""

import asyncio
import time
from typing import Any

import pytest
from asyncua import ua
from asyncua.crypto import security_policies
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from cryptography.exceptions import InvalidSignature
from hypothesis import given
from hypothesis import strategies as st

from adapters.errors import PermanentError, SidestreamError, TransientError
from adapters.opcua.changes import changes
from adapters.opcua.claims import CHANGES, Answer, bound
from adapters.opcua.connect import _refuse_plain_password
from adapters.opcua.feed import Clocks, Feed, Response
from adapters.opcua.lane import Lane
from adapters.opcua.session import Subscribed, sound
from adapters.opcua.settings import OpcUaSource
from adapters.opcua.tasks import together
from adapters.opcua.trouble import explain, plain
from adapters.opcua.trust import leaf
from adapters.reading import NANOSECONDS
from tests.opcuakit import Recorder, certificate, der, source

_NONE = security_policies.SecurityPolicyNone.URI
_SIGNED = security_policies.SecurityPolicyBasic256Sha256.URI


def _feed(**settings: Any) -> Feed:
    line = source("opc.tcp://127.0.0.1", {"rate": "i=1"}, every="1 s", timeout="1 s", **settings)
    assert isinstance(line.settings, OpcUaSource)
    return Feed(line, line.settings, Recorder(), Clocks(time.time_ns, time.monotonic_ns))


def _login(mode: str) -> OpcUaSource:
    table = {
        "protocol": "opcua",
        "url": "opc.tcp://127.0.0.1",
        "security": "Basic256Sha256",
        "message_mode": mode,
        "certificate": "c",
        "private_key": "k",
        "trust_any": True,
        "username": "me",
        "password_file": "p",
    }
    return OpcUaSource.model_validate(table)


def _endpoint(*token_uris: str | None) -> Any:
    tokens = [
        ua.UserTokenPolicy(TokenType=ua.UserTokenType.UserName, SecurityPolicyUri=uri)
        for uri in token_uris
    ]
    return ua.EndpointDescription(SecurityPolicyUri=_SIGNED, UserIdentityTokens=tokens)


@pytest.mark.parametrize(
    ("mode", "uri", "sent"),
    [
        ("SignAndEncrypt", _NONE, True),
        ("Sign", _SIGNED, True),
        ("Sign", None, True),
        ("Sign", "", True),
        ("Sign", _NONE, False),
    ],
)
def test_a_password_never_travels_in_plain_text(mode: str, uri: str | None, sent: bool) -> None:
    if sent:
        _refuse_plain_password(_endpoint(uri), _login(mode))
        return
    with pytest.raises(PermanentError, match="plain text"):
        _refuse_plain_password(_endpoint(uri, _SIGNED), _login(mode))


def test_a_server_that_keeps_the_pace_confirms_silent_points() -> None:
    feed = _feed()
    pace = feed._pace(Subscribed(1, 1.0, 1.0), sampling=0.5)
    assert pace == (3 * NANOSECONDS, None, True)
    assert feed.watch.lag == NANOSECONDS // 2
    assert feed.revised == ()


@pytest.mark.parametrize(("keep_alive", "sampling"), [(10.0, 0.5), (1.0, 10.0)])
def test_where_the_server_is_slow_silent_points_are_read_instead(
    keep_alive: float, sampling: float
) -> None:
    feed = _feed()
    pace = feed._pace(Subscribed(1, 1.0, keep_alive), sampling)
    assert not pace.confirming
    assert pace.refresh == NANOSECONDS
    assert "every 10 s only" in feed.revised[0]


def test_silent_points_are_read_as_often_as_is_written() -> None:
    pace = _feed(stale_after="7 s")._pace(Subscribed(1, 1.0, 1.0), sampling=0.5)
    assert pace.refresh == 7 * NANOSECONDS
    assert pace.confirming


def test_pauses_grow_to_one_interval_and_mistakes_are_tried_slowly() -> None:
    lane = Lane([_feed()], Clocks(time.time_ns, time.monotonic_ns), slow=30)
    pauses = [lane._pause(TransientError("cut")) for _ in range(50)]
    assert pauses[0] <= 0.1
    assert max(pauses) <= 1.0
    assert min(pauses[10:]) >= 0.5
    assert len(set(pauses[10:])) > 1
    assert 15 <= lane._pause(PermanentError("mistake")) <= 30


@given(st.floats())
def test_any_time_a_server_tells_becomes_one_that_can_be_waited_for(seconds: float) -> None:
    assert 0.001 <= sound(seconds) <= 86_400
    if 0.001 <= seconds <= 86_400:
        assert sound(seconds) == seconds


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (ua.uaerrors.BadCertificateUntrusted(), PermanentError, "this client's certificate"),
        (ua.uaerrors.BadUserAccessDenied(), PermanentError, "does not accept this user"),
        (ua.uaerrors.BadTooManySessions(), TransientError, "BadTooManySessions"),
        (TimeoutError(), TransientError, "does not answer in time"),
        (ConnectionRefusedError(111, "refused"), TransientError, "no connection"),
        (ua.UaError("odd"), TransientError, "makes no sense"),
        (InvalidSignature(), PermanentError, "cannot prove"),
    ],
)
def test_an_error_of_the_library_becomes_one_of_ours(
    error: Exception, kind: type[SidestreamError], text: str
) -> None:
    found = explain(error, "opc.tcp://x", opening=True)
    assert type(found) is kind
    assert text in found.what
    assert found.where == "opc.tcp://x"


@given(st.text())
def test_what_a_server_sent_cannot_act_on_a_terminal(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text)) <= 120


def test_a_refusal_on_an_open_session_is_worth_another_session() -> None:
    found = explain(ua.uaerrors.BadUserAccessDenied(), "opc.tcp://x")
    assert type(found) is TransientError


async def test_of_tasks_run_together_the_first_failure_ends_all() -> None:
    ended = []

    async def fails() -> None:
        raise TransientError("cut")

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    with pytest.raises(TransientError, match="cut"):
        await together(waits(), together(waits(), fails()))
    assert ended == [True, True]


def test_the_first_certificate_of_a_chain_is_the_servers() -> None:
    first, second = der(certificate("server")), der(certificate("other"))
    assert leaf(first + second) == first
    assert leaf(first) == first
    assert leaf(b"") == b""


def _result(*values: tuple[int, ua.DataValue], more: bool = False) -> Any:
    items = [ua.MonitoredItemNotification(ClientHandle=at, Value=value) for at, value in values]
    body = struct_to_binary(ua.DataChangeNotification(MonitoredItems=items))
    data = [ua.ExtensionObject(CHANGES, body)] if items else []
    message = ua.NotificationMessage(NotificationData=data)
    return ua.PublishResult(MoreNotifications=more, NotificationMessage=message)


async def _respond(feed: Feed, result: Any, at: int) -> None:
    pace = feed._pace(Subscribed(1, 1.0, 1.0), sampling=0.5)
    feed._handles[1] = 0
    await feed._response(Response(result, 1_790_000_000 * NANOSECONDS + at, at), pace)


async def test_a_response_with_more_to_come_proves_nothing_of_silent_points() -> None:
    feed = _feed()
    told = feed.outlet
    assert isinstance(told, Recorder)
    await _respond(feed, _result((1, ua.DataValue(Value=ua.Variant(1.0)))), 0)
    await _respond(feed, _result(more=True), 2 * NANOSECONDS)
    assert len(told.readings) == 1
    await _respond(feed, _result(more=False), 3 * NANOSECONDS)
    assert len(told.readings) == 2


async def test_values_lost_in_a_queue_of_the_server_are_noted() -> None:
    feed = _feed()
    lost = ua.DataValue(Value=ua.Variant(1.0), StatusCode=ua.StatusCode(0x0480))
    await _respond(feed, _result((1, lost)), 0)
    assert any("queue_size" in note for note in feed._notes())


@pytest.mark.parametrize("body", [b"\x01\0\0\0\x01\0\0\0\x03", None], ids=["cut", "none"])
async def test_a_notification_that_cannot_be_read_ends_the_session(body: bytes | None) -> None:
    result = _result()
    result.NotificationMessage.NotificationData = [ua.ExtensionObject(CHANGES, body)]
    with pytest.raises(TransientError, match="makes no sense"):
        await _respond(_feed(), result, 0)


def test_the_library_leaves_data_changes_as_bytes() -> None:
    bound()
    sent = struct_to_binary(_result((1, ua.DataValue(Value=ua.Variant(1.0)))))
    found = struct_from_binary(ua.PublishResult, Answer(sent))
    (part,) = found.NotificationMessage.NotificationData
    assert part.TypeId == CHANGES
    assert [run.values for run in changes(part.Body)] == [(1.0,)]


async def test_a_notification_for_an_unknown_item_is_left_out() -> None:
    feed = _feed()
    await _respond(feed, _result((99, ua.DataValue(Value=ua.Variant(1.0)))), 0)
    assert isinstance(feed.outlet, Recorder)
    assert feed.outlet.readings == []


async def test_a_subscription_the_server_ends_is_a_lost_session() -> None:
    result = _result()
    status = ua.StatusChangeNotification(Status=ua.StatusCode(ua.StatusCodes.BadTimeout))
    result.NotificationMessage.NotificationData = [status]
    with pytest.raises(TransientError, match=r"ended the subscription \(BadTimeout\)"):
        await _respond(_feed(), result, 0)
