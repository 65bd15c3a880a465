"""Detail in, a sealed message for a partner out: identify, sign, pad and seal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.disclosing.policy import Step
from config.partner_plan import PartnerPlan
from config.plan import UplinkPlan
from gateway.keys import PlantKey
from gateway.partner_keys import PartnerPublic
from gateway.partner_seal import detail_id, seal_detail, signed_detail
from gateway.wire import VERSION, rfc3339

MADE = ("pad", "sign", "seal")
"""Names of the last steps, which are taken again when a message is made again."""


@dataclass(frozen=True, slots=True)
class SealedDetail:
    """A message for a partner as it waits: what it says in plain text, and the bytes that leave.

    `partner` is the fingerprint of the key that opens it; `labels` stays in the plant.
    """

    id: str
    partner: str
    contract: str
    start: int
    end: int
    plain: str
    payload: bytes
    steps: tuple[Step, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unmade:
    """A message that waits to be made again, without the streams that were withdrawn."""

    id: str
    contract: str
    """The partner's fingerprint and the contract, see `contracts.name_of`."""
    start: int
    end: int
    streams: tuple[Mapping[str, Any], ...]
    labels: Mapping[str, str]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class DetailSealer:
    """What a plant needs to seal detail: its own key, and the uplink's cluster and size."""

    plant: PlantKey
    uplink: UplinkPlan

    def content(
        self, partner: PartnerPlan, start: int, end: int, streams: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Write what a detail says, but for its nonce and signature."""
        plant = self.plant.public.fingerprint
        to = PartnerPublic.parse(partner.key).fingerprint
        window = {"start": rfc3339(start), "end": rfc3339(end)}
        return {
            "v": VERSION,
            "id": detail_id(plant, to, partner.contract, (window["start"], window["end"])),
            "cluster": self.uplink.cluster,
            "partner": to,
            "plant": plant,
            "contract": partner.contract,
            "until": rfc3339(partner.until),
            "window": window,
            "revision": 0,
            "streams": list(streams),
        }

    def seal(
        self,
        partner: PartnerPlan,
        start: int,
        end: int,
        streams: Sequence[Mapping[str, Any]],
        labels: Mapping[str, str],
        steps: Sequence[Step] = (),
    ) -> SealedDetail:
        """Make the one message of a contract for a release window [start, end), empty or not."""
        size, to = self.uplink.detail_size, PartnerPublic.parse(partner.key)
        content = self.content(partner, start, end, streams)
        plain = signed_detail(content, self.plant.sign)
        pad = Step("pad", "detail", f"{size} bytes")
        if len(plain) > size:
            # Loading refuses a plan that could come here; a size that tells must not leave even so.
            pad = replace(pad, outcome=f"would take {len(plain)}: left empty", stopped=True)
            content, labels = self.content(partner, start, end, ()), {}
            plain = signed_detail(content, self.plant.sign)
        payload = seal_detail(plain, to, size)
        return SealedDetail(
            id=content["id"],
            partner=to.fingerprint,
            contract=partner.contract,
            start=start,
            end=end,
            plain=plain.decode(),
            payload=payload,
            steps=(
                *steps,
                pad,
                Step("sign", "detail", f"key {content['plant']}"),
                Step("seal", "detail", f"to partner {to.fingerprint}, {len(payload)} bytes"),
            ),
            labels=labels,
        )


def without(
    streams: Sequence[Mapping[str, Any]], labels: Mapping[str, str], names: Collection[str]
) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """Leave streams out of what a detail tells; gives what is left, and its labels."""
    left = {name: label for name, label in labels.items() if name not in names}
    return [one for one in streams if one["label"] in left.values()], left


def steps_left(steps: Sequence[Step], withdrawn: Mapping[str, str]) -> list[Step]:
    """Give the steps that streams took, in which those withdrawn stop at consent."""
    found: list[Step] = []
    for step in steps:
        why = withdrawn.get(step.subject)
        if why is None:
            found.append(step)
        elif step.name == "consent":
            found.append(replace(step, outcome=why, stopped=True))
    return found
