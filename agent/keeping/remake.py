"""A record made again before it was ever sent: the same window and number, fewer streams."""

from collections.abc import Mapping

from agent.disclosing.figure import joined
from agent.disclosing.parts import steps_without
from agent.disclosing.policy import Step
from agent.disclosing.record import SealedRecord, Sealer
from agent.keeping.tables import Unmade


def remade(sealer: Sealer, record: Unmade, withdrawn: Mapping[str, str]) -> SealedRecord:
    """Make a record from the parts that are left of it."""
    parts = record.parts.without(withdrawn)
    steps = steps_without(record.steps, withdrawn)
    figures = joined(parts.figures, steps)
    orders = None if parts.orders is None else [order for order, _ in parts.orders]
    for order in orders or ():
        steps.append(Step("magnitude", " ".join(filter(None, order.key)), order.told))
    return sealer.seal(
        record.start, record.end, record.sequence, figures, steps, record.run, orders, parts
    )
