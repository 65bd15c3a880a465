"""Sizes, reasons and errors of MQTT and TLS as pure functions."""

import socket
import ssl
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from adapters.errors import PermanentError, TransientError
from gateway.broker import ended, explain, packet_size, publish_refused
from gateway.reasons import Login, refused_connection

topics = st.text(
    st.characters(codec="utf-8", exclude_characters="+#\0", exclude_categories=["Cs"]), min_size=1
).filter(lambda topic: len(topic.encode()) < 60000)


# Lengths around which the header grows by a byte, and any other.
lengths = st.integers(0, 2000) | st.integers(16_350, 16_390) | st.integers(2_097_100, 2_097_150)


@settings(max_examples=40, deadline=None)
@given(topics, lengths)
def test_a_packets_size_is_what_goes_over_the_wire(topic: str, length: int) -> None:
    payload = b"x" * length
    assert packet_size(topic, payload) == len(_sent(topic, payload))


def _sent(topic: str, payload: bytes) -> bytes:
    """Let paho write CONNECT and a message to a socket pair; gives the message's packet."""
    here, there = socket.socketpair()
    with here, there:
        client = _Paired(here)
        client.connect("nowhere", 1)
        there.recv(65536)
        client.publish(topic, payload, qos=1)
        there.setblocking(False)
        got = b""
        while client.want_write() or not got:
            client.loop_write()
            got += _drain(there)
        got += _drain(there)
        client.on_socket_close = None
        return got


def _drain(there: socket.socket) -> bytes:
    got = b""
    try:
        while data := there.recv(65536):
            got += data
    except BlockingIOError:
        return got
    return got


class _Paired(Client):
    """A paho client whose connection is one end of a socket pair."""

    def __init__(self, end: socket.socket) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.end = end

    def _create_socket(self) -> socket.socket:
        return self.end


LOGINS = st.sampled_from(get_args(Login))


@given(st.sampled_from(sorted(ReasonCode.names)), LOGINS)
def test_every_reason_to_refuse_a_connection_has_words_and_where(code: int, login: Login) -> None:
    names = [name for name, kinds in ReasonCode.names[code].items() if PacketTypes.CONNACK in kinds]
    for name in names:
        error = refused_connection(code, name, "hub:8883", login)
        assert name.lower() in str(error)
        assert str(error).startswith("hub:8883: ")
        assert isinstance(error, TransientError) or error.mend


@given(st.sampled_from([132, 133, 134, 135, 138]), LOGINS)
def test_what_only_a_person_can_mend_is_permanent(code: int, login: Login) -> None:
    assert isinstance(refused_connection(code, "name", "hub", login), PermanentError)


@given(st.sampled_from([136, 137, 151, 159]), LOGINS)
def test_what_passes_by_itself_is_transient(code: int, login: Login) -> None:
    assert isinstance(refused_connection(code, "name", "hub", login), TransientError)


def test_a_login_that_is_refused_is_told_by_what_it_was() -> None:
    told = {refused_connection(135, "not authorized", "hub", one).what for one in get_args(Login)}
    assert len(told) == len(get_args(Login))


def test_a_client_id_used_twice_is_explained() -> None:
    error = ended(142, "Session taken over", "hub:8883")
    assert "session taken over" in str(error)
    assert "its own `client_id`" in error.mend
    assert not ended(139, "Server shutting down", "hub:8883").mend


@given(st.integers(0, 255), st.text())
def test_a_refused_message_carries_its_reason_in_lower_case(code: int, name: str) -> None:
    error = publish_refused(code, name, "topic")
    assert error.reason == name.lower()
    assert error.mend


@given(
    st.sampled_from(
        [OSError, ConnectionRefusedError, ConnectionResetError, BrokenPipeError, TimeoutError]
    ),
    st.text(),
)
def test_a_broken_line_is_transient(kind: type[OSError], text: str) -> None:
    assert isinstance(explain(kind(5, text), "hub:1883"), TransientError)


@given(st.sampled_from(["TLSV1_ALERT_ACCESS_DENIED", "TLSV13_ALERT_CERTIFICATE_REQUIRED"]))
def test_an_alert_of_the_broker_is_permanent_and_says_what_to_set(reason: str) -> None:
    alert = ssl.SSLError(1, reason)
    alert.reason = reason
    error = explain(alert, "hub:8883")
    assert isinstance(error, PermanentError)
    assert "`certificate` and `key`" in error.mend
