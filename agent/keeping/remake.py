"""Records and messages made again before they were ever sent: the same window, fewer streams."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.disclosing.contracts import Contracts
from agent.disclosing.figure import joined
from agent.disclosing.parts import steps_without
from agent.disclosing.policy import Step
from agent.disclosing.record import SealedRecord, Sealer
from agent.keeping.tables import Unmade

if TYPE_CHECKING:
    from agent.keeping.outbox import Outbox


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


def remake_details(outbox: "Outbox", contracts: Contracts) -> None:
    """Make the messages for partners again that hold a stream which was withdrawn."""
    for message in outbox.details.unmade():
        made = contracts.remake(message, outbox.withdrawals())
        if made is not None:
            outbox.details.remade(made)
