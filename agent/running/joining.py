"""A plant's way into a cluster: its keys, its request, and the admission put in place.

Each step looks at what is there and does what is missing, so that it can be cut short anywhere and
run again.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.errors import PermanentError
from agent.running.asking import ask
from agent.running.assembly import KEY_FILE, plant_key
from agent.running.hubtable import Where
from config.plan import BrokerPlan, PlantPlan, TlsPlan
from gateway import authority, keys, passwords
from gateway.durable import make_directory, replace_file, sync_names, write_once
from gateway.joining import Admission, Invitation, open_admission, seal_request
from gateway.secret import read_secret
from gateway.signing import RefusalError
from gateway.wire import VERSION, rfc3339

_OURS = 0o600
_PUBLIC = 0o644
NEXT = f"{KEY_FILE}.next"


def files_in(folder: Path) -> Where:
    """Name the files in a state directory by which the agent reaches its broker."""
    named = ("hub-ca.crt", "hub-client.crt", "hub-client.key", "hub-password")
    return Where(*(str(folder / name) for name in named))


@dataclass(frozen=True)
class Joining:
    """One plant joining by one invitation; `folder` is its state directory."""

    folder: Path
    invitation: Invitation
    plant: keys.PlantKey
    owner: str
    fresh: bool = False
    """Whether the plant's key is a new one, which takes the old one's place when admitted."""

    @classmethod
    def begin(cls, plan: PlantPlan, invitation: Invitation, *, new_key: bool) -> Self:
        """Load the plant's key, or make it; raises `PermanentError`."""
        folder = Path(plan.state_dir)
        if new_key or (folder / NEXT).exists():
            following = keys.PlantKey(keys.load(folder / NEXT, create=True))
            return cls(folder, invitation, following, plan.owner, fresh=True)
        return cls(folder, invitation, plant_key(plan, create=True), plan.owner)

    @property
    def account(self) -> str:
        """The plant's account at the broker: its key's fingerprint."""
        return self.plant.public.fingerprint

    @property
    def where(self) -> Where:
        """Files by which the agent reaches the broker."""
        return files_in(self.folder)

    # What is made before anybody is asked.

    def prepare(self) -> None:
        """Write the authority's certificate, and make the client's key or password."""
        if self.invitation.ca is not None:
            self._put(Path(self.where.ca), self.invitation.ca.encode(), _PUBLIC)
        if self.invitation.clients == "certificates":
            self._client_key()
        if self.invitation.clients == "passwords" and not Path(self.where.password).exists():
            self._put(Path(self.where.password), passwords.made().encode(), _OURS)

    def _put(self, path: Path, content: bytes, mode: int) -> None:
        try:
            make_directory(path.parent)
            if not path.exists() or path.read_bytes() != content:
                replace_file(path, content, mode)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _client_key(self) -> ec.EllipticCurvePrivateKey:
        path = Path(self.where.key)
        try:
            if not path.exists():
                write_once(path, authority.pem(authority.client_key()).encode(), _OURS)
            found = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise _unwritable(path, error) from error
        except ValueError as error:
            raise _no_key(path) from error
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise _no_key(path)
        return found

    # The request.

    def request(self) -> bytes:
        """Make the request: signed by the plant's key and sealed to the hub."""
        content: dict[str, Any] = {
            "v": VERSION,
            "cluster": self.invitation.cluster,
            "sender": self.invitation.invitation,
            "plant": str(self.plant.public),
            "owner": self.owner[:200],
            "made": rfc3339(time.time_ns()),
        }
        if self.invitation.clients == "certificates":
            content["csr"] = self._csr()
        if self.invitation.clients == "passwords":
            content["password"] = passwords.hashed(read_secret(self.where.password))
        return seal_request(content, self.plant, keys.HubPublic.parse(self.invitation.hub))

    def _csr(self) -> str:
        # Kept, so that the same request is known again: each signature by this kind is another.
        path, key = self.folder / "hub-client.csr", self._client_key()
        with suppress(OSError, ValueError):
            text = path.read_text()
            if authority.checked(text, self.account).public_key() == key.public_key():
                return text
        text = authority.request_for(key, self.account)
        self._put(path, text.encode(), _OURS)
        return text

    # The admission.

    def read(self, payload: bytes) -> Admission:
        """Open and verify an admission; raises `RefusalError` when it is not for this request."""
        hub = keys.HubPublic.parse(self.invitation.hub)
        sender = self.invitation.invitation
        found = open_admission(payload, self.invitation.cluster, sender, self.plant, hub)
        certificate = found.certificate
        if certificate is not None and not self._belongs(certificate):
            raise RefusalError("misaddressed", "its certificate is for another key")
        return found

    def _belongs(self, certificate: str) -> bool:
        return authority.belongs(certificate, self._client_key(), self.account)

    def install(self, payload: bytes) -> Admission:
        """Put an admission in place: the certificate, then the new key; raises `RefusalError`."""
        admission = self.read(payload)
        if admission.certificate is not None:
            self._put(Path(self.where.certificate), admission.certificate.encode(), _PUBLIC)
        if self.fresh:
            self._take_new_key()
        self._put(self.folder / "hub-admission.json", payload, _OURS)
        for name in ("hub-invite.crt", "hub-invite.key", "hub-invite.password"):
            (self.folder / name).unlink(missing_ok=True)
        return admission

    def _take_new_key(self) -> None:
        """Let the new key take the old one's place, which is kept beside it."""
        own, following = self.folder / KEY_FILE, self.folder / NEXT
        try:
            if own.exists():
                old = keys.PlantKey(keys.load(own)).public.fingerprint
                kept = self.folder / f"{KEY_FILE}.{old[:16]}"
                if old != self.account and not kept.exists():
                    kept.hardlink_to(own)
            following.replace(own)
            sync_names(self.folder)
        except OSError as error:
            raise _unwritable(own, error) from error

    def installed(self) -> Admission | None:
        """Give the admission that is in place for this plant's key and invitation, else None."""
        try:
            return self.read((self.folder / "hub-admission.json").read_bytes())
        except (OSError, RefusalError):
            return None

    # The broker.

    def broker(self) -> BrokerPlan | None:
        """Say how to reach the broker as the invitation's account; None without a credential."""
        invitation = self.invitation
        url, name = urlsplit(invitation.broker), invitation.invitation
        encrypted = url.scheme == "mqtts"
        plan = BrokerPlan(
            host=url.hostname or "",
            port=url.port or (8883 if encrypted else 1883),
            tls=TlsPlan(None if invitation.ca is None else self.where.ca) if encrypted else None,
            client_id=name,
        )
        if invitation.clients == "open":
            return plan
        return self._shown(plan)

    def _shown(self, plan: BrokerPlan) -> BrokerPlan | None:
        credential, tls = self.invitation.credential, plan.tls
        if credential is None or tls is None:
            return None
        if credential.password is not None:
            path = self.folder / "hub-invite.password"
            self._put(path, credential.password.encode(), _OURS)
            return replace(plan, username=plan.client_id, password_file=str(path))
        if credential.certificate is None or credential.key is None:
            return None
        certificate, key = self.folder / "hub-invite.crt", self.folder / "hub-invite.key"
        self._put(certificate, credential.certificate.encode(), _PUBLIC)
        self._put(key, credential.key.encode(), _OURS)
        return replace(plan, tls=TlsPlan(tls.ca, str(certificate), str(key)))

    async def ask(
        self, broker: BrokerPlan, patience: float, asked: Callable[[], object]
    ) -> bytes | None:
        """Take the answer that is there, else ask; see `agent.running.asking`."""
        cluster, sender = self.invitation.cluster, self.invitation.invitation
        return await ask(broker, cluster, sender, self.request, self.read, patience, asked)


def _unwritable(path: Path, error: OSError) -> PermanentError:
    return PermanentError(
        f"the file cannot be used ({error.strerror})",
        where=str(path),
        mend="run as the agent's user, or as root",
    )


def _no_key(path: Path) -> PermanentError:
    return PermanentError(
        "not the private key of a client's certificate",
        where=str(path),
        mend="move it away and run this again: a new one is made and asked for",
    )
