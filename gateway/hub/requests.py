"""Requests to join: what one is worth, and the list of those that wait for the hub's operator."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from adapters.errors import PermanentError
from config.hub_plan import Member
from gateway import authority
from gateway.durable import make_directory, replace_file
from gateway.hub.intake import Refused
from gateway.hub.registry import Registry
from gateway.joining import open_request, parcel_of
from gateway.keys import PlantPublic
from gateway.roster import Ring
from gateway.signing import RefusalError

FILE = "requests.json"
MOST = 100
"""Requests that wait, at most; more are refused until some are answered."""
KEPT = 90 * 86_400_000_000_000
"""Nanoseconds a request waits, at most."""
_SENDER = re.compile(r"(invite-)?[0-9a-f]{32}")
_OURS = 0o600
Kind = Literal["join", "renewal", "new key"]


class Pending(BaseModel):
    """A request that waits: from which account, for which key, when it came (nanoseconds)."""

    model_config = ConfigDict(frozen=True)

    sender: str
    kind: Kind
    key: str
    fingerprint: str
    hub: str
    """Fingerprint of the hub's key it was sealed to; the answer is signed by that key."""
    owner: str = ""
    csr: str | None = None
    password: str | None = None
    received: int
    note: str = ""
    """What the operator wrote on the invitation, or the member's name."""

    @property
    def asked(self) -> str:
        """Give a digest of what is asked for: the key, and its certificate."""
        return hashlib.sha256(f"{self.key}|{self.csr or ''}".encode()).hexdigest()

    def asks_the_same(self, later: "Pending") -> bool:
        """Tell whether a later request is this one again, which waits since it first came."""
        return self == later.model_copy(update={"received": self.received})


_LIST = TypeAdapter(tuple[Pending, ...])


def judged(
    topic: str,
    payload: bytes,
    now: int,
    cluster: str,
    ring: Ring,
    registry: Registry,
    members: Sequence[Member],
    waiting: Sequence[Pending] = (),
) -> Pending | Refused:
    """Judge a message on a topic of requests: whoever cannot be one's sender is refused."""
    sender = topic.split("/")[-2] if topic.count("/") >= 2 else ""  # noqa: PLR2004 two parts after
    if not _SENDER.fullmatch(sender):
        return Refused("misaddressed", "no account in the topic", topic, payload)
    try:
        found = opened(payload, now, cluster, sender, ring, registry, members)
        _only_one(found, waiting)
    except RefusalError as error:
        return Refused(error.reason, error.detail, topic, payload)
    except RecursionError:
        return Refused("malformed", "nested too deeply", topic, payload)
    return found


def opened(
    payload: bytes,
    now: int,
    cluster: str,
    sender: str,
    ring: Ring,
    registry: Registry,
    members: Sequence[Member],
) -> Pending:
    """Open a request and look whose it is; raises `RefusalError`."""
    key = ring.named(parcel_of(payload).to)
    if key is None:
        raise RefusalError("unsealable", "sealed to another hub's key")
    request = open_request(payload, cluster, sender, key)
    plant = PlantPublic.parse(request.plant)
    kind, note = _whose(sender, plant.fingerprint, now, registry, members)
    if request.csr is not None:
        try:
            authority.checked(request.csr, plant.fingerprint)
        except ValueError as error:
            raise RefusalError("malformed", str(error)) from error
    return Pending(
        sender=sender,
        kind=kind,
        key=request.plant,
        fingerprint=plant.fingerprint,
        hub=key.public.fingerprint,
        owner=_printable(request.owner),
        csr=request.csr,
        password=request.password,
        received=now,
        note=note,
    )


def _whose(
    sender: str, plant: str, now: int, registry: Registry, members: Sequence[Member]
) -> tuple[Kind, str]:
    invited = registry.invitation(sender)
    if invited is not None:
        if now >= invited.expires:
            raise RefusalError("unknown-plant", "the invitation has ended")
        if any(one.sender == sender and one.plant != plant for one in registry.answers):
            raise RefusalError("conflict", "the invitation was used for another key")
        return "join", invited.note
    for member in members:
        if PlantPublic.parse(member.key_text).fingerprint == sender:
            return ("renewal" if plant == sender else "new key"), member.name
    raise RefusalError("unknown-plant", "from no invitation and no member")


def _printable(text: str) -> str:
    """Leave out what a terminal could take for a command."""
    return "".join(char for char in text if char.isprintable())


def _only_one(found: Pending, waiting: Sequence[Pending]) -> None:
    before = [one for one in waiting if one.sender == found.sender]
    if any(one.fingerprint != found.fingerprint for one in before):
        raise RefusalError("conflict", "another key has asked with this invitation")
    if not before and len(waiting) >= MOST:
        raise RefusalError("conflict", f"{MOST} requests wait already")


def kept(waiting: Sequence[Pending], now: int, members: Sequence[Member]) -> tuple[Pending, ...]:
    """Leave those that still wait: not too old, and no renewal of who is no member any more."""
    known = {PlantPublic.parse(member.key_text).fingerprint for member in members}
    return tuple(
        one
        for one in waiting
        if now - one.received < KEPT and (one.kind == "join" or one.sender in known)
    )


def read(folder: Path) -> tuple[Pending, ...]:
    """Read the list; one that is missing or damaged is empty, for plants ask again."""
    try:
        return _LIST.validate_json((folder / FILE).read_bytes())
    except (FileNotFoundError, ValidationError):
        return ()
    except OSError as error:
        raise PermanentError(
            f"the requests cannot be read ({error.strerror})",
            where=str(folder / FILE),
            mend="run as the hub's user, or as root",
        ) from error


def write(folder: Path, waiting: Sequence[Pending]) -> None:
    """Replace the list at once; raises `OSError`."""
    make_directory(folder)
    replace_file(folder / FILE, _LIST.dump_json(tuple(waiting), indent=1), _OURS)
