"""What members, partners and those who would join send each other: rosters, parcels, details."""

import contextlib
import json
from collections.abc import Callable
from typing import Any

from adapters.errors import PermanentError
from gateway import authority
from gateway.canonical import canonical
from gateway.joining import (
    open_admission,
    open_request,
    parcel_of,
    read_invitation,
    seal_admission,
    seal_invitation,
    seal_request,
)
from gateway.partner_inbox import Inbox, cells, messages, rows
from gateway.partner_opening import DetailRefusedError, Terms
from gateway.partner_seal import seal_detail, signed_detail
from gateway.roster import Line, read_roster, seal_roster, standing
from gateway.signing import RefusalError
from tests import partnerkit
from tests.fuzz.target import Target
from tests.hubkit import CLUSTER, HUB, MONDAY, plant
from tests.plants import plant_key

_PLANT = plant(1).key
_ACCOUNT = "invite-" + "0" * 32
_KEY = str(HUB.public)
_WORDS = (
    b'"v":1',
    b"null",
    b"true",
    b"1e400",
    b'"2026Q1"',
    b'"\\ud800"',
    b"[[",
    b"-0.0",
    b"9" * 20,
)
_INVITATION = {
    "v": 1, "invitation": _ACCOUNT, "cluster": CLUSTER, "broker": "mqtts://hub:8883", "ca": None,
    "clients": "open", "hub": _KEY, "record_size": 4096, "calendars": {"heat": "hour"},
    "credential": None, "issued": "2026-03-01T00:00:00Z", "expires": "2026-04-01T00:00:00Z",
}  # fmt: skip
_REQUEST = {
    "v": 1, "cluster": CLUSTER, "sender": _ACCOUNT, "plant": str(_PLANT.public), "owner": "A",
    "csr": "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n",
    "password": None, "made": "2026-03-01T00:00:00Z",
}  # fmt: skip
_ADMISSION = {
    "v": 1, "cluster": CLUSTER, "plant": _PLANT.public.fingerprint, "since": "2026Q2",
    "certificate": None, "issued": "2026-03-01T00:00:00Z",
}  # fmt: skip
_ROSTER = {
    "v": 1, "cluster": CLUSTER, "number": 3, "issued": "2026-03-01T00:00:00Z", "period": "2026Q1",
    "hub": _KEY, "succession": [{"cluster": CLUSTER, "hub": _KEY, "since": "2026Q2",
    "signature": "AAAA"}], "calendars": {"heat": "hour"}, "contributors": 3,
    "members": ["0" * 32], "coming": ["f" * 32],
}  # fmt: skip


def _both(
    read: Callable[[bytes], None], signed: Callable[[dict[str, Any]], bytes]
) -> Callable[[bytes], None]:
    """Read an input as it comes and, where it is a JSON object, as its sender would sign it."""

    def run(data: bytes) -> None:
        read(data)
        with contextlib.suppress(ValueError, RecursionError, LookupError, TypeError):
            content = json.loads(data)
            if isinstance(content, dict):
                canonical(content)  # what has no canonical form nobody can sign
                data = signed(content)
                read_signed.append(data)
        while read_signed:
            read(read_signed.pop())

    read_signed: list[bytes] = []
    return run


def _invitation(data: bytes) -> None:
    with contextlib.suppress(PermanentError):
        read_invitation(data, "invitation.json", MONDAY)


def _request(data: bytes) -> None:
    with contextlib.suppress(RefusalError):
        parcel_of(data)
    with contextlib.suppress(RefusalError):
        found = open_request(data, CLUSTER, _ACCOUNT, HUB)
        if found.csr is not None:
            with contextlib.suppress(ValueError):
                authority.checked(found.csr, _PLANT.public.fingerprint)


def _admission(data: bytes) -> None:
    with contextlib.suppress(RefusalError):
        open_admission(data, CLUSTER, _ACCOUNT, _PLANT, HUB.public)


def _roster(data: bytes) -> None:
    with contextlib.suppress(RefusalError):
        roster, line = read_roster(data, CLUSTER, Line.of(HUB.public))
        standing(roster, _PLANT, line)


def _detail(data: bytes) -> None:
    inbox = Inbox(partnerkit.partner_key(), Terms([plant_key().public], partnerkit.CONTRACT))
    for topic, payload in messages(data):
        with contextlib.suppress(DetailRefusedError):
            for row in rows(inbox.take(payload, topic)[0]):
                cells(row)


def _sealed_detail(content: dict[str, Any]) -> bytes:
    plain = signed_detail(content, plant_key().sign)
    return seal_detail(plain, partnerkit.partner_key().public, partnerkit.SIZE)


def _json(content: dict[str, Any], signed: Callable[[dict[str, Any]], bytes]) -> list[bytes]:
    return [json.dumps(content).encode(), signed(content)]


def signed_target(
    name: str,
    about: str,
    read: Callable[[bytes], None],
    signed: Callable[[dict[str, Any]], bytes],
    content: dict[str, Any],
) -> Target:
    """Make a target of a message that is read as it comes, and as its sender would sign it."""
    return Target(name, about, _both(read, signed), lambda: _json(content, signed), _WORDS)


TARGETS = [
    signed_target(
        "invitation", "invitations, and what a hub may sign as one", _invitation,
        lambda content: seal_invitation(content, HUB), _INVITATION,
    ),
    signed_target(
        "join-request", "requests to join, sealed or not", _request,
        lambda content: seal_request(
            {"cluster": CLUSTER, "sender": _ACCOUNT, **content}, _PLANT, HUB.public
        ), _REQUEST,
    ),
    signed_target(
        "admission", "admissions, sealed or not", _admission,
        lambda content: seal_admission(
            {"cluster": CLUSTER, **content}, _ACCOUNT, HUB, _PLANT.public
        ), _ADMISSION,
    ),
    signed_target(
        "roster", "rosters, and what a hub may sign as one", _roster,
        lambda content: seal_roster(content, HUB), _ROSTER,
    ),
    signed_target(
        "partner-detail", "details for a partner, sealed or not", _detail, _sealed_detail,
        partnerkit.content(),
    ),
]  # fmt: skip
