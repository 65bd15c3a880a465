"""Certificates for tests: an authority, good ones, and each kind of bad one."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
LOCAL = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Pair:
    """Paths of a certificate and its key, in PEM form."""

    certificate: Path
    key: Path


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(
    folder: Path, name: str, made: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Pair:
    folder.mkdir(parents=True, exist_ok=True)
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    pair.key.write_bytes(pem)
    # mosquitto may drop its privileges before it reads the files.
    pair.key.chmod(0o644)
    return pair


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, ago: timedelta, ahead: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(subject))
        .issuer_name(_subject(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - ago)
        .not_valid_after(now + ahead)
    )


class Authority:
    """A certificate authority whose certificate is `path`."""

    def __init__(self, folder: Path, name: str = "Test authority") -> None:
        self.folder = folder
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(name, name, self._key, DAY, 365 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        self.path = _write(folder, "ca", made, self._key).certificate

    def server(
        self,
        name: str = "server",
        names: tuple[str, ...] = LOCAL,
        ago: timedelta = DAY,
        ahead: timedelta = 60 * DAY,
    ) -> Pair:
        """Make a server certificate for `names`, valid from `ago` before now to `ahead` after."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(names[0], self.name, key, ago, ahead)
            .add_extension(
                x509.SubjectAlternativeName([_alternative(each) for each in names]), critical=False
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _write(self.folder, name, made, key)

    def expired(self) -> Pair:
        """Make a server certificate that ended yesterday."""
        return self.server("expired", ago=10 * DAY, ahead=-DAY)

    def not_yet_valid(self) -> Pair:
        """Make a server certificate that begins tomorrow."""
        return self.server("early", ago=-DAY, ahead=10 * DAY)

    def wrong_name(self) -> Pair:
        """Make a server certificate for another host."""
        return self.server("wrong-name", names=("other.example.org", "192.0.2.1"))

    def client(
        self, name: str = "client", ago: timedelta = DAY, ahead: timedelta = 60 * DAY
    ) -> Pair:
        """Make a client certificate whose common name is `name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = (
            _builder(name, self.name, key, ago, ahead)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _write(self.folder, name, made, key)

    def revoke(self, pair: Pair) -> Path:
        """Revoke a certificate; gives the path of the list that says so."""
        now = datetime.now(UTC)
        serial = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).serial_number
        one = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial)
            .revocation_date(now - DAY)
            .build()
        )
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(_subject(self.name))
            .last_update(now - DAY)
            .next_update(now + DAY)
            .add_revoked_certificate(one)
            .sign(self._key, hashes.SHA256())
        )
        path = self.folder / "revoked.crl"
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        return path


def self_signed(folder: Path) -> Pair:
    """Make a self-signed server certificate with the right names."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = (
        _builder("localhost", "localhost", key, DAY, 60 * DAY)
        .add_extension(
            x509.SubjectAlternativeName([_alternative(each) for each in LOCAL]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return _write(folder, "self-signed", made, key)
