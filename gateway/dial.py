"""Open a link to a broker: resolve, connect and shake hands in a thread, then wait for CONNACK."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from adapters.errors import SidestreamError
from config.plan import BrokerPlan
from gateway import tls
from gateway.broker import MAX_IN_FLIGHT, Causes, LinkLostError, Terms, cut_short, explain
from gateway.connection import Connection
from gateway.reasons import Login
from gateway.secret import read_secret

MAX_UNACKED = 1000
"""Messages the broker may send ahead of our acknowledgements (MQTT 5 Receive Maximum)."""
MAX_PACKET = 1_048_576
"""Largest packet, in bytes, that an MQTT 5 broker may send."""
OPEN_SECONDS = 15.0


async def open_connection(plan: BrokerPlan, terms: Terms) -> Connection:
    """Connect to a broker.

    TLS files and the password's file are read anew each time. Raises `PermanentError` for what a
    person must mend, else `TransientError`.
    """
    client = _client(plan, terms)
    causes = Causes()
    client.enable_logger(_logger(causes))
    client.on_socket_close = lambda _client, _data, closing: causes.ask(closing)
    connection = Connection(client, _where(plan), replace(terms, login=_login(plan)), causes)
    try:
        async with asyncio.timeout(OPEN_SECONDS):
            await _in_thread(lambda: _dial(client, plan, terms), lambda: _hang_up(client))
            await connection.accepted()
    except (OSError, ValueError, SidestreamError) as error:
        connection.abandon()
        raise _problem(error, causes, plan) from error
    except BaseException:
        connection.abandon()
        raise
    return connection


def _login(plan: BrokerPlan) -> Login:
    if plan.username is not None:
        return "user"
    return "certificate" if plan.tls is not None and plan.tls.certificate else ""


def _where(plan: BrokerPlan) -> str:
    return f"{plan.host}:{plan.port}"


def _problem(
    error: OSError | ValueError | SidestreamError, causes: Causes, plan: BrokerPlan
) -> SidestreamError:
    if not isinstance(error, SidestreamError):
        error = explain(causes.last or error, _where(plan))
    if isinstance(error, LinkLostError):
        return cut_short(_where(plan), encrypted=plan.tls is not None)
    return error


def _logger(causes: Causes) -> logging.Logger:
    logger = logging.Logger("sidestream.mqtt", logging.ERROR)  # noqa: LOG001 - one for each link
    logger.addHandler(causes)
    return logger


def _client(plan: BrokerPlan, terms: Terms) -> Client:
    five = plan.version == "5"
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=plan.client_id or "",
        clean_session=None if five else terms.clean,
        protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.max_inflight_messages = MAX_IN_FLIGHT
    if terms.will is not None:
        client.will_set(terms.will.topic, terms.will.payload, qos=1, retain=terms.will.retain)
    return client


def _dial(client: Client, plan: BrokerPlan, terms: Terms) -> None:
    if plan.username is not None:
        client.username_pw_set(plan.username, _password(plan))
    if plan.tls is not None:
        client.tls_set_context(tls.context(plan.tls))
    # A silent link is found after two of paho's intervals: three quarters make it one and a half.
    keepalive = max(1, plan.keepalive * 3 // 4)
    if plan.version == "5":
        code = client.connect(
            plan.host,
            plan.port,
            keepalive,
            clean_start=terms.clean,
            properties=_properties(terms),
        )
    else:
        code = client.connect(plan.host, plan.port, keepalive)
    if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
        raise ConnectionResetError("the broker closed the link")


def _password(plan: BrokerPlan) -> str | None:
    if plan.password_file is None:
        return plan.password
    return read_secret(plan.password_file)


def _properties(terms: Terms) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = terms.session_expiry
    properties.ReceiveMaximum = MAX_UNACKED
    properties.MaximumPacketSize = MAX_PACKET
    return properties


def _hang_up(client: Client) -> None:
    found = client.socket()
    if found is not None:
        found.close()


async def _in_thread(work: Callable[[], None], undo: Callable[[], None]) -> None:
    """Do blocking work in a thread that never delays the end of the program.

    When nobody waits for the work any more, `undo` is called after it.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Exception | None] = loop.create_future()

    def finish(error: Exception | None) -> None:
        if done.cancelled():
            undo()
        else:
            done.set_result(error)

    def run() -> None:
        failure: Exception | None = None
        try:
            work()
        except (OSError, ValueError, SidestreamError) as error:
            failure = error
        try:
            loop.call_soon_threadsafe(finish, failure)
        except RuntimeError:  # the loop has been closed meanwhile
            undo()

    threading.Thread(target=run, name="mqtt-connect", daemon=True).start()
    failure = await done
    if failure is not None:
        raise failure
