"""A hub's receipt as a plant reads it: verified, and of the contract's form, without its model."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple, cast, get_args

from gateway.keys import HubPublic
from gateway.shape import heard, items, table, text, whole
from gateway.signing import MAX_PAYLOAD, RefusalError, verified
from gateway.wire import Refusal

HEX32 = re.compile(r"[0-9a-f]{32}")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
CLUSTER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_REASONS = get_args(Refusal)


class Refused(NamedTuple):
    """A record the hub will not take, ever."""

    id: str
    reason: Refusal


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which records a hub has stored, and which it will never take, with the reason."""

    cluster: str
    pseudonym: str
    stored: tuple[str, ...]
    refused: tuple[Refused, ...]
    sequence: int
    """Highest sequence of this plant in the ledger."""
    issued: str


def read_receipt(payload: bytes, cluster: str, pseudonym: str, *hubs: HubPublic) -> Receipt:
    """Verify and read a receipt signed with one of the hub's keys; raises `RefusalError`."""
    content = heard(payload)
    if all(verified(content, hub.verify, "receipt") is None for hub in hubs):
        raise RefusalError("bad-signature", "the signature is not the hub's")
    receipt = receipt_of(content)
    if (receipt.cluster, receipt.pseudonym) != (cluster, pseudonym):
        raise RefusalError("misaddressed", "written for another cluster or pseudonym")
    return receipt


def receipt_of(content: dict[str, Any]) -> Receipt:
    """Check a receipt's form, as the contract's model does; raises `RefusalError`."""
    text(content, "signature")
    return Receipt(
        cluster=text(content, "cluster", CLUSTER),
        pseudonym=text(content, "pseudonym", HEX32),
        stored=items(content, "stored", _id, MAX_PAYLOAD),
        refused=items({"refused": [], **content}, "refused", _refused, MAX_PAYLOAD),
        sequence=whole(content, "sequence"),
        issued=text(content, "issued", INSTANT),
    )


def _id(content: dict[str, Any], name: str) -> str:
    return text(content, name, HEX32)


def _refused(content: dict[str, Any], name: str) -> Refused:
    one = table(content, name)
    reason = text(one, "reason")
    if reason not in _REASONS:
        raise RefusalError("malformed", f"{name}: {reason!r:.40} is no reason")
    return Refused(text(one, "id", HEX32), cast("Refusal", reason))
