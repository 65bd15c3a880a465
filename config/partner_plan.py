"""A contract partner as the agent needs it: who, which streams under which names, until when."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartnerPlan:
    """One contract: the partner's public key, and the label of each stream in it.

    `until` is the contract's end and `window` the length of the windows told, in nanoseconds.
    """

    name: str
    key: str
    contract: str
    streams: Mapping[str, str]
    until: int
    window: int
