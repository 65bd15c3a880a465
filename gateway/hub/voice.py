"""What the hub says of itself: each change of a part's state once, and what is wrong now."""

import logging

from gateway import changes

_log = logging.getLogger("sidestream.hub")


class Voice:
    """Says a part's trouble, or that it is over; `problem` is what the status tells."""

    def __init__(self) -> None:
        self.problem = ""
        self._said: dict[str, str] = {}

    def heard_of(self, part: str) -> bool:
        """Tell whether anything has been said of a part yet."""
        return part in self._said

    def say(self, part: str, trouble: str) -> None:
        """Log a change of state, once: a part's trouble, or that it is over."""
        if self._said.get(part, "") == trouble:
            return
        self._said[part] = trouble
        if trouble:
            _log.warning("%s: %s", part, trouble, extra={"part": part, "change": _change(part)})
        else:
            _log.info(
                "%s: well again", part, extra={"part": part, "change": _change(part, well=True)}
            )

    def trouble(self, text: str) -> None:
        """Set the problem the status tells, or take it back."""
        self.problem = text
        self.say("hub", text)


def _change(part: str, *, well: bool = False) -> str:
    if part == "broker":
        return changes.BROKER
    return changes.WELL if well else changes.TROUBLE
