"""The last readings of a meter with several inputs, and what was bad or out of order among them."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from agent.measuring.meter import Order
from agent.measuring.window import NEVER


class Sample(NamedTuple):
    """The last reading of one input in canonical units; `value` is None when it was bad."""

    time: int
    value: float | None
    doubt: bool


_UNREAD = Sample(NEVER, None, doubt=False)


class Samples(dict[str, Sample]):
    """The last reading of each input by its role; `bad` is the newest bad one's instant."""

    def __init__(self, roles: Iterable[str]) -> None:
        super().__init__(dict.fromkeys(roles, _UNREAD))
        self.orders = {role: Order() for role in self}
        self.bad = NEVER

    def spoil(self, time: int, role: str) -> None:
        """Take a bad reading: it never carries an old value on."""
        self.bad = max(self.bad, time)
        before = self[role]
        if time >= before.time:
            self[role] = Sample(before.time, None, doubt=False)

    def newest(self) -> int:
        """Give the instant of the newest reading of any quality."""
        return max(self.bad, *(sample.time for sample in self.values()))

    def set_back(self, now: int) -> None:
        """Forget readings from after `now`."""
        for role, sample in self.items():
            if sample.time > now:
                self[role] = _UNREAD
            self.orders[role].set_back(now)
        self.bad = min(self.bad, now)

    def snapshot(self) -> dict[str, Any]:
        """Give them, fit for JSON, as members of a meter's state."""
        return {
            "samples": dict(self),
            "bad": self.bad,
            "orders": {role: order.snapshot() for role, order in self.orders.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        for role, order in self.orders.items():
            self[role] = Sample(*state["samples"][role])
            order.restore(state["orders"][role])
        self.bad = state["bad"]
