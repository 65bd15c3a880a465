"""A plant's contracts from window to window: what each partner is told, and what is remembered.

A contract that was ended, or whose end a window is past, has no message made at all; one in force
has one for each release window, empty or not.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from agent.disclosing.detail import Kept, Span, Told, tell
from agent.disclosing.figure import Carry
from agent.disclosing.policy import EVERY, Policy
from agent.disclosing.sealed_detail import (
    DetailSealer,
    SealedDetail,
    Unmade,
    steps_left,
    without,
)
from agent.measuring.total import Total
from config.partner_plan import PartnerPlan
from config.plan import PlantPlan, StreamPlan
from gateway.partner_keys import PartnerPublic

DETAIL = "detail:"
"""Beginning of the names, in the state file, of what is remembered for contracts."""


def name_of(partner: PartnerPlan) -> str:
    """Name a contract, in the file of those that were ended and in the state file."""
    return f"{PartnerPublic.parse(partner.key).fingerprint} {partner.contract}"


def in_force(partner: PartnerPlan, end: int, ended: Mapping[str, str]) -> bool:
    """Tell whether a window that ends at an instant is told; `ended` names ended contracts."""
    return end <= partner.until and EVERY not in ended and name_of(partner) not in ended


class Contracts:
    """Makes the messages of all contracts; `ended` names, when it is asked, those that were ended.

    `state` is what was committed before.
    """

    def __init__(
        self,
        plan: PlantPlan,
        sealer: DetailSealer,
        ended: Callable[[], Mapping[str, str]],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._plan = plan
        self._sealer = sealer
        self._ended = ended
        named = {name_of(one) for one in plan.partners}
        # What is remembered of a contract that is no more is forgotten, so that none takes it up.
        self._state = {name: body if name in named else {} for name, body in (state or {}).items()}

    def make(
        self,
        start: int,
        streams: Sequence[StreamPlan],
        totals: Mapping[str, Sequence[Total]],
        rules: Policy,
    ) -> list[SealedDetail]:
        """Make the message of each contract in force for the release window from `start` on."""
        span, ended = Span.of(self._plan.windows, start), self._ended()
        found = []
        for partner in self._plan.partners:
            name = name_of(partner)
            if not in_force(partner, span.end, ended):
                self._state[name] = {}
                continue
            told = tell(partner, streams, totals, span, kept_of(self._state.get(name, {})), rules)
            self._state[name] = kept_document(told)
            found.append(self._seal(partner, span, told))
        return found

    def _seal(self, partner: PartnerPlan, span: Span, told: Told) -> SealedDetail:
        return self._sealer.seal(
            partner, span.start, span.end, told.streams, told.labels, told.steps
        )

    def remake(self, message: Unmade, withdrawn: Mapping[str, str]) -> SealedDetail | None:
        """Make a message again that was never sent, without what was withdrawn meanwhile.

        None when its contract is no more.
        """
        for partner in self._plan.partners:
            if name_of(partner) == message.contract:
                streams, labels = without(message.streams, message.labels, withdrawn)
                steps = steps_left(message.steps, withdrawn)
                return self._sealer.seal(
                    partner, message.start, message.end, streams, labels, steps
                )
        return None

    def ending(self) -> tuple[Mapping[str, str], frozenset[str]]:
        """Give the contracts that were ended, with what is told of each, and those of the plan."""
        return self._ended(), frozenset(name_of(one) for one in self._plan.partners)

    def state(self) -> Mapping[str, Any]:
        """Give what is to be remembered, by its name in the state file."""
        return {DETAIL + name: body for name, body in self._state.items()}

    def set_aside(self, start: int) -> None:
        """Forget hours from an instant on: a clock that was ahead told them."""
        self._state = {
            name: {
                stream: {**kept, "hours": [one for one in kept["hours"] if one[0] < start]}
                for stream, kept in body.items()
            }
            for name, body in self._state.items()
        }


def kept_document(told: Told) -> dict[str, Any]:
    """Write what is remembered of a contract's streams for the state file."""
    return {
        name: {
            "hours": [list(hour) for hour in kept.hours],
            "carry": None if kept.carry is None else asdict(kept.carry),
        }
        for name, kept in told.kept.items()
    }


def kept_of(document: Mapping[str, Any]) -> dict[str, Kept]:
    """Read what is remembered of a contract's streams from the state file."""
    return {
        name: Kept(_hours(body["hours"]), _carry(body["carry"])) for name, body in document.items()
    }


def _hours(rows: Sequence[Sequence[Any]]) -> tuple[tuple[int, float, float], ...]:
    return tuple((int(hour), float(quantity), float(share)) for hour, quantity, share in rows)


def _carry(body: Mapping[str, Any] | None) -> Carry | None:
    if body is None:
        return None
    return Carry(tuple(body["key"]), body["quantity"], body["tickets"], tuple(body["marks"]))
