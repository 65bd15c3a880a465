"""Intake: what a message is worth, decided without touching anything: accepted, or refused and why.

Nothing that arrives raises: whatever cannot be read is a refusal with a reason.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

from config.hub_plan import HubLimits, Member
from gateway.contract import Receipt
from gateway.hub.calendar import DAY, Window
from gateway.hub.contents import Contents, of_record
from gateway.hub.quick import Quick, quickly
from gateway.keys import HubKey, PlantPublic
from gateway.seal import NOT_FOR_US, NOT_SIGNED, open_text, parse, verify_record
from gateway.signing import RefusalError, binding, is_signature
from gateway.wire import Refusal, nanoseconds, quarter, record_id

_HEX32 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Accepted:
    """A verified record: who sent it, what it says, and its plain content in canonical form."""

    member: Member
    record: Contents
    window: Window
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the content: two records of one id with two digests are in conflict."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Refused:
    """A message for the quarantine; `record` is set when it must be named in a receipt.

    A record that is refused for being ahead of the hub's clock is not named: its plant keeps it
    and sends it again, since the fault may be the hub's.
    """

    reason: Refusal
    detail: str
    topic: str
    payload: bytes
    pseudonym: str | None = None
    member: str | None = None
    record: str | None = None


Verdict = Accepted | Refused


@dataclass(frozen=True, slots=True)
class Gate:
    """What messages are judged by: the hub's cluster and key, its roster, and its limits."""

    cluster: str
    key: HubKey
    roster: Mapping[str, tuple[Member, PlantPublic]]
    limits: HubLimits
    others: tuple[HubKey, ...] = ()
    """The hub's keys of other quarters."""

    @classmethod
    def of(
        cls,
        cluster: str,
        key: HubKey,
        members: tuple[Member, ...],
        limits: HubLimits,
        *others: HubKey,
    ) -> Self:
        """Build a gate; raises ValueError when a member's key is not a plant's public key."""
        texts = ((m, text) for m in members for text in (*(k for k, _ in m.former), m.key_text))
        keys = [(member, PlantPublic.parse(text)) for member, text in texts]
        return cls(cluster, key, {key.fingerprint: (m, key) for m, key in keys}, limits, others)

    def members(self) -> tuple[tuple[Member, PlantPublic], ...]:
        """Give the roster's members and their keys, those that were replaced too."""
        return tuple(self.roster.values())

    def judge(self, topic: str, payload: bytes, now: int, sender: str | None = None) -> Verdict:
        """Judge one message on a records topic; `now` is the hub's time in nanoseconds.

        `sender` is the member whose topic it is: what is refused is put down to it where the
        content does not prove whose it is.
        """
        pseudonym = topic.rpartition("/")[2]
        if not _HEX32.fullmatch(pseudonym):
            return Refused("misaddressed", "no pseudonym in the topic", topic, payload)
        member: Member | None = None
        try:
            bound = binding(self.cluster, pseudonym)
            plain = open_text(payload, bound, self.key, *self.others)
            text = plain.rstrip(b" ")
            quick = quickly(text)
            content = parse(plain) if quick is None else {"plant": quick.record.plant}
            member, public = self._member(content)
            if quick is None:
                record, text = self._read(content, pseudonym, public)
            else:
                record = self._verified(quick, pseudonym, public)
            window = self._window(record, now)
            _check_tenure(member, public, window, record)
            return Accepted(member, record, window, text)
        except RefusalError as error:
            known = error.record_id or ""
            named = error.reason != "future" and _HEX32.fullmatch(known) and member is not None
            return Refused(
                error.reason,
                error.detail,
                topic,
                payload,
                pseudonym,
                member.name if member and error.reason != "bad-signature" else sender,
                known if named else None,
            )
        except RecursionError:
            return Refused("malformed", "nested too deeply", topic, payload, pseudonym, sender)

    def _member(self, content: Mapping[str, Any]) -> tuple[Member, PlantPublic]:
        name = content.get("plant")
        found = self.roster.get(name) if isinstance(name, str) else None
        if found is None:
            raise RefusalError("unknown-plant", f"no member has the key {name!r:.60}")
        return found

    def _read(
        self, content: dict[str, Any], pseudonym: str, public: PlantPublic
    ) -> tuple[Contents, bytes]:
        """Give what a record says by the models, and its canonical form, when signed and for us."""
        record, text = verify_record(content, self.cluster, pseudonym, public)
        return of_record(record), text

    def _verified(self, quick: Quick, pseudonym: str, public: PlantPublic) -> Contents:
        """Give what a record says that was read quickly, when it is signed and for us."""
        record = quick.record
        if not is_signature(quick.signature, quick.signed, public.verify, "record"):
            raise RefusalError("bad-signature", NOT_SIGNED)
        if (record.cluster, record.pseudonym) != (self.cluster, pseudonym):
            raise RefusalError("misaddressed", NOT_FOR_US, record.id)
        return record

    def _window(self, record: Contents, now: int) -> Window:
        try:
            window = _span(record.start, record.end)
        except ValueError as error:
            raise RefusalError("bad-window", "no such instant", record.id) from error
        self._check_window(window, record, now)
        if record.id != record_id(record.plant, record.start, record.end, record.revision):
            raise RefusalError("malformed", "the id is not the record's", record.id)
        if record.beyond:
            raise RefusalError("malformed", "a quantity is out of range", record.id)
        return window

    def _check_window(self, window: Window, record: Contents, now: int) -> None:
        length = window.end - window.start
        if length <= 0 or DAY % length or window.start % length:
            detail = "not a part of a day, aligned to the day"
            raise RefusalError("bad-window", detail, record.id)
        if window.start < now - self.limits.oldest:
            raise RefusalError("bad-window", "older than this hub takes", record.id)
        if window.end > now + self.limits.future:
            raise RefusalError("future", "ends ahead of this hub's clock", record.id)


@lru_cache(maxsize=1024)
def _span(start: str, end: str) -> Window:
    """Read a window, which all members of a cluster have in common; raises ValueError."""
    return Window(nanoseconds(start), nanoseconds(end))


def _check_tenure(member: Member, public: PlantPublic, window: Window, record: Contents) -> None:
    """Refuse what a member, or its key, is too late for: it has left, or has another key."""
    if member.until and quarter(window.start) >= member.until:
        raise RefusalError("unknown-plant", f"no member from {member.until} on", record.id)
    for text, until in member.former:
        if text == str(public) and window.start >= until:
            raise RefusalError("unknown-plant", "signed with a key that was replaced", record.id)


def receipt_content(
    cluster: str,
    pseudonym: str,
    stored: list[str],
    refused: list[tuple[str, Refusal]],
    sequence: int,
    issued: str,
) -> dict[str, Any]:
    """Write a receipt's content, to be signed."""
    receipt = Receipt.model_validate(
        {
            "v": 1,
            "cluster": cluster,
            "pseudonym": pseudonym,
            "stored": stored,
            "refused": [{"id": known, "reason": reason} for known, reason in refused],
            "sequence": sequence,
            "issued": issued,
            "signature": "",
        }
    )
    return receipt.model_dump(mode="json", exclude={"signature"})
