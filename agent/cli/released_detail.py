"""What `sidestream released` shows of messages to contract partners."""

import os
from typing import TYPE_CHECKING, Any

from agent.cli.output import utc, window_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.keeping.details import ReleasedDetail

_GONE = "detail dropped: the disk was full"


def of_partner(
    log: "Sequence[ReleasedDetail]", partner: str | None, plant_file: str | None
) -> "list[ReleasedDetail]":
    """Choose the messages to a partner, by its name in the plant file or its fingerprint."""
    if partner is None:
        return list(log)
    known = {partner, *_fingerprints(partner, plant_file)}
    return [line for line in log if line.partner in known]


def _fingerprints(name: str, plant_file: str | None) -> set[str]:
    from agent.cli.places import plant_path  # noqa: PLC0415
    from config.load import load_plant  # noqa: PLC0415
    from config.secrets import for_operator  # noqa: PLC0415
    from gateway.partner_keys import PartnerPublic  # noqa: PLC0415

    path = plant_path(plant_file)
    if not path.exists():
        return set()
    plan = load_plant(path, for_operator(os.environ))
    return {PartnerPublic.parse(one.key).fingerprint for one in plan.partners if one.name == name}


def detail_rows(log: "Sequence[ReleasedDetail]") -> list[tuple[object, ...]]:
    """Give a row for each stream of each message; one without streams has one too."""
    return [row for line in log for row in _rows(line)]


def _rows(line: "ReleasedDetail") -> list[tuple[object, ...]]:
    about = (window_text(line.start, line.end), line.status, line.contract)
    if not line.plain:
        return [(*about, _GONE, None, None)]
    return [(*about, *_stream(one)) for one in line.plain["streams"]] or [
        (*about, "nothing", None, None)
    ]


def _stream(one: dict[str, Any]) -> tuple[object, ...]:
    windows = one["windows"]
    if not windows:
        return one["label"], "too few batches yet", None
    quantity = sum(window.get("quantity", 0.0) for window in windows)
    coverage = sum(window["coverage"] for window in windows) / len(windows)
    told = f"{quantity:g} {one['unit']} in {len(windows)} windows"
    return one["label"], told, f"{coverage:.0%}"


def detail_step_rows(log: "Sequence[ReleasedDetail]") -> list[tuple[str, ...]]:
    """Give a row for each step to each message."""
    return [
        (window_text(line.start, line.end), step.subject, step.name, step.outcome)
        for line in log
        for step in line.steps
    ]


def detail_document(line: "ReleasedDetail") -> dict[str, Any]:
    """Give a message as a JSON document."""
    return {
        "status": line.status,
        "reason": line.reason,
        "settled": utc(line.settled),
        "partner": line.partner,
        "streams": dict(line.labels),
        "detail": line.plain,
        "steps": [
            {"step": s.name, "of": s.subject, "outcome": s.outcome, "stopped": s.stopped}
            for s in line.steps
        ],
    }
