"""What a broker's reason codes (MQTT 5.0, section 2.4) mean to a person."""

from typing import Literal

from adapters.errors import PermanentError, SidestreamError, TransientError

Login = Literal["user", "certificate", ""]
"""How a client says who it is: by name and password, by its certificate, or not at all."""
NO_SUBSCRIBERS = 16
BAD_LOGIN = 134
NOT_AUTHORIZED = 135
KEEPALIVE_TIMEOUT = 141
SESSION_TAKEN_OVER = 142
PACKET_TOO_LARGE = 149

_CONNECT_MENDS = {
    128: "",
    129: "",
    130: "",
    132: 'set `version` to the broker\'s: "5" or "3.1.1"',
    133: "give this client another `client_id`, or ask the broker's operator which it accepts",
    138: "ask the broker's operator to lift the ban on this client",
    140: "ask the broker's operator for user name or certificate authentication",
    144: "ask the broker's operator to allow the topic of this client's last will",
    149: "ask the broker's operator to raise the packet size limit",
    154: "use a broker that keeps retained messages",
    155: "use a broker that offers QoS 1",
    156: "correct the broker's address: it names another server",
    157: "correct the broker's address: it has moved",
}

BLAME = frozenset({129, 130, NOT_AUTHORIZED, 144, PACKET_TOO_LARGE, 153, 154, 155})
"""Reasons for which a broker ends the connection because of one message it was sent."""


_USER = (
    "check `username` and the password in `password_file`; then ask the broker's operator to admit "
    "this user"
)
_UNKNOWN = (
    "set `username` and `password_file`, or `certificate` and `key` in [hub.tls], to what the "
    "broker's operator gave for this client"
)
_LOGINS = {
    "user": ("the broker does not admit this user (wrong name or password)", _USER),
    "certificate": (
        "the broker does not admit the name in this client's certificate",
        "ask the broker's operator to admit this certificate's common name",
    ),
    "": ("the broker admits nobody without a login", _UNKNOWN),
}
"""Refusals of a CONNACK by how the client says who it is: brokers do not tell them apart."""


def refused_connection(code: int, name: str, where: str, login: Login) -> SidestreamError:
    """Make the error for a CONNACK: permanent when a person must act, else transient."""
    if code in (BAD_LOGIN, NOT_AUTHORIZED):
        what, mend = _LOGINS[login]
        return PermanentError(f"{what}: {name.lower()}", where=where, mend=mend)
    what = f"the broker refused the connection: {name.lower()}"
    mend = _CONNECT_MENDS.get(code, "")
    if not mend:
        return TransientError(what, where=where)
    return PermanentError(what, where=where, mend=mend)


def publish_mend(code: int) -> str:
    """Say what to do about a refused message."""
    return {
        130: "see the broker's log: most likely the message is above its size limit",
        NOT_AUTHORIZED: "let this client write the topic in the broker's access control list",
        PACKET_TOO_LARGE: "raise the broker's size limit, or publish less at once",
        151: "raise the broker's quota for this client",
    }.get(code, "see the broker's log")
