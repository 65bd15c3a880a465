"""What a plant knows of its hub: the keys it trusts, one after the other, and the last roster.

The roster is kept beside the plant's state, so that an older one is refused after a restart too.
"""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.durable import replace_file
from gateway.keys import HubPublic, PlantKey
from gateway.roster import Line, Roster, read_roster, standing
from gateway.signing import RefusalError

_log = logging.getLogger("sidestream.publisher")
FILE = "hub-roster.json"
_OURS = 0o600


@dataclass(frozen=True, slots=True)
class Standing:
    """What `sidestream status` tells of the roster; `since` is None while the plant is not on it.

    `next_key` is the fingerprint of a key that the hub has announced, and `next_from` its quarter.
    """

    period: str
    issued: str
    since: str | None
    hub: str
    next_key: str | None
    next_from: str | None


class Trust:
    """The hub's keys and its last roster, as one plant has verified them."""

    def __init__(self, plant: PlantKey, hub: HubPublic, cluster: str, folder: Path) -> None:
        self._plant = plant
        self._cluster = cluster
        self._path = folder / FILE
        self._payload = b""
        self.line = Line.of(hub)
        self.roster: Roster | None = None
        self._recall()

    def _recall(self) -> None:
        """Take the roster that was kept, unless it is of another hub than the plant file's."""
        try:
            payload = self._path.read_bytes()
            self.roster, self.line = read_roster(payload, self._cluster, self.line)
        except (OSError, RefusalError):
            return
        self._payload = payload

    def at(self, period: str) -> HubPublic:
        """Give the hub's key in a quarter."""
        return self.line.at(period)

    def take(self, payload: bytes) -> bool:
        """Take a roster and keep it; tells whether it is a new one.

        Raises `RefusalError` for one that is forged, another cluster's, or older than the last.
        """
        if payload == self._payload:
            return False
        roster, line = read_roster(payload, self._cluster, self.line)
        if self.roster is not None and roster.number <= self.roster.number:
            known = self.roster.number
            raise RefusalError("conflict", f"roster {roster.number}, and {known} is known")
        self.roster, self.line, self._payload = roster, line, payload
        try:
            replace_file(self._path, payload, _OURS)
        except OSError as error:
            _log.warning("the roster cannot be kept (%s): %s", error.strerror, self._path)
        return True

    def told(self) -> dict[str, Any] | None:
        """Give what the status says of it; None before a roster was heard."""
        roster = self.roster
        if roster is None:
            return None
        since, key = self.line.keys[-1]
        coming = since > roster.period
        return asdict(
            Standing(
                period=roster.period,
                issued=roster.issued,
                since=standing(roster, self._plant, self.line),
                hub=self.line.at(roster.period).fingerprint,
                next_key=key.fingerprint if coming else None,
                next_from=since if coming else None,
            )
        )
