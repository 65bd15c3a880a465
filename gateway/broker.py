"""The words of a link to a broker: messages, last will, terms, limits and errors."""

import logging
import socket
import ssl
from dataclasses import dataclass
from typing import NamedTuple

from adapters.errors import PermanentError, SidestreamError, TransientError
from gateway import tls
from gateway.reasons import SESSION_TAKEN_OVER, Login, publish_mend

MAX_IN_FLIGHT = 20
"""Messages sent and not yet acknowledged, at most; more of them wait their turn."""


# Python 3.11.2 tells an end of file within a handshake as a close, later versions as what it is.
_CUT = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError)


class Inbound(NamedTuple):
    """A message received; `token` is what `Connection.ack` needs."""

    topic: str
    payload: bytes
    retained: bool
    token: object


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, QoS 1, when the link ends otherwise than by a clean end."""

    topic: str
    payload: bytes
    retain: bool = True


class LinkLostError(TransientError):
    """The link ended; what was not acknowledged may or may not have arrived."""


class RefusedError(PermanentError):
    """The broker refused what was asked; `reason` is its reason in lower case."""

    def __init__(self, what: str, *, where: str = "", mend: str = "", reason: str = "") -> None:
        super().__init__(what, where=where, mend=mend)
        self.reason = reason


class PublishRefusedError(RefusedError):
    """The broker will not take this message; sending it again does not help."""


class SubscribeRefusedError(RefusedError):
    """The broker will not send a topic to this client."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a link is opened: session, acknowledgement, will, and messages in flight at most."""

    clean: bool
    session_expiry: int
    manual_ack: bool
    will: Will | None
    in_flight: int = MAX_IN_FLIGHT
    login: Login = ""


class Causes(logging.Handler):
    """Keeps the last error of the socket, which paho only tells its logger."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last: OSError | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the socket error a log record carries."""
        errors = [item for item in record.args or () if isinstance(item, OSError)]
        self.last = errors[-1] if errors else self.last

    def ask(self, ended: object) -> None:
        """Read the alert a broker may have sent before it cut a TLS socket short."""
        if isinstance(ended, ssl.SSLSocket):
            try:
                ended.recv(1)
            except (ssl.SSLWantReadError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                pass
            except (OSError, ValueError) as error:
                self.last = error if isinstance(error, ssl.SSLError) else self.last


def packet_size(topic: str, payload: bytes) -> int:
    """Size in bytes of a PUBLISH packet of QoS 1 without properties (MQTT 5.0, section 3.3)."""
    body = 2 + len(topic.encode("utf-8", "surrogatepass")) + 2 + 1 + len(payload)
    length_bytes = max(1, (body.bit_length() + 6) // 7)
    return 1 + length_bytes + body


def publish_refused(code: int, name: str, where: str) -> PublishRefusedError:
    """Make the error for a message refused with a reason code of that name."""
    reason = name.lower()
    return PublishRefusedError(
        f"the broker refused the message: {reason}",
        where=where,
        mend=publish_mend(code),
        reason=reason,
    )


def explain(error: OSError | ValueError, where: str) -> SidestreamError:
    """Say in words why a broker was not reached, or was lost."""
    if isinstance(error, _CUT):
        return LinkLostError("the broker closed the link", where=where)
    if isinstance(error, ssl.SSLError):
        return tls.explain(error, where)
    if isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN:
        return PermanentError(
            f"the host name is not known ({error.strerror})",
            where=where,
            mend="correct the broker's address, or the computer's name server",
        )
    if isinstance(error, ValueError):
        return PermanentError(f"not an address: {error}", where=where)
    if isinstance(error, TimeoutError):
        return TransientError("no answer in time", where=where)
    return TransientError(str(error.strerror or error).lower(), where=where)


def ended(code: int, name: str, where: str) -> LinkLostError:
    """Make the error for a link the broker ended with a reason code of that name (MQTT 5)."""
    mend = "give each client its own `client_id`" if code == SESSION_TAKEN_OVER else ""
    return LinkLostError(f"the broker ended the link: {name.lower()}", where=where, mend=mend)


def cut_short(where: str, encrypted: bool) -> TransientError:
    """Make the error for a broker that closed the link before it accepted it, without a word."""
    mend = (
        "check that this port speaks TLS, and whether the broker wants a client certificate"
        if encrypted
        else "check that this port speaks MQTT without TLS"
    )
    return TransientError("the broker closed the link at once", where=where, mend=mend)
