"""What federated hubs send each other: remainders to a pool, and its cells to its peers."""

import contextlib
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from config.hub_plan import HubLimits, Peer, Rules
from gateway.canonical import canonical
from gateway.federation import read_pooled, remainders_topic, seal_remainder
from gateway.hub import pool, pooled
from gateway.hub.database import Database
from gateway.hub.pool import Door, Taken
from gateway.signing import RefusalError, signature
from tests.fuzz.members import signed_target
from tests.hubkit import CLUSTER, HOUR, HUB, MONDAY

FEDERATION = "vestland"
_OWN = HUB.public.fingerprint
_TOPIC = remainders_topic(FEDERATION, _OWN)
_DOOR = Door(
    FEDERATION,
    HUB,
    {_OWN: (Peer(CLUSTER, str(HUB.public)), HUB.public)},
    {"material": "hour", "heat": "hour", "water": "hour", "gas": "hour"},
    HubLimits(),
)
_WINDOW = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-02T01:00:00Z"}
_SUM = {"unit": "t", "kind": "material", "direction": "surplus"}
_REMAINDER = {
    "v": 1, "federation": FEDERATION, "pool": _OWN, "hub": _OWN, "cluster": CLUSTER, "number": 1,
    "kind": "material", "window": _WINDOW, "have": 0,
    "rules": pool.told_rules(Rules()).model_dump(mode="json", exclude_none=True),
    "figures": [{
        "code": "10 09 03", "direction": "surplus", "unit": "t", "owner": "a" * 32, "quantity": 5.0,
        "coverage": 1.0, "marks": ["late"], "waives": False,
    }],
}  # fmt: skip
_CELL = {
    **_SUM, "v": 1, "cell": "slag", "cluster": FEDERATION, "code": "10 09 03", "place": "ora",
    "window": _WINDOW, "status": "released", "quantity": 15.0, "contributors": "3-5",
    "coverage": 0.95, "marks": ["late"], "released": "2026-03-02T03:00:00Z",
}  # fmt: skip
_POOLED = {
    "v": 1, "federation": FEDERATION, "hub": _OWN, "after": 0,
    "cells": [{"number": 1, "cell": _CELL}],
}  # fmt: skip


@cache
def _room() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory()


@cache
def _ledger(name: str) -> Database:
    return Database.open(Path(_room().name) / name, MONDAY)


def _remainder(data: bytes) -> None:
    verdict = _DOOR.judge(_TOPIC, data, MONDAY + 2 * HOUR)
    if isinstance(verdict, Taken):
        pool.store(_ledger("pool.db"), [verdict], MONDAY + 2 * HOUR)


def _sealed(content: dict[str, Any]) -> bytes:
    return seal_remainder({"federation": FEDERATION, "hub": _OWN, **content}, HUB, HUB.public, 4096)


def _pooled(data: bytes) -> None:
    with contextlib.suppress(RefusalError):
        told = read_pooled(data, FEDERATION, _OWN, HUB.public)
        database = _ledger("peer.db")
        pooled.take(database, told)
        with database.change() as cursor:  # else the next cells of these numbers are passed over
            cursor.execute("DELETE FROM cells")
            cursor.execute("DELETE FROM meta WHERE key LIKE 'pooled_to:%'")


def _signed(content: dict[str, Any]) -> bytes:
    return canonical({**content, "signature": signature(content, HUB.sign, "pooled")})


TARGETS = [
    signed_target(
        "remainder", "remainders for a pool, sealed or not", _remainder, _sealed, _REMAINDER
    ),
    signed_target(
        "pooled", "a pool's cells, and what a pool may sign as some", _pooled, _signed, _POOLED
    ),
]
