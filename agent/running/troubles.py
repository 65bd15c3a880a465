"""What is wrong with the agent now, by part: each change is logged once and told in the status."""

import logging
from collections.abc import Callable, Iterator, Mapping

from gateway import changes

_log = logging.getLogger("sidestream.agent")


class Troubles(Mapping[str, str]):
    """Troubles by the name of what has them; `changed` is called when one comes or another text."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._told: dict[str, str] = {}
        self._changed = changed

    def __getitem__(self, what: str) -> str:
        return self._told[what]

    def __iter__(self) -> Iterator[str]:
        return iter(self._told)

    def __len__(self) -> int:
        return len(self._told)

    def tell(self, what: str, text: str, level: int = logging.ERROR) -> None:
        """Set the trouble of a part, or take it back with an empty text."""
        if text and self._told.get(what) != text:
            _log.log(level, "%s: %s", what, text, extra={"part": what, "change": changes.TROUBLE})
            self._changed()
        if text:
            self._told[what] = text
        elif self._told.pop(what, None):
            _log.info("%s: well again", what, extra={"part": what, "change": changes.WELL})
            self._changed()
