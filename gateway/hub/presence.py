"""Presence: who was last heard to be online, bounded however many names are invented."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pydantic import ValidationError

from gateway.contract import Presence
from gateway.seal import parse
from gateway.signing import RefusalError

MOST = 10_000
"""Pseudonyms remembered; past it the ones heard longest ago are forgotten."""


class Presences:
    """The last word on each pseudonym."""

    def __init__(self, online: Mapping[str, bool] = MappingProxyType({})) -> None:
        self._online = dict(online)

    def note(self, topic: str, payload: bytes) -> None:
        """Take a presence message; one that cannot be read leaves nothing known."""
        pseudonym = topic.rpartition("/")[2]
        self._online.pop(pseudonym, None)
        try:
            presence = Presence.model_validate(parse(payload))
        except (RefusalError, ValidationError):
            return
        self._online[pseudonym] = presence.online
        if len(self._online) > MOST:
            del self._online[next(iter(self._online))]

    def members(self, whose: Callable[[str], tuple[str, int] | None]) -> dict[str, bool]:
        """Tell who is online: `whose` gives a pseudonym's member and quarter, and the latest wins.

        What is retained of quarters gone by comes in any order.
        """
        latest: dict[str, tuple[int, bool]] = {}
        for pseudonym, online in self._online.items():
            found = whose(pseudonym)
            if found is not None and found[1] >= latest.get(found[0], (found[1], online))[0]:
                latest[found[0]] = found[1], online
        return {name: online for name, (_, online) in latest.items()}
