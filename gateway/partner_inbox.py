"""A partner's side: messages as they come, opened and verified, each detail once, as rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.partner import Detail, DetailStream
from gateway.partner_keys import PartnerKey
from gateway.partner_opening import DetailRefusedError, Terms, open_detail
from gateway.wire import nanoseconds, rfc3339

COLUMNS = ("contract", "stream", "start", "end", "quantity", "unit", "coverage", "uncertain",
           "marks", "band", "kind", "code", "direction", "basis", "plant", "detail")  # fmt: skip
"""Columns of a row, in order."""


def messages(text: bytes) -> Iterator[tuple[str | None, bytes]]:
    """Split what was received into messages with their topics, where a line tells one.

    A message is a line: a payload alone, or a topic, a space and the payload, as `mosquitto_sub -v`
    prints it.
    """
    for line in text.splitlines():
        told = line.strip()
        if not told:
            continue
        topic, found, rest = told.partition(b" ")
        if found and not topic.startswith(b"{"):
            yield topic.decode(errors="replace"), rest.strip()
        else:
            yield None, told


@dataclass(slots=True)
class Inbox:
    """Opens messages with a partner's key by its terms; `seen` are the details it has had."""

    key: PartnerKey
    terms: Terms
    seen: set[str] = field(default_factory=set)

    def take(self, payload: bytes, topic: str | None = None) -> tuple[Detail, dict[str, Any]]:
        """Give a detail, as a model and as written; raises `DetailRefusedError`."""
        detail, content = open_detail(payload, self.key, self.terms, topic)
        if detail.id in self.seen:
            raise DetailRefusedError("replayed", f"detail {detail.id} has come before")
        self.seen.add(detail.id)
        return detail, content


def rows(detail: Detail) -> list[dict[str, object]]:
    """Give a row for each window of each stream; a quantity that is not known is left out."""
    return [row for stream in detail.streams for row in _stream(detail, stream)]


def _stream(detail: Detail, stream: DetailStream) -> Iterator[dict[str, object]]:
    for window in stream.windows:
        end = nanoseconds(window.start) + stream.length * 1_000_000_000
        yield {
            "contract": detail.contract,
            "stream": stream.label,
            "start": window.start,
            "end": rfc3339(end),
            "quantity": window.quantity,
            "unit": stream.unit,
            "coverage": window.coverage,
            "uncertain": window.uncertain,
            "marks": " ".join(window.marks),
            "band": window.band,
            "kind": stream.kind,
            "code": stream.code,
            "direction": stream.direction,
            "basis": stream.basis,
            "plant": detail.plant,
            "detail": detail.id,
        }


def cells(row: Mapping[str, object]) -> Sequence[object]:
    """Give a row's cells in the order of the columns."""
    return ["" if row[name] is None else row[name] for name in COLUMNS]
