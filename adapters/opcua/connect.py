"""Open a session exactly as the settings demand, and in no other way."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asyncua import Client, ua
from asyncua.crypto import security_policies
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.errors import PermanentError, SidestreamError, TransientError
from adapters.opcua.bounds import open_socket
from adapters.opcua.session import SESSION_SECONDS, Session
from adapters.opcua.trouble import plain, translated
from adapters.opcua.trust import Credentials, credentials, leaf, refuse
from adapters.reading import NANOSECONDS

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaSource

PATIENCE = 5
"""Opening a secured session may take this many times the timeout: small servers compute slowly."""
_MOST_NAMED = 20
_MODES = {
    "Sign": ua.MessageSecurityMode.Sign,
    "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt,
}


async def connect(settings: "OpcUaSource", now: int, session_seconds: float) -> Session:
    """Open a session exactly as the settings demand.

    `now` is in ns since 1970, for the validity of certificates. Raises `PermanentError` for what
    a person must mend (a certificate, a user, an endpoint that is not offered), else
    `TransientError`. Never falls back to less security than was written.
    """
    _quiet()
    moment = datetime.fromtimestamp(now / NANOSECONDS, UTC)
    own = credentials(settings, moment)
    if settings.security != "None":
        shown = await _shown(settings, own, moment)
        return await _open(settings, own, shown, session_seconds)
    try:
        return await _open(settings, own, b"", session_seconds)
    except SidestreamError as error:
        if _talks(error):
            await _better_reason(settings, own, moment)
        raise


async def _shown(settings: "OpcUaSource", own: Credentials, now: datetime) -> bytes:
    """Give the trusted certificate (DER) to open a channel for."""
    try:
        return await _server_certificate(settings, own, now)
    except TransientError as error:
        # Some servers tell nothing without security: then the pinned certificate must do.
        if own.trust.pinned is None or not _talks(error):
            raise
    pinned = own.trust.pinned.public_bytes(Encoding.DER)
    refuse(pinned, own.trust, "", now, settings.url)
    return pinned


def _talks(error: SidestreamError) -> bool:
    """Tell whether there was a server at all to refuse something."""
    return not isinstance(error.__cause__, TimeoutError | ConnectionRefusedError)


async def _better_reason(settings: "OpcUaSource", own: Credentials, now: datetime) -> None:
    """Raise what the server's own list of endpoints tells better than its refusal did."""
    with suppress(TransientError):
        await _server_certificate(settings, own, now)


async def _server_certificate(settings: "OpcUaSource", own: Credentials, now: datetime) -> bytes:
    """Find the endpoint wanted and give its certificate, once it is trusted (empty if none)."""
    client = _client(settings, own)
    with translated(settings.url, opening=True):
        try:
            async with asyncio.timeout(settings.timeout * 2):
                await open_socket(client)
                await client.send_hello()
                await client.open_secure_channel()
                offered = await client.get_endpoints()
                await client.close_secure_channel()
        finally:
            client.disconnect_socket()
    wanted = _endpoint(offered or [], settings)
    if settings.security == "None":
        return b""
    shown = leaf(wanted.ServerCertificate or b"")
    refuse(shown, own.trust, urlsplit(settings.url).hostname or "", now, settings.url)
    return shown


def _endpoint(offered: Sequence[Any], settings: "OpcUaSource") -> Any:
    policy, mode = _policy(settings)
    for endpoint in offered:
        if endpoint.SecurityPolicyUri == policy.URI and endpoint.SecurityMode == mode:
            return endpoint
    names = sorted({_offer(endpoint) for endpoint in offered[:_MOST_NAMED]})
    raise PermanentError(
        f"the server does not offer {_wanted(settings)}; it offers {', '.join(names) or 'nothing'}",
        where=settings.url,
        mend="set `security` and `message_mode` to one of these, or configure the server",
    )


def _wanted(settings: "OpcUaSource") -> str:
    if settings.security == "None":
        return "security None"
    return f"{settings.security} {settings.message_mode}"


def _offer(endpoint: Any) -> str:
    policy = plain(str(endpoint.SecurityPolicyUri or "").rpartition("#")[2].replace("_", ""), 40)
    mode = getattr(endpoint.SecurityMode, "name", "")
    return "None" if policy == "None" else f"{policy} {mode}"


def _policy(settings: "OpcUaSource") -> tuple[Any, Any]:
    if settings.security == "None":
        return security_policies.SecurityPolicyNone, ua.MessageSecurityMode.None_
    policy = getattr(security_policies, f"SecurityPolicy{settings.security}")
    return policy, _MODES[settings.message_mode]


def _client(settings: "OpcUaSource", own: Credentials) -> Client:
    client = Client(settings.url, timeout=settings.timeout * PATIENCE)
    client.name = client.description = "Sidestream"
    client.product_uri = "urn:sidestream"
    client.application_uri = own.application_uri or "urn:sidestream:agent"
    return client


async def _open(
    settings: "OpcUaSource", own: Credentials, shown: bytes, session_seconds: float
) -> Session:
    client = _client(settings, own)
    client.session_timeout = int(max(session_seconds, SESSION_SECONDS) * 1000)
    session = Session(client, settings.url, settings.timeout)
    try:
        with translated(settings.url, opening=True):
            await _secure(client, settings, own, shown)
            async with asyncio.timeout(settings.timeout):
                await open_socket(client)
                await client.send_hello()
            async with asyncio.timeout(settings.timeout * PATIENCE):
                await client.open_secure_channel()
                made = await client.create_session()
        _refuse_plain_password(_endpoint(made.ServerEndpoints or [], settings), settings)
        with translated(settings.url, opening=True):
            async with asyncio.timeout(settings.timeout * PATIENCE):
                await client.activate_session(settings.username, own.password)
        await session.measure()
    except BaseException:
        await session.close()
        raise
    return session


async def _secure(client: Client, settings: "OpcUaSource", own: Credentials, shown: bytes) -> None:
    if settings.security == "None" or own.certificate is None:
        return
    policy, mode = _policy(settings)
    certificate = own.certificate.public_bytes(Encoding.DER)
    await client.set_security(policy, certificate, own.key, server_certificate=shown, mode=mode)


def _refuse_plain_password(endpoint: Any, settings: "OpcUaSource") -> None:
    """Send a password only where the message or the password itself is encrypted."""
    if settings.username is None or settings.message_mode == "SignAndEncrypt":
        return
    for policy in endpoint.UserIdentityTokens or []:
        if policy.TokenType == ua.UserTokenType.UserName:
            uri = policy.SecurityPolicyUri or endpoint.SecurityPolicyUri
            if uri != security_policies.SecurityPolicyNone.URI:
                return
            break
    raise PermanentError(
        "the server takes the password in plain text only",
        where=settings.url,
        mend='set message_mode = "SignAndEncrypt"',
    )


def _quiet() -> None:
    """Silence the library unless somebody set its level: what it says, `Health` says better."""
    logger = logging.getLogger("asyncua")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL + 1)
