"""Joining a cluster: the invitation, the plant's request and the hub's admission, as messages.

An invitation is signed by the hub and given by hand. A request is signed by the plant and sealed to
the hub; an admission is signed by the hub and sealed to the plant. The broker sees that somebody
joins, by which invitation, and nothing else.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from adapters.errors import PermanentError
from gateway.box import opened, sealed
from gateway.canonical import canonical
from gateway.contract import Cluster, Hex32, Instant, Message, Period
from gateway.keys import HubKey, HubPublic, PlantKey, PlantPublic
from gateway.seal import first_of, parse
from gateway.signing import RefusalError, signature, verified
from gateway.wire import VERSION, answer_topic, nanoseconds, request_topic

JoinName = Annotated[str, Field(pattern=r"^(invite-)?[0-9a-f]{32}$")]
"""The account a request comes from: an invitation's, or the fingerprint of a member's key."""
Clients = Literal["certificates", "passwords", "open"]
_PEM = 16_384
_SIZE = 4096
"""Bytes that requests and admissions are padded to, so that their size says nothing."""
_M = TypeVar("_M", bound=Message)


class Credential(Message):
    """What lets its holder send one request to join, and hear the answer, until it ends."""

    certificate: str | None = Field(default=None, max_length=_PEM)
    """Client certificate, PEM."""
    key: str | None = Field(default=None, max_length=_PEM)
    """Its private key, PEM."""
    password: str | None = Field(default=None, max_length=200)
    """Password, where clients of the broker have one; the user name is the invitation's."""


class Invitation(Message):
    """All a plant needs to ask for admission: one small file, signed by the hub."""

    v: Literal[1]
    """Major version of this contract."""
    invitation: JoinName
    """Name of the invitation, and its account at the broker."""
    cluster: Cluster
    """The cluster's name."""
    broker: str = Field(pattern=r"^mqtts?://[^@/\s]{1,300}$")
    """URL of the broker."""
    ca: str | None = Field(default=None, max_length=4 * _PEM)
    """Certificates of the authorities to trust for the broker, PEM."""
    clients: Clients
    """How clients show the broker who they are."""
    hub: str = Field(pattern=r"^sshub1_[A-Za-z0-9_-]{86}$")
    """The hub's public key; it signed the invitation."""
    record_size: int = Field(ge=1024, le=65_536)
    """Bytes every record of the cluster is padded to."""
    calendars: dict[str, str] = Field(max_length=8)
    """Windows that cells are decided for, by kind."""
    credential: Credential | None = None
    """Absent where the hub can make none: requests and admissions are then sent as files."""
    issued: Instant
    """When it was made."""
    expires: Instant
    """From when it is of no use."""
    signature: str
    """Ed25519 signature, base64, over the invitation without this member in canonical form."""


class JoinRequest(Message):
    """A plant's request to be admitted, or to have a new key or certificate, before sealing."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """Cluster to join."""
    sender: JoinName
    """Whose account it is sent from: the invitation's, or a member's."""
    plant: str = Field(pattern=r"^ssplant1_[A-Za-z0-9_-]{43}$")
    """The plant's public key; it signed the request."""
    owner: str = Field(default="", max_length=200)
    """The company, as the plant's file names it; the hub's operator decides."""
    csr: str | None = Field(default=None, max_length=_PEM)
    """Request for a client certificate (PKCS #10), PEM."""
    password: str | None = Field(default=None, pattern=r"^\$7\$\d{1,7}\$[A-Za-z0-9+/=$]{40,200}$")
    """Hash of the password the plant has chosen, as mosquitto keeps it."""
    made: Instant
    """When it was made."""
    signature: str
    """Ed25519 signature, base64, over the request without this member in canonical form."""


class Admission(Message):
    """The hub's word that a key is a member's, before sealing."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """The cluster."""
    plant: Hex32
    """Fingerprint of the plant's key."""
    since: Period
    """First quarter whose released cells the plant counts in."""
    certificate: str | None = Field(default=None, max_length=_PEM)
    """The client certificate, PEM; absent where there is none, or it is sent by hand."""
    issued: Instant
    """When it was made."""
    signature: str
    """Ed25519 signature, base64, over the admission without this member in canonical form."""


class Parcel(Message):
    """What is published or sent as a file: a request or an admission, sealed."""

    v: Literal[1]
    """Major version of this contract."""
    sender: JoinName
    """Account the request comes from; of an admission, the one it answers."""
    to: Hex32
    """Fingerprint of the key that opens it: the hub's, or the plant's."""
    sealed: str = Field(max_length=128 * 1024)
    """HPKE (RFC 9180), base64 of encapsulation and text."""


