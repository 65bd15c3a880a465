"""A meter's gate: open while every status point says that its device is all right."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.reading import Fault, Quality
from agent.measuring.meter import Input
from agent.measuring.window import NEVER

STATUS = "status"
_GATED = Fault(Quality.BAD, STATUS)


class Gate:
    """The status points of one meter by role, with the values of each that are good.

    A point's word holds for `max_gap` ns; one that is bad, too old or was never heard of is not
    good, for some devices keep sending their last valid value on failure.
    """

    def __init__(self, good: Mapping[str, tuple[float, ...]], max_gap: int) -> None:
        self._good = good
        self._max_gap = max_gap
        self._said: dict[str, tuple[int, bool]] = dict.fromkeys(good, (NEVER, False))

    def __bool__(self) -> bool:
        """Tell whether the meter has a gate at all."""
        return bool(self._good)

    def take(self, time: int, inputs: Sequence[Input]) -> list[Input]:
        """Set the gate, and give the other inputs: bad while it is not known to be open."""
        for role, value, fault in inputs:
            if role in self._good and time >= self._said[role][0]:
                bad = fault is not None and fault.quality is Quality.BAD
                self._said[role] = time, not bad and value in self._good[role]
        others = [one for one in inputs if one[0] not in self._good]
        if all(good and time - since <= self._max_gap for since, good in self._said.values()):
            return others
        return [(role, None, _GATED) for role, _, _ in others]

    def reached(self) -> int:
        """Give the instant up to which every status point has spoken (ns since 1970 UTC)."""
        return min(since for since, _ in self._said.values())

    def set_back(self, now: int) -> None:
        """Take what was said after `now` as said then: the clock was set back."""
        self._said = {role: (min(since, now), good) for role, (since, good) in self._said.items()}

    def snapshot(self) -> dict[str, Any]:
        """Give what each status point said last, fit for JSON."""
        return {role: [since, good] for role, (since, good) in self._said.items()}

    def restore(self, state: Any) -> None:
        """Go on from a snapshot; what it says of points that are none any more is left out.

        Takes the list of one point too, as it was written before there could be several. Raises
        TypeError or ValueError for what is no snapshot.
        """
        if isinstance(state, list):
            state = {STATUS: state}
        for role, (since, good) in dict(state).items():
            if role in self._good:
                self._said[role] = since, good


def ungated(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give a meter's inputs by role without its status points: what its state depends on."""
    return {role: one for role, one in inputs.items() if role.partition(" ")[0] != STATUS}
