"""Reception: a batch of messages becomes rows of the ledger, then receipts for its senders."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.hub.intake import Gate, Refused, Verdict, receipt_content
from gateway.hub.ledger import Ledger
from gateway.keys import HubKey
from gateway.seal import seal_receipt
from gateway.wire import receipts_topic, rfc3339


class Arrival(NamedTuple):
    """One message on a records topic, and the member whose topic it is ("" where nobody's)."""

    topic: str
    payload: bytes
    sender: str


class Received(NamedTuple):
    """What was decided of a batch, and the receipts to publish: topic and signed content each."""

    verdicts: list[Verdict]
    receipts: list[tuple[str, bytes]]


def receive(
    gate: Gate,
    ledger: Ledger,
    batch: Sequence[Arrival],
    now: int,
    refused: Sequence[Refused] = (),
    signing: Callable[[str], HubKey] | None = None,
) -> Received:
    """Judge a batch, commit it, and only then write its receipts; `now` is in nanoseconds.

    `refused` goes to the quarantine with it. `signing` gives the hub's key for a pseudonym's
    receipt, which is that of its quarter. Raises `TransientError` when nothing could be stored.
    """
    verdicts: list[Verdict] = [*refused]
    verdicts += [gate.judge(one.topic, one.payload, now, one.sender or None) for one in batch]
    receipts = []
    for name, draft in ledger.store(verdicts, now).items():
        content = receipt_content(
            gate.cluster, name, draft.stored, draft.refused, draft.sequence, rfc3339(now)
        )
        key = gate.key if signing is None else signing(name)
        receipts.append((receipts_topic(gate.cluster, name), seal_receipt(content, key)))
    return Received(verdicts, receipts)
