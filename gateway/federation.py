"""What hubs say to their pool, and the pool to them: messages, topics, signing and sealing; pure.

A remainder is what a hub's partition leaves over of a window: figures by owner, without names or
places, signed by the hub, padded, and sealed to the pool and its topic. The pool answers with
receipts like those of records, and with the cells it decided, signed.
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError

from gateway.canonical import canonical
from gateway.contract import Cell, Cluster, Hex32, Message, WindowSpan
from gateway.keys import HubKey, HubPublic
from gateway.seal import first_of, open_from, parse
from gateway.signing import RefusalError, seal_for, signature, verified
from gateway.wire import (
    VERSION,
    Band,
    FigureDirection,
    FigureKind,
    FigureUnit,
    Mark,
    nanoseconds,
)

FIGURES = 2000
"""Most figures of one message."""
_FURTHEST = 2**63 - 1
"""Furthest instant a ledger holds, in nanoseconds before and after 1970."""


class Leftover(Message):
    """What one owner has of something that no cell of its hub's partition holds."""

    code: str | None = Field(default=None, pattern=r"^\d{2}( \d{2}){0,2}\*?$")
    """Material code, as its plants generalised it; absent for heat."""
    band: Band | None = None
    """Temperature band of the supply in degrees Celsius; heat only."""
    direction: FigureDirection
    """Surplus or need."""
    unit: FigureUnit
    """UCUM unit of the quantity."""
    owner: Hex32
    """Stands for the owner in this quarter, the same in every cluster."""
    quantity: float = Field(allow_inf_nan=False, ge=-1e15, le=1e15)
    """Net quantity of the owner's sites in the cluster."""
    coverage: float = Field(ge=0, le=1)
    """Mean share of the window that they observed."""
    marks: tuple[Mark, ...] = Field(default=(), strict=False)
    """What a reader of the quantity must know."""
    waives: bool = False
    """The owner lets cells be released in which it alone is visible."""


class PoolRules(Message):
    """When a sum is safe in the sender's cluster: the pool decides by the strictest of all."""

    k: int = Field(ge=1, le=100)
    """Owners needed."""
    p: float = Field(ge=0, le=100)
    """Of the p% rule."""
    q: float = Field(gt=0, le=100)
    """Of the prior-posterior rule."""
    dominance_owners: int | None = Field(default=None, ge=1, le=100)
    """Of the dominance rule: how many owners are taken together."""
    dominance_percent: float | None = Field(default=None, gt=0, lt=100)
    """Of the dominance rule: what they may hold."""
    waived_below_k: bool = False
    """Whether owners that all waive may be fewer."""


class Remainder(Message):
    """What a hub leaves over of a window, or a part of it, before sealing."""

    v: Literal[1]
    """Major version of this contract."""
    id: Hex32
    """Hash of what follows but `have` and `rules`: a repeat is recognised."""
    federation: Cluster
    """Federation it is meant for: the pool's cluster."""
    pool: Hex32
    """Fingerprint of the pool's key it is sealed to."""
    hub: Hex32
    """Fingerprint of the sender's key."""
    cluster: Cluster
    """Cluster of the sender."""
    number: int = Field(ge=1, lt=2**53)
    """Counts the sender's messages."""
    kind: FigureKind
    """What kind of side stream this is."""
    window: WindowSpan
    """Window the sender has decided."""
    figures: tuple[Leftover, ...] = Field(max_length=FIGURES, strict=False)
    """What is left over; none when nothing is."""
    rules: PoolRules
    """The sender's rules."""
    have: int = Field(ge=0, lt=2**53)
    """Number of the last of the pool's cells that the sender has."""
    signature: str
    """Ed25519 signature, base64, over the rest in canonical form."""


class PooledCell(Message):
    """A cell that the pool decided, and its number there."""

    number: int = Field(ge=1, lt=2**53)
    """Counts up from cell to cell."""
    cell: Cell
    """The cell, as on the pool's own feed."""


class Pooled(Message):
    """Cells that the pool decided, told to a peer."""

    v: Literal[1]
    """Major version of this contract."""
    federation: Cluster
    """Federation whose pool it is."""
    hub: Hex32
    """Fingerprint of whom it is told."""
    after: int = Field(ge=0, lt=2**53)
    """Number of the cell told before the first of these; 0 when there was none."""
    cells: tuple[PooledCell, ...] = Field(max_length=100, strict=False)
    """The cells, by number."""
    signature: str
    """Ed25519 signature of the pool, base64, over the rest in canonical form."""


