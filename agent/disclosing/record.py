"""Figures in, a sealed record out: pseudonymise, number, sign, pad and seal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agent.disclosing.figure import Figure
from agent.disclosing.magnitude import Ordered
from agent.disclosing.parts import Parts
from agent.disclosing.policy import Step
from config.plan import UplinkPlan
from gateway.keys import HubPublic, PlantKey
from gateway.signing import seal_plain, signed_record
from gateway.wire import VERSION, quarter, record_id, rfc3339


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A record as it waits in the outbox: what it says in plain text and the bytes that leave."""

    id: str
    sequence: int
    start: int
    end: int
    pseudonym: str
    plain: str
    payload: bytes
    steps: tuple[Step, ...]
    parts: Parts = Parts()  # noqa: RUF009 - frozen
    """What it was merged of; stays in the plant."""


class Hubs(Protocol):
    """What knows the hub's key of each quarter."""

    def at(self, period: str) -> HubPublic:
        """Give the key of a quarter."""
        ...


@dataclass(frozen=True, slots=True)
class Sealer:
    """What a plant needs to turn figures into records for its hub."""

    plant: PlantKey
    hub: HubPublic
    uplink: UplinkPlan
    hubs: Hubs | None = None
    """The hub's keys by the quarter, where there may be others than `hub`."""

    def hub_in(self, start: int) -> HubPublic:
        """Give the key that a window's record is sealed to: that of the quarter of its start."""
        return self.hub if self.hubs is None else self.hubs.at(quarter(start))

    def seal(
        self,
        start: int,
        end: int,
        sequence: int,
        figures: Sequence[Figure],
        steps: Sequence[Step] = (),
        run: int | None = None,
        orders: Sequence[Ordered] | None = None,
        parts: Parts = Parts(),  # noqa: B008 - frozen
    ) -> SealedRecord:
        """Make the one record of a release window [start, end), empty or not.

        `run` is the number of the count `sequence` is in; None where it has none. `orders` are the
        year's orders of magnitude, None in a window that tells none.
        """
        content = {**self.content(start, end, figures, run, orders), "sequence": sequence}
        plain = signed_record(content, self.plant.sign)
        pad = Step("pad", "record", f"{self.uplink.record_size} bytes")
        if len(plain) > self.uplink.record_size:
            # Loading refuses a plan that could come here; a size that tells must not leave even so.
            pad = replace(pad, outcome=f"would take {len(plain)}: left empty", stopped=True)
            orders, parts = None if orders is None else (), Parts()
            content = {**self.content(start, end, (), run, orders), "sequence": sequence}
            plain = signed_record(content, self.plant.sign)
        pseudonym = content["pseudonym"]
        payload = seal_plain(
            plain, self.uplink.cluster, pseudonym, self.hub_in(start), self.uplink.record_size
        )
        return SealedRecord(
            id=content["id"],
            sequence=sequence,
            start=start,
            end=end,
            pseudonym=pseudonym,
            plain=plain.decode(),
            payload=payload,
            steps=(
                *steps,
                Step("pseudonymise", "plant", f"{pseudonym} in {quarter(start)}"),
                pad,
                Step("sign", "record", f"key {content['plant']}"),
                Step("seal", "record", f"to hub {content['hub']}, {len(payload)} bytes"),
            ),
            parts=parts,
        )

    def content(
        self,
        start: int,
        end: int,
        figures: Sequence[Figure],
        run: int | None = None,
        orders: Sequence[Ordered] | None = None,
    ) -> dict[str, Any]:
        """Write what a record says, but for its sequence and its signature."""
        cluster = self.uplink.cluster
        plant = self.plant.public.fingerprint
        window = {"start": rfc3339(start), "end": rfc3339(end)}
        found: dict[str, Any] = {
            "v": VERSION,
            "id": record_id(plant, window["start"], window["end"], 0),
            "cluster": cluster,
            "hub": self.hub_in(start).fingerprint,
            "plant": plant,
            "pseudonym": self.plant.pseudonym(self.hub_in(start), cluster, quarter(start)),
            "revision": 0,
            "window": window,
            "figures": [figure.content() for figure in figures],
        }
        if run is not None:
            found["run"] = run
        if orders is not None:
            found["magnitudes"] = [order.content() for order in orders]
        return found
