"""Tallies of the last year, from the totals that the state file holds."""

from collections.abc import Mapping

from agent.disclosing.yearly import Tally, month, month_start, recounted
from agent.keeping.outbox import Outbox
from agent.measuring.series import histories
from config.plan import PlantPlan


def recount(outbox: Outbox, plan: PlantPlan, until: int) -> dict[str, Tally]:
    """Count the year before `until`, in nanoseconds, of all streams that share; blocks."""
    return {
        name: tally
        for each in plan.streams
        for name, tally in _one(outbox, plan, each.name, until).items()
    }


def _one(outbox: Outbox, plan: PlantPlan, name: str, until: int) -> Mapping[str, Tally]:
    streams = [one for one in plan.streams if one.name == name and one.share != "off"]
    if not streams or until <= 0:
        return {}
    since = month_start(month(until) - 12)
    totals = outbox.windows.totals_by_stream(since, until, [name])
    return recounted(streams, histories(streams, outbox.series()), totals, plan.windows.release)


def completed(
    outbox: Outbox, plan: PlantPlan, known: Mapping[str, Tally], until: int
) -> dict[str, Tally]:
    """Give the tallies that were kept, and count those of streams that have none."""
    found = dict(known)
    for stream in plan.streams:
        if stream.name not in found:
            found |= _one(outbox, plan, stream.name, until)
    return found
