"""The cluster's authority: signs certificates by which clients show the broker who they are."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.errors import PermanentError

_Signer = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
_EARLIER = 3_600_000_000_000
"""Certificates begin an hour before they are made, for clocks that are behind."""
_RSA = 2048


def common_name(name: str) -> x509.Name:
    """Give the name of a certificate that has an account's name alone."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def client_key() -> ec.EllipticCurvePrivateKey:
    """Make a client's private key."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Write a private key in PEM form, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def request_for(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """Write a request for a certificate (PKCS #10) in PEM form."""
    made = x509.CertificateSigningRequestBuilder().subject_name(common_name(name))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def checked(csr: str, name: str) -> x509.CertificateSigningRequest:
    """Read a request for a certificate; raises ValueError saying why it is not to be signed."""
    try:
        found = x509.load_pem_x509_csr(csr.encode())
        good = found.is_signature_valid
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("the request for a certificate cannot be read") from error
    if not good:
        raise ValueError("the request for a certificate is not signed by its own key")
    strong = isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey) or (
        isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA
    )
    if not strong:
        raise ValueError("the request for a certificate has a weak or unknown kind of key")
    if found.subject != common_name(name):
        raise ValueError(f"the request is for {found.subject.rfc4514_string()}, not CN={name}")
    return found


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority's certificate and its private key."""

    certificate: x509.Certificate
    key: _Signer

    @classmethod
    def load(cls, key_file: Path, certificates: list[Path]) -> Self:
        """Read the key, and its certificate from the first file that has it.

        Raises `PermanentError`.
        """
        key = _key(key_file)
        own = _spki(key.public_key())
        for path in certificates:
            for one in _certificates(path):
                if _spki(one.public_key()) == own:
                    return cls(one, key)
        named = ", ".join(str(path) for path in certificates) or "no file"
        raise PermanentError(
            f"the certificate of this key is not in {named}",
            where=str(key_file),
            mend="let [hub.tls] ca of the hub file name the authority's certificate",
        )

    def sign(self, request: x509.CertificateSigningRequest, name: str, now: int, end: int) -> str:
        """Sign a client's key for an account, from `now` to `end` (nanoseconds since 1970)."""
        return self._signed(request.public_key(), name, now, end)

    def pair(self, name: str, now: int, end: int) -> tuple[str, str]:
        """Make a client's certificate with a key of its own: both in PEM form."""
        key = client_key()
        return self._signed(key.public_key(), name, now, end), pem(key)

    def _signed(self, public: object, name: str, now: int, end: int) -> str:
        if not isinstance(
            public, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
        ):
            raise TypeError("a key of a kind that no certificate is made for")
        last = min(_moment(end), self.certificate.not_valid_after_utc)
        made = (
            x509.CertificateBuilder()
            .subject_name(common_name(name))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_moment(now - _EARLIER))
            .not_valid_after(last)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        algorithm = None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
        signed = made.sign(self.key, algorithm)
        return signed.public_bytes(serialization.Encoding.PEM).decode()


def belongs(certificate: str, key: ec.EllipticCurvePrivateKey, name: str) -> bool:
    """Tell whether a certificate is of a key and for an account."""
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError:
        return False
    return _spki(found.public_key()) == _spki(key.public_key()) and (
        found.subject == common_name(name)
    )


def _moment(instant: int) -> datetime:
    return datetime.fromtimestamp(instant // 1_000_000_000, UTC)


def _spki(key: object) -> bytes:
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(*form))  # type: ignore[attr-defined]


def _key(path: Path) -> _Signer:
    try:
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise PermanentError(
            f"the authority's key cannot be read ({error.strerror})",
            where=str(path),
            mend="run as a user that may read it, or leave [broker] ca_key out of the hub file",
        ) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PermanentError(
            "not an unencrypted private key in PEM form", where=str(path)
        ) from error
    if not isinstance(found, _Signer):
        raise PermanentError("no key that signs certificates", where=str(path))
    return found


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return []
