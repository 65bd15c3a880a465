"""Certificates: this client's own, and the decision whether a server's is to be trusted.

The decision is taken before a channel is opened, on the certificate the server shows, and the
channel is then opened for that certificate alone. Three ways to trust, one of which must be
written: one pinned certificate; a folder of certificates of servers or of the authorities that
issued theirs; or any certificate at all. A certificate that is trusted through its authority must
also name the host. Revocation lists are not read.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from adapters.errors import PermanentError

if TYPE_CHECKING:
    from adapters.opcua.settings import OpcUaSource

SUFFIXES = (".pem", ".crt", ".cer", ".der")
PEM = b"-----BEGIN"


@dataclass(frozen=True, slots=True)
class Trust:
    """Which servers are trusted: one certificate, any of a folder, or (`anybody`) all."""

    pinned: x509.Certificate | None = None
    folder: tuple[x509.Certificate, ...] = ()
    anybody: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client shows and expects; keys and passwords stay out of its text."""

    certificate: x509.Certificate | None = None
    key: bytes = field(default=b"", repr=False)
    application_uri: str = ""
    trust: Trust = Trust()
    password: str | None = field(default=None, repr=False)


def credentials(settings: "OpcUaSource", now: datetime) -> Credentials:
    """Read the files a source names; raises `PermanentError` that says which is wrong and how."""
    password = None if settings.password_file is None else _password(settings.password_file)
    if settings.certificate is None or settings.private_key is None:
        return Credentials(application_uri=settings.application_uri or "", password=password)
    own = _one(settings.certificate)
    _in_time(own, now, settings.certificate, "this client's certificate")
    uri = _application_uri(own, settings)
    return Credentials(own, _key(settings.private_key, own), uri, _trust(settings), password)


def refuse(shown: bytes, trust: Trust, host: str, now: datetime, where: str) -> None:
    """Raise `PermanentError` unless the certificate (DER) a server shows is trusted."""
    if trust.anybody:
        return
    try:
        server = x509.load_der_x509_certificate(shown)
    except ValueError:
        raise PermanentError("the server shows no readable certificate", where=where) from None
    if trust.pinned is not None:
        _pinned(server, trust.pinned, where)
    elif server not in trust.folder:
        _issued(server, trust.folder, now, where)
        _names(server, host, where)
    _in_time(server, now, where, "the server's certificate")


def fingerprint(certificate: x509.Certificate) -> str:
    """Give the SHA-256 of a certificate as people compare it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":")


def leaf(der: bytes) -> bytes:
    """Give the first certificate of a chain as servers send it: one after the other."""
    if len(der) < 4 or der[0] != 0x30 or der[1] != 0x82:  # noqa: PLR2004  # DER: long sequence
        return der
    return der[: int.from_bytes(der[2:4], "big") + 4]


def _pinned(server: x509.Certificate, pinned: x509.Certificate, where: str) -> None:
    if server != pinned:
        raise PermanentError(
            "the server shows another certificate than `server_certificate` "
            f"(SHA-256 {fingerprint(server)})",
            where=where,
            mend="if the server's certificate was renewed, fetch it from the server itself",
        )


def _issued(
    server: x509.Certificate, folder: Iterable[x509.Certificate], now: datetime, where: str
) -> None:
    issuers = [issuer for issuer in folder if _issues(issuer, server)]
    if not issuers:
        raise PermanentError(
            f"the server's certificate is not trusted (SHA-256 {fingerprint(server)})",
            where=where,
            mend="compare it with the server's own, then put it into the `trusted` folder",
        )
    _in_time(issuers[0], now, where, "the certificate of the server's authority")


def _issues(issuer: x509.Certificate, server: x509.Certificate) -> bool:
    try:
        authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        server.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return authority


def _names(server: x509.Certificate, host: str, where: str) -> None:
    names = _alternatives(server)
    if host.lower() not in {name.lower() for name in names}:
        raise PermanentError(
            f"the server's certificate is for another host: {', '.join(names) or 'it names none'}",
            where=where,
            mend="write the host as the certificate names it, or trust that certificate itself",
        )


def _alternatives(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        address
        for address in found.get_values_for_type(x509.IPAddress)
        if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address)
    ]
    return [*found.get_values_for_type(x509.DNSName), *map(str, addresses)]


def _in_time(certificate: x509.Certificate, now: datetime, where: str, what: str) -> None:
    if now > certificate.not_valid_after_utc:
        day = certificate.not_valid_after_utc.astimezone(UTC)
        raise PermanentError(f"{what} has expired ({day:%Y-%m-%d})", where=where, mend="renew it")
    if now < certificate.not_valid_before_utc:
        day = certificate.not_valid_before_utc.astimezone(UTC)
        raise PermanentError(
            f"{what} is not valid before {day:%Y-%m-%d}",
            where=where,
            mend="see whether the clock of this computer is right",
        )


def _application_uri(own: x509.Certificate, settings: "OpcUaSource") -> str:
    where = str(settings.certificate)
    try:
        found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = found.get_values_for_type(x509.UniformResourceIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        uris = []
    wanted = settings.application_uri
    if not uris or (wanted is not None and wanted not in uris):
        raise PermanentError(
            f"the certificate does not name the application URI {wanted or '(it names none)'}",
            where=where,
            mend="make a certificate whose subjectAltName holds the application URI",
        )
    return wanted or uris[0]


def _trust(settings: "OpcUaSource") -> Trust:
    if settings.server_certificate is not None:
        return Trust(pinned=_one(settings.server_certificate))
    if settings.trusted is not None:
        return Trust(folder=tuple(_folder(settings.trusted)))
    return Trust(anybody=settings.trust_any)


def _folder(path: str) -> list[x509.Certificate]:
    try:
        files = sorted(file for file in Path(path).iterdir() if file.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise _unreadable(path, error) from error
    found = [certificate for file in files for certificate in _certificates(str(file))]
    if not found:
        raise PermanentError(
            "the folder of trusted certificates holds none",
            where=path,
            mend=f"put certificates there, as {', '.join(SUFFIXES)}",
        )
    return found


def _one(path: str) -> x509.Certificate:
    return _certificates(path)[0]


def _certificates(path: str) -> list[x509.Certificate]:
    content = _read(path)
    try:
        if PEM in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError:
        raise PermanentError("not a certificate in PEM or DER form", where=path) from None


def _key(path: str, own: x509.Certificate) -> bytes:
    content = _read(path)
    load = (
        serialization.load_pem_private_key if PEM in content else serialization.load_der_private_key
    )
    try:
        key = load(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise PermanentError(
            "not a private key in PEM or DER form without a password", where=path
        ) from None
    if not isinstance(key, RSAPrivateKey) or key.public_key() != own.public_key():
        raise PermanentError("not the RSA private key of `certificate`", where=path)
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _password(path: str) -> str:
    try:
        return _read(path).decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise PermanentError("the password is not UTF-8 text", where=path) from None


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> PermanentError:
    return PermanentError(
        f"cannot be read ({error.strerror})",
        where=path,
        mend="see that it exists and that the service's user may read it",
    )
