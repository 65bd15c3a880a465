"""Contract partners for tests: keys, a contract, and details made by hand."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from config.partner_plan import PartnerPlan
from gateway.keys import PlantKey
from gateway.partner_keys import PartnerKey, PartnerPublic
from gateway.partner_seal import detail_id, seal_detail, signed_detail
from gateway.wire import rfc3339
from tests.plants import HOUR, MINUTE, START, plant_key

CONTRACT = "2026-17"
SIZE = 8192


def partner_key(number: int = 7) -> PartnerKey:
    """Give a partner's key that is the same each time."""
    return PartnerKey(X25519PrivateKey.from_private_bytes(bytes([number]) * 32))


def contract(number: int = 7, **changes: Any) -> PartnerPlan:
    """Give a contract on the slag of `tests.plants`, in windows of a quarter of an hour."""
    settings: dict[str, Any] = {
        "name": f"partner{number}",
        "key": str(partner_key(number).public),
        "contract": CONTRACT,
        "streams": {"slag": "stream-1"},
        "until": START + 10_000 * HOUR,
        "window": 15 * MINUTE,
    }
    return PartnerPlan(**{**settings, **changes})


def content(
    plant: PlantKey | None = None, partner: PartnerPublic | None = None, **changes: Any
) -> dict[str, Any]:
    """Write a detail's content of one hour, without its nonce and signature."""
    sender = (plant or plant_key()).public.fingerprint
    to = (partner or partner_key().public).fingerprint
    window = {"start": rfc3339(START), "end": rfc3339(START + HOUR)}
    found: dict[str, Any] = {
        "v": 1,
        "id": detail_id(sender, to, CONTRACT, (window["start"], window["end"])),
        "cluster": "ora",
        "partner": to,
        "plant": sender,
        "contract": CONTRACT,
        "until": rfc3339(START + 10 * HOUR),
        "window": window,
        "revision": 0,
        "streams": [stream()],
    }
    return {**found, **changes}


def stream(label: str = "stream-1", quantity: float = 1.25) -> dict[str, Any]:
    """Write a stream of one window of a quarter of an hour."""
    window = {"start": rfc3339(START), "quantity": quantity, "coverage": 1.0, "uncertain": 0.0}
    return {
        "label": label,
        "kind": "material",
        "code": "10 09 03",
        "direction": "surplus",
        "basis": "wet",
        "unit": "t",
        "length": 900,
        "windows": [window],
    }


def message(
    told: dict[str, Any] | None = None,
    plant: PlantKey | None = None,
    partner: PartnerPublic | None = None,
) -> bytes:
    """Sign and seal a content."""
    to = partner or partner_key().public
    plain = signed_detail(told or content(plant, to), (plant or plant_key()).sign)
    return seal_detail(plain, to, SIZE)
