"""What the protocol's library raises, as errors of this project: who must act, and how."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from asyncua import ua
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from adapters.errors import PermanentError, SidestreamError, TransientError
from adapters.opcua.nodes import code_name

_CODES = ua.StatusCodes
_CLIENT = (
    "the server does not accept this client's certificate",
    "mark the client's certificate as trusted on the server",
)
_LOGIN = (
    "the server does not accept this user",
    "see `username` and `password_file`, and the server's list of users",
)
_POLICY = (
    "the server refuses this security policy or mode",
    "see which it offers with `sidestream probe`",
)
_PERMANENT: dict[int, tuple[str, str]] = {
    _CODES.BadSecurityChecksFailed: _CLIENT,
    _CODES.BadCertificateUntrusted: _CLIENT,
    _CODES.BadCertificateInvalid: _CLIENT,
    _CODES.BadCertificateUriInvalid: _CLIENT,
    _CODES.BadCertificateTimeInvalid: _CLIENT,
    _CODES.BadCertificateUseNotAllowed: _CLIENT,
    _CODES.BadCertificateHostNameInvalid: _CLIENT,
    _CODES.BadCertificateRevoked: _CLIENT,
    _CODES.BadCertificateChainIncomplete: _CLIENT,
    _CODES.BadCertificatePolicyCheckFailed: _CLIENT,
    _CODES.BadNoValidCertificates: _CLIENT,
    _CODES.BadIdentityTokenInvalid: _LOGIN,
    _CODES.BadIdentityTokenRejected: _LOGIN,
    _CODES.BadUserAccessDenied: _LOGIN,
    _CODES.BadUserSignatureInvalid: _LOGIN,
    _CODES.BadSecurityPolicyRejected: _POLICY,
    _CODES.BadSecurityModeRejected: _POLICY,
}

FOREIGN = (
    OSError,
    ua.UaError,
    InvalidSignature,
    UnsupportedAlgorithm,
    struct.error,
    # What decoding a malformed answer may raise inside the library:
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    AssertionError,
    RecursionError,
)


@contextmanager
def translated(where: str, *, opening: bool = False) -> Iterator[None]:
    """Turn what the library raises into a `SidestreamError` that names `where`.

    Holds calls of the library only: errors of this project's own code must not be hidden by it.
    While a session is `opening`, a refusal is for a person to mend; on an open session the same
    code means that the session is lost, and a new one may be had.
    """
    try:
        yield
    except FOREIGN as error:
        raise explain(error, where, opening=opening) from error


def explain(error: Exception, where: str, *, opening: bool = False) -> SidestreamError:
    """Say what an exception of the library means."""
    if isinstance(error, ua.UaStatusCodeError):
        return _status(error, where, opening)
    if isinstance(error, TimeoutError):
        return TransientError("the server does not answer in time", where=where)
    if isinstance(error, OSError):
        return TransientError(
            f"no connection ({_reason(error)})",
            where=where,
            mend="check the address and port of `url`, and that the server runs",
        )
    if isinstance(error, InvalidSignature):
        return PermanentError("the server cannot prove its certificate is its own", where=where)
    return TransientError(f"the server's answer makes no sense ({_short(error)})", where=where)


def _status(error: ua.UaStatusCodeError, where: str, opening: bool) -> SidestreamError:
    code = error.code or 0
    name = code_name(code)
    known = _PERMANENT.get(code) if opening else None
    if known is not None:
        return PermanentError(f"{known[0]} ({name})", where=where, mend=known[1])
    return TransientError(f"the server answers {name}", where=where)


def plain(text: str, longest: int = 120) -> str:
    """Cut what a server sent to a length, without characters that would act on a terminal."""
    return "".join(each if each.isprintable() else "?" for each in text[:longest])


def _reason(error: OSError) -> str:
    """Say what the system says, without the number and address that asyncio adds to it."""
    known = os.strerror(error.errno) if error.errno and error.errno > 0 else ""
    if isinstance(error, socket.gaierror) or not known or known.startswith("Unknown error"):
        known = error.strerror or _short(error)
    return plain(known.lower())


def _short(error: Exception) -> str:
    return plain(str(error) or type(error).__name__)
