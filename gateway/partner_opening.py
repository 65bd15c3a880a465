"""Opening detail as a contract partner: pure functions from bytes to what a plant has sealed."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from pydantic import ValidationError

from adapters.reading import NANOSECONDS
from gateway.contract import Message
from gateway.keys import PlantPublic
from gateway.partner import Detail, DetailEnvelope, DetailRefusal
from gateway.partner_keys import PartnerKey
from gateway.partner_seal import binding, commitment
from gateway.seal import first_of
from gateway.signing import MAX_PAYLOAD, SUITE, verified
from gateway.wire import VERSION, nanoseconds, partner_topic, rfc3339

Model = TypeVar("Model", bound=Message)


class DetailRefusedError(Exception):
    """A message that a partner does not take: the reason, and what a person is told."""

    def __init__(self, reason: DetailRefusal, detail: str) -> None:
        self.reason: DetailRefusal = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a partner goes by: senders by their keys, its contract, and its end in nanoseconds."""

    plants: Sequence[PlantPublic]
    contract: str | None = None
    until: int | None = None


def open_detail(
    payload: bytes, key: PartnerKey, terms: Terms, topic: str | None = None
) -> tuple[Detail, dict[str, Any]]:
    """Open, verify and read a detail; raises `DetailRefusedError`.

    Gives it as a model and as it was written. `topic` is where it was published, if that is known.
    """
    envelope = _envelope(payload, key, topic)
    content = _opened(envelope, key)
    _check_sender(content, terms)
    detail = _model(Detail, content)
    if (detail.cluster, detail.partner) != (envelope.cluster, envelope.partner):
        raise DetailRefusedError("misaddressed", "it was written for another partner or cluster")
    if commitment(content) != envelope.bound:
        raise DetailRefusedError(
            "binding", "its contract, streams, window or sender are not those it was sealed for"
        )
    _check_instants(detail)
    _check_terms(detail, terms)
    return detail, content


def _envelope(payload: bytes, key: PartnerKey, topic: str | None) -> DetailEnvelope:
    envelope = _model(DetailEnvelope, _parsed(payload))
    own = key.public.fingerprint
    if envelope.partner != own:
        raise DetailRefusedError(
            "wrong-key", f"it is sealed to the key {envelope.partner}, and this key is {own}"
        )
    if topic is not None and topic != partner_topic(envelope.cluster, own):
        raise DetailRefusedError("misaddressed", f"it came on another topic, {topic:.200}")
    return envelope


def _opened(envelope: DetailEnvelope, key: PartnerKey) -> dict[str, Any]:
    info = binding(envelope.cluster, envelope.partner, envelope.bound)
    try:
        sealed = base64.b64decode(envelope.sealed, validate=True)
        plain = SUITE.decrypt(sealed, key.open, info=info)
    except (binascii.Error, InvalidTag, ValueError) as error:
        raise DetailRefusedError(
            "changed",
            "it does not open with this key: it was changed on its way, or its binding was",
        ) from error
    return _parsed(plain)


def _parsed(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_PAYLOAD:
        raise DetailRefusedError("oversized", f"{len(text)} bytes, at most {MAX_PAYLOAD} are read")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DetailRefusedError("malformed", f"not JSON: {error}") from error
    if not isinstance(content, dict):
        raise DetailRefusedError("malformed", "not a JSON object")
    if content.get("v") != VERSION or isinstance(content.get("v"), bool):
        raise DetailRefusedError(
            "version", f"version {content.get('v')!r:.40}; this program reads {VERSION}"
        )
    return content


def _model(model: type[Model], content: dict[str, Any]) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise DetailRefusedError("malformed", first_of(error)) from error


def _check_sender(content: dict[str, Any], terms: Terms) -> None:
    """Look the sender up by its fingerprint, and check that it signed."""
    named = content.get("plant")
    for plant in terms.plants:
        if plant.fingerprint == named:
            if verified(content, plant.verify, "detail"):
                return
            raise DetailRefusedError("bad-signature", f"the signature is not that of plant {named}")
    raise DetailRefusedError(
        "wrong-sender", f"it is of plant {named!s:.40}, which is none of those expected"
    )


def _check_instants(detail: Detail) -> None:
    """Refuse what has the form of an instant and is none, and windows that no calendar holds."""
    spans = [(one.start, stream.length) for stream in detail.streams for one in stream.windows]
    told = [stream.composition.since for stream in detail.streams if stream.composition is not None]
    try:
        for instant in (detail.until, detail.window.start, detail.window.end, *filter(None, told)):
            nanoseconds(instant)
        for start, length in spans:
            rfc3339(nanoseconds(start) + length * NANOSECONDS)
    except (ValueError, OverflowError, OSError) as error:
        raise DetailRefusedError("malformed", f"no instant: {error!s:.80}") from error


def _check_terms(detail: Detail, terms: Terms) -> None:
    if terms.contract is not None and detail.contract != terms.contract:
        raise DetailRefusedError(
            "wrong-contract", f"it is of contract {detail.contract}, not {terms.contract}"
        )
    ends = [nanoseconds(detail.until), *([] if terms.until is None else [terms.until])]
    if nanoseconds(detail.window.end) > min(ends):
        raise DetailRefusedError(
            "expired", f"its window ends {detail.window.end}, the contract {rfc3339(min(ends))}"
        )