def remainders_topic(cluster: str, hub: str) -> str:
    """Name the topic a peer (its key's fingerprint) sends its remainders to the pool on."""
    return f"sidestream/v{VERSION}/{cluster}/remainders/{hub}"


def pooled_topic(cluster: str, hub: str) -> str:
    """Name the topic the pool tells a peer of its cells on."""
    return f"sidestream/v{VERSION}/{cluster}/pooled/{hub}"


def owner_token(key: bytes, federation: str, period: str, organisation: str) -> str:
    """Give what stands for an owner in a federation for a quarter, by its number in the register.

    Whoever lacks the key can neither compute it nor link it to another quarter's.
    """
    named = f"sidestream owner|{federation}|{period}|{organisation}".encode()
    return hmac.digest(key, named, hashlib.sha256).hex()[:32]


def remainder_id(content: dict[str, Any]) -> str:
    """Give the identity of a remainder: that of its window, number and figures."""
    left_out = ("id", "have", "rules", "signature")
    body = {name: value for name, value in content.items() if name not in left_out}
    return hashlib.sha256(b"sidestream remainder\n" + canonical(body)).hexdigest()[:32]


def seal_remainder(content: dict[str, Any], key: HubKey, pool: HubPublic, size: int) -> bytes:
    """Name, sign, pad and seal a remainder's content, given without `id` and `signature`."""
    named = {**content, "id": remainder_id(content)}
    plain = canonical({**named, "signature": signature(named, key.sign, "remainder")})
    topic = remainders_topic(content["federation"], content["hub"])
    return seal_for(plain, topic.encode(), pool, size)


def open_remainder(payload: bytes, federation: str, hub: HubPublic, key: HubKey) -> Remainder:
    """Open and verify what came on a peer's topic; raises `RefusalError`."""
    topic = remainders_topic(federation, hub.fingerprint)
    content = open_from(payload, topic.encode(), key)
    if verified(content, hub.verify, "remainder") is None:
        raise RefusalError("bad-signature", "the signature is not the peer's")
    try:
        found = Remainder.model_validate(content)
    except ValidationError as error:
        known = content.get("id")
        named = known if isinstance(known, str) else None
        raise RefusalError("malformed", first_of(error), named) from error
    ours = (federation, key.public.fingerprint, hub.fingerprint)
    if (found.federation, found.pool, found.hub) != ours:
        raise RefusalError("misaddressed", "written for another federation or pool", found.id)
    if found.id != remainder_id(content):
        raise RefusalError("malformed", "the id is not the remainder's", found.id)
    return found


def seal_pooled(
    federation: str, hub: str, after: int, cells: Sequence[tuple[int, Cell]], key: HubKey
) -> bytes:
    """Write and sign what a peer is told."""
    content: dict[str, Any] = {
        "v": VERSION,
        "federation": federation,
        "hub": hub,
        "after": after,
        "cells": [
            {"number": number, "cell": cell.model_dump(mode="json", exclude_none=True)}
            for number, cell in cells
        ],
    }
    return canonical({**content, "signature": signature(content, key.sign, "pooled")})


def read_pooled(payload: bytes, federation: str, hub: str, pool: HubPublic) -> Pooled:
    """Verify and read what the pool tells a peer; raises `RefusalError`."""
    content = parse(payload)
    if verified(content, pool.verify, "pooled") is None:
        raise RefusalError("bad-signature", "the signature is not the pool's")
    try:
        found = Pooled.model_validate(content)
    except ValidationError as error:
        raise RefusalError("malformed", first_of(error)) from error
    if (found.federation, found.hub) != (federation, hub):
        raise RefusalError("misaddressed", "written for another federation or peer")
    try:
        instants = [
            nanoseconds(instant)
            for cell in (one.cell for one in found.cells)
            for instant in (cell.window.start, cell.window.end, cell.released)
        ]
    except ValueError as error:
        raise RefusalError("malformed", f"no instant: {error}") from error
    if any(abs(instant) > _FURTHEST for instant in instants):
        raise RefusalError("malformed", "no instant: further away than a ledger tells")
    return found
