"""A small cluster for tests: members with keys, their sealed records, and a hub that reads them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from config.hub_plan import HubLimits, HubPlan, Member, Rules, StorePlan
from config.plan import BrokerPlan
from gateway.hub.intake import Gate
from gateway.keys import HubKey, PlantKey
from gateway.signing import SUITE, binding, seal_record
from gateway.wire import record_id, rfc3339

CLUSTER = "ora"
HOUR = 3_600_000_000_000
MONDAY = 1_772_409_600_000_000_000
"""2026-03-02T00:00:00Z, a Monday."""


def _key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))


HUB = HubKey(_key(1))


@dataclass(frozen=True)
class Plant:
    """A member and what it signs with."""

    member: Member
    key: PlantKey

    @property
    def pseudonym(self) -> str:
        return self.key.pseudonym(HUB.public, CLUSTER, "2026Q1")

    @property
    def topic(self) -> str:
        return f"sidestream/v1/{CLUSTER}/records/{self.pseudonym}"

    def content(
        self,
        start: int = MONDAY,
        figures: Sequence[Mapping[str, Any]] = (),
        length: int = HOUR,
        sequence: int = 1,
        revision: int = 0,
        **changes: Any,
    ) -> dict[str, Any]:
        window = {"start": rfc3339(start), "end": rfc3339(start + length)}
        plant = self.key.public.fingerprint
        return {
            "v": 1,
            "id": record_id(plant, window["start"], window["end"], revision),
            "cluster": CLUSTER,
            "hub": HUB.public.fingerprint,
            "plant": plant,
            "pseudonym": self.pseudonym,
            "sequence": sequence,
            "revision": revision,
            "window": window,
            "figures": list(figures),
            **changes,
        }

    def seal(self, content: dict[str, Any]) -> bytes:
        return seal_record(content, self.key.sign, HUB.public, 4096)

    def record(self, start: int = MONDAY, **options: Any) -> bytes:
        return self.seal(self.content(start, **options))


def plant(number: int, owner: str = "", place: str = "ora/north", waives: bool = False) -> Plant:
    key = PlantKey(_key(100 + number))
    text = str(key.public)
    return Plant(Member(f"plant {number}", text, owner or f"owner {number}", place, waives), key)


def heat(quantity: float, **changes: Any) -> dict[str, Any]:
    return figure(quantity, **{"kind": "heat", "unit": "MW.h", "band": "60-90", **changes})


def figure(quantity: float, code: str | None = None, **changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "kind": "material",
        "direction": "surplus",
        "unit": "t",
        "quantity": quantity,
        "coverage": 1.0,
        "uncertain": 0.0,
        "marks": [],
        **changes,
    }
    return content if code is None else {**content, "code": code}


def sealed(plain: bytes, sender: Plant) -> bytes:
    """Seal any bytes to the hub for a sender's topic, as everybody who has its key can."""
    box = SUITE.encrypt(plain, HUB.public.seal, info=binding(CLUSTER, sender.pseudonym))
    text = base64.b64encode(box).decode()
    return rfc8785.dumps({"v": 1, "hub": HUB.public.fingerprint, "sealed": text})


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now: int = MONDAY + 24 * HOUR

    def __call__(self) -> int:
        return self.now


@dataclass
class Notes:
    """What was told to the service manager."""

    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        self.lines.append(line)


def gate(*plants: Plant, limits: HubLimits | None = None) -> Gate:
    members = tuple(plant.member for plant in plants)
    return Gate.of(CLUSTER, HUB, members, limits or HubLimits())


def hub_plan(folder: Path, *plants: Plant, port: int = 1, **changes: Any) -> HubPlan:
    options: dict[str, Any] = {
        "calendars": {"heat": "hour", "material": "day", "water": "day", "gas": "day"},
        "wait": HOUR,
        "store": StorePlan(path=str(folder / "cells.db")),
        "rules": Rules(),
        **changes,
    }
    return HubPlan(
        cluster=CLUSTER,
        broker=BrokerPlan("127.0.0.1", port, None),
        key_file=str(folder / "hub.pem"),
        state_dir=str(folder / "state"),
        runtime_dir=str(folder / "run"),
        members=tuple(plant.member for plant in plants),
        **options,
    )
