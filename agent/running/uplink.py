"""How the link to the hub is doing, as the publisher notes it and the status tells it."""

from dataclasses import dataclass, field
from typing import Any

from agent.running.partner_sender import PartnerState
from gateway.mqtt import LinkState


@dataclass(slots=True)
class UplinkState:
    """The publisher's state for `sidestream status`."""

    link: LinkState
    sent: int = 0
    receipted: int = 0
    refused: int = 0
    bad_receipts: int = 0
    last_error: str = ""
    unanswered: int | None = None
    """Since when the broker has taken records of which the hub has confirmed none."""
    partners: PartnerState = field(default_factory=PartnerState)
    roster: dict[str, Any] | None = None
    """What the hub's last roster says of the plant, see `agent.running.trust`."""