def seal_invitation(content: dict[str, Any], key: HubKey) -> bytes:
    """Sign an invitation's content (without signature)."""
    return canonical({**content, "signature": signature(content, key.sign, "invitation")})


_NEW_INVITE = "ask the hub's operator for a new one (`sidestream hub invite`)"


def read_invitation(payload: bytes, where: str, now: int) -> Invitation:
    """Verify and read an invitation; raises `PermanentError` saying what is wrong with it."""
    try:
        content = parse(payload)
        found = _model(Invitation, content)
        hub = HubPublic.parse(found.hub)
        expires = nanoseconds(found.expires)
    except (RefusalError, ValueError) as error:
        raise PermanentError(
            f"not an invitation of this version ({_detail(error)})",
            where=where,
            mend=_NEW_INVITE,
        ) from error
    if not verified(content, hub.verify, "invitation"):
        raise PermanentError(
            "the invitation was changed after the hub signed it", where=where, mend=_NEW_INVITE
        )
    if now >= expires:
        raise PermanentError(
            f"the invitation ended on {found.expires}", where=where, mend=_NEW_INVITE
        )
    return found


def _detail(error: Exception) -> str:
    return error.detail if isinstance(error, RefusalError) else str(error)


def seal_request(content: dict[str, Any], plant: PlantKey, hub: HubPublic) -> bytes:
    """Sign a request's content (without signature) and seal it to the hub."""
    signed = {**content, "signature": signature(content, plant.sign, "join request")}
    name = content["sender"]
    box = sealed(canonical(signed), hub.seal, request_topic(content["cluster"], name), _SIZE)
    return _parcel(name, hub.fingerprint, box)


def open_request(payload: bytes, cluster: str, sender: str, key: HubKey) -> JoinRequest:
    """Open and verify a request; raises `RefusalError`."""
    parcel = _model(Parcel, parse(payload))
    if parcel.to != key.public.fingerprint:
        raise RefusalError("unsealable", "sealed to another hub's key")
    content = _opened(parcel.sealed, key.open, request_topic(cluster, sender))
    found = _model(JoinRequest, content)
    plant = _plant(found.plant)
    if not verified(content, plant.verify, "join request"):
        raise RefusalError("bad-signature", "the signature is not the plant's")
    if (found.cluster, found.sender) != (cluster, sender):
        raise RefusalError("misaddressed", "written for another cluster or from another account")
    return found


def _plant(text: str) -> PlantPublic:
    try:
        plant = PlantPublic.parse(text)
        plant.seal.public_bytes_raw()
    except ValueError as error:
        raise RefusalError("malformed", "no key of a plant") from error
    return plant


def seal_admission(content: dict[str, Any], sender: str, key: HubKey, plant: PlantPublic) -> bytes:
    """Sign an admission's content (without signature) and seal it to the plant."""
    signed = {**content, "signature": signature(content, key.sign, "admission")}
    topic = answer_topic(content["cluster"], sender)
    return _parcel(sender, plant.fingerprint, sealed(canonical(signed), plant.seal, topic, _SIZE))


def open_admission(
    payload: bytes, cluster: str, sender: str, plant: PlantKey, hub: HubPublic
) -> Admission:
    """Open and verify an admission; raises `RefusalError`."""
    parcel = _model(Parcel, parse(payload))
    own = plant.public.fingerprint
    if parcel.to != own:
        raise RefusalError("misaddressed", "for another plant's key")
    content = _opened(parcel.sealed, plant.open, answer_topic(cluster, sender))
    if not verified(content, hub.verify, "admission"):
        raise RefusalError("bad-signature", "the signature is not the hub's")
    found = _model(Admission, content)
    if (found.cluster, found.plant) != (cluster, own):
        raise RefusalError("misaddressed", "for another cluster or plant")
    return found


def parcel_of(payload: bytes) -> Parcel:
    """Read the outside of a request or admission; raises `RefusalError`."""
    return _model(Parcel, parse(payload))


def _parcel(sender: str, to: str, box: str) -> bytes:
    return canonical({"v": VERSION, "sender": sender, "to": to, "sealed": box})


def _opened(box: str, key: Any, binding: str) -> dict[str, Any]:
    try:
        return parse(opened(box, key, binding))
    except ValueError as error:
        raise RefusalError("unsealable", str(error)) from error


def _model(model: type[_M], content: dict[str, Any]) -> _M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise RefusalError("malformed", first_of(error)) from error
