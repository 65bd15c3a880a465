"""TLS to a broker: contexts made from certificate files, and handshake errors told in words."""

import socket
import ssl
from typing import Any, NamedTuple

from adapters.errors import PermanentError, SidestreamError, TransientError
from config.plan import TlsPlan


class _Words(NamedTuple):
    what: str
    mend: str


_CA = "set `ca` to the certificate of the authority that signed the broker's certificate"

# Codes of X509_V_ERR_* in OpenSSL's x509_vfy.h.
_VERIFY = {
    7: _Words("the broker's certificate comes from another authority of the same name", _CA),
    9: _Words(
        "the broker's certificate is not yet valid",
        "check the clock of this computer with `timedatectl`, then the dates of the certificate",
    ),
    10: _Words(
        "the broker's certificate has expired",
        "ask the broker's operator for a new one; check this computer's clock with `timedatectl`",
    ),
    18: _Words("the broker's certificate is self-signed and not trusted", _CA),
    19: _Words(
        "the broker's certificate comes from an unknown authority (its root is its own)", _CA
    ),
    20: _Words("the broker's certificate comes from an unknown authority", _CA),
    21: _Words("the broker's certificate comes from an unknown authority", _CA),
    23: _Words(
        "the broker's certificate was revoked", "ask the broker's operator for a new certificate"
    ),
}
_NAME_MISMATCH = frozenset({62, 64})

# Alerts of RFC 8446 section 6.2 as OpenSSL names them.
_CLIENT = "set `certificate` and `key` to files the broker's operator gave for this client"
_ALERTS = {
    "CERTIFICATE_REQUIRED": _Words("the broker requires a client certificate", _CLIENT),
    "HANDSHAKE_FAILURE": _Words(
        "the broker refused the TLS handshake, as it does without a client certificate it requires",
        _CLIENT,
    ),
    "BAD_CERTIFICATE": _Words("the broker refused the client certificate", _CLIENT),
    "UNSUPPORTED_CERTIFICATE": _Words(
        "the broker does not take this kind of client certificate", _CLIENT
    ),
    "CERTIFICATE_REVOKED": _Words("the client certificate was revoked", _CLIENT),
    "CERTIFICATE_EXPIRED": _Words(
        "the client certificate has expired",
        "a plant: `sidestream renew --offline`; a hub: sign a new one, and put it in its place",
    ),
    "CERTIFICATE_UNKNOWN": _Words("the broker refused the client certificate", _CLIENT),
    "UNKNOWN_CA": _Words(
        "the broker does not know the authority of the client certificate", _CLIENT
    ),
    "ACCESS_DENIED": _Words("the broker refused this client", _CLIENT),
    "PROTOCOL_VERSION": _Words(
        "the broker speaks no TLS version from 1.2 on", "ask the broker's operator for TLS 1.2"
    ),
}
_NOT_TLS = _Words(
    "the broker does not speak TLS on this port",
    "correct the port (8883 is usual for TLS), or enable TLS at the broker",
)
_NO_TLS_REASONS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"})


class _Context(ssl.SSLContext):
    """Shakes hands as soon as a socket is wrapped, and closes the socket when that fails."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        wrapped = super().wrap_socket(sock, *args, **kwargs)
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def context(plan: TlsPlan) -> ssl.SSLContext:
    """Read the files into a context for TLS 1.2 or later that checks the broker's name.

    Without a CA file the system's authorities are trusted. Raises `PermanentError` naming the file
    that is missing, unreadable or wrong.
    """
    made = _Context(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if plan.ca is None:
        made.load_default_certs()
    else:
        _load_ca(made, plan.ca)
    if plan.certificate is not None:
        _load_client(made, plan.certificate, plan.key)
    return made


def _load_ca(made: ssl.SSLContext, ca: str) -> None:
    try:
        made.load_verify_locations(ca)
    except ssl.SSLError as error:
        raise PermanentError("holds no CA certificate in PEM form", where=ca, mend=_CA) from error
    except OSError as error:
        raise _unreadable(ca, error) from error


def _load_client(made: ssl.SSLContext, certificate: str, key: str | None) -> None:
    for path in filter(None, (certificate, key)):
        try:
            with open(path, "rb"):  # noqa: PTH123 - the path stays as it was written
                pass
        except OSError as error:
            raise _unreadable(path, error) from error
    try:
        # An empty pass phrase keeps OpenSSL from asking for one on a terminal.
        made.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise PermanentError(
            _chain_problem(error),
            where=f"{certificate}, {key}" if key else certificate,
            mend="`certificate` and an unencrypted `key` must be PEM files that belong together",
        ) from error


def _chain_problem(error: ssl.SSLError | ValueError) -> str:
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return "the key does not belong to the client certificate"
    return "the client certificate or its key is not an unencrypted PEM file"


def _unreadable(path: str, error: OSError) -> PermanentError:
    return PermanentError(
        f"the file cannot be read ({error.strerror})",
        where=path,
        mend="correct the path, or let the service's user read the file",
    )


def explain(error: ssl.SSLError, where: str) -> SidestreamError:
    """Say in words why a TLS handshake failed; `PermanentError` when a person must act."""
    words = (
        _verification(error)
        if isinstance(error, ssl.SSLCertVerificationError)
        else _refusal(error.reason or "")
    )
    if words is None:
        return TransientError(f"TLS failed: {error.reason or error}", where=where)
    return PermanentError(words.what, where=where, mend=words.mend)


def _verification(error: ssl.SSLCertVerificationError) -> _Words:
    if error.verify_code in _NAME_MISMATCH:
        return _Words(
            f"the broker's certificate is for another name ({error.verify_message.rstrip('.')})",
            "write the broker's address as in its certificate, or ask its operator for a new one",
        )
    fallback = _Words(f"the broker's certificate was refused: {error.verify_message}", _CA)
    return _VERIFY.get(error.verify_code, fallback)


def _refusal(reason: str) -> _Words | None:
    if reason in _NO_TLS_REASONS:
        return _NOT_TLS
    name = reason.partition("_ALERT_")[2]
    return _ALERTS.get(name)
