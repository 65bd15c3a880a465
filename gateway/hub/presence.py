"""Presence: who was last heard to be online, bounded however many names are invented."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self

from pydantic import ValidationError

from gateway.contract import Presence
from gateway.seal import RefusalError, parse

MOST = 10_000
"""Pseudonyms remembered; past it the ones heard longest ago are forgotten."""


class Presences:
    """The last word on each pseudonym."""

    def __init__(self, online: Mapping[str, bool] = MappingProxyType({})) -> None:
        self._online = dict(online)

    def copy(self) -> Self:
        """Give what is known now, for another thread."""
        return type(self)(self._online)

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

    def members(self, member_of: Callable[[str], str | None]) -> dict[str, bool]:
        """Tell who is online, by the names `member_of` gives pseudonyms; the last heard wins."""
        named = ((member_of(pseudonym), online) for pseudonym, online in self._online.items())
        return {name: online for name, online in named if name is not None}
