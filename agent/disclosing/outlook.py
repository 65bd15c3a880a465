"""What partners would be told: a plant file's contracts on totals that there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.disclosing.contracts import in_force, kept_of, name_of
from agent.disclosing.detail import Kept, Span, Told, tell
from agent.disclosing.forecast import Past, by_window, streams_at
from agent.disclosing.policy import Policy
from config.partner_plan import PartnerPlan
from config.plan import PlantPlan


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the message of a contract would tell of a release window."""

    partner: PartnerPlan
    span: Span
    told: Told


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the state file knows of contracts: what was kept of each, and those that were ended."""

    state: Mapping[str, Any]
    ended: Mapping[str, str]


def outlook(
    plan: PlantPlan,
    rules: Policy,
    past: Past,
    remembered: Remembered,
    starts: Sequence[int],
    warm: int,
) -> list[Outlook]:
    """Tell each contract in force of the release windows that begin at `starts`, in order.

    Batches may have waited since earlier: those of `warm` nanoseconds before are looked at too.
    """
    if not starts:
        return []
    first, last = starts[0], starts[-1] + plan.windows.release
    names = [one.name for one in plan.streams]
    totals = by_window(plan, past, names, first, last)
    found = []
    for partner in plan.partners:
        kept = _before(plan, partner, rules, past, remembered, first - warm, first)
        for start in starts:
            span = Span.of(plan.windows, start)
            if in_force(partner, span.end, remembered.ended):
                streams = streams_at(plan, past, start)
                told = tell(partner, streams, totals.get(start, {}), span, kept, rules)
                kept = told.kept
                found.append(Outlook(partner, span, told))
    return found


def _before(
    plan: PlantPlan,
    partner: PartnerPlan,
    rules: Policy,
    past: Past,
    remembered: Remembered,
    first: int,
    last: int,
) -> Mapping[str, Kept]:
    """See what is remembered at `last`: hours that were told, and batches that wait."""
    known = kept_of(remembered.state.get(name_of(partner), {}))
    found = {
        name: Kept(tuple(hour for hour in kept.hours if hour[0] < last))
        for name, kept in known.items()
    }
    scales = {one.name for one in plan.streams if one.meter.kind == "batch"}
    names = [name for name in found if name in scales]
    totals = by_window(plan, past, names, max(first, 0), last)
    waiting: Mapping[str, Kept] = {}
    for start in sorted(totals):
        streams = [one for one in streams_at(plan, past, start) if one.name in names]
        span = Span.of(plan.windows, start)
        waiting = tell(partner, streams, totals[start], span, waiting, rules).kept
    return {**found, **waiting}
