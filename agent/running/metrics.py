"""The agent's metrics, made of its status document: no values, no streams, nothing of a product.

Source names are labels, so the file belongs to the plant: scrape it inside only.
"""

from collections.abc import Mapping
from typing import Any

from adapters.reading import NANOSECONDS
from gateway.prometheus import Metric, by, one

_LEVELS = ("ok", "warning", "critical")


def metrics(document: Mapping[str, Any]) -> list[Metric]:
    """Give what a status document says, as metrics."""
    return [*_general(document), *_sources(document), *_outbox(document), *_storage(document)]


def _general(document: Mapping[str, Any]) -> list[Metric]:
    return [
        one("sidestream_up", "gauge", "1 while the agent runs.", not document["stopped"]),
        one(
            "sidestream_level",
            "gauge",
            "How the agent is: 0 ok, 1 warning, 2 critical.",
            _LEVELS.index(document["level"]),
        ),
        one("sidestream_problems", "gauge", "Problems in the status.", len(document["problems"])),
        one(
            "sidestream_start_time_seconds",
            "gauge",
            "When the agent was started, in seconds since 1970.",
            document["started"] / NANOSECONDS,
        ),
        one(
            "sidestream_status_time_seconds",
            "gauge",
            "When this was written, in seconds since 1970.",
            document["time"] / NANOSECONDS,
        ),
    ]


def _sources(document: Mapping[str, Any]) -> list[Metric]:
    sources: Mapping[str, Any] = document["sources"]
    bad = {
        name: sum(row["quality"] == "bad" for row in source["points"].values())
        for name, source in sources.items()
    }
    return [
        by(
            "sidestream_source_up",
            "gauge",
            "1 while a source's link is up.",
            "source",
            {name: source["link"] in ("up", "done") for name, source in sources.items()},
        ),
        by(
            "sidestream_source_requests_total",
            "counter",
            "Requests to a source since start.",
            "source",
            {name: source["requests"] for name, source in sources.items()},
        ),
        by(
            "sidestream_source_failures_total",
            "counter",
            "Requests to a source that failed since start.",
            "source",
            {name: source["failures"] for name, source in sources.items()},
        ),
        by("sidestream_source_bad_points", "gauge", "Points that are bad now.", "source", bad),
    ]


def _outbox(document: Mapping[str, Any]) -> list[Metric]:
    outbox, uplink = document["outbox"], document["uplink"]
    ended = {status: n for status, n in outbox["by_status"].items() if status != "queued"}
    oldest = outbox["oldest"]
    found = [
        one("sidestream_outbox_records", "gauge", "Records that wait.", outbox["records"]),
        one("sidestream_outbox_bytes", "gauge", "Bytes of records that wait.", outbox["bytes"]),
        one(
            "sidestream_outbox_oldest_time_seconds",
            "gauge",
            "Start of the oldest window that waits, in seconds since 1970; absent when none does.",
            oldest and oldest / NANOSECONDS,
        ),
        by(
            "sidestream_records_total",
            "counter",
            "Records by how they ended: receipted, refused, dropped, remade, withdrawn.",
            "status",
            ended,
        ),
        one(
            "sidestream_partner_messages",
            "gauge",
            "Messages for contract partners that wait.",
            outbox.get("messages", 0),
        ),
        one(
            "sidestream_partner_dropped_total",
            "counter",
            "Messages for contract partners that were dropped.",
            outbox.get("messages_dropped", 0),
        ),
    ]
    if uplink is not None:
        up = uplink["link"]["connected"]
        found += [
            one("sidestream_broker_up", "gauge", "1 while connected to the hub's broker.", up),
            one("sidestream_sent_total", "counter", "Records sent since start.", uplink["sent"]),
        ]
    return found


def _storage(document: Mapping[str, Any]) -> list[Metric]:
    storage = document.get("storage")
    if not storage:
        return []
    return [
        one("sidestream_state_bytes", "gauge", "The state file and its log.", storage["bytes"]),
        one("sidestream_disk_free_bytes", "gauge", "Free on the state's disk.", storage["free"]),
        one("sidestream_reserve_bytes", "gauge", "Held in reserve.", storage["reserve"]),
        one(
            "sidestream_details_dropped_total",
            "counter",
            "Released records whose detail made room on a full disk.",
            storage["details_dropped"],
        ),
        one(
            "sidestream_state_damaged",
            "gauge",
            "1 while a damaged state file lies beside the new one.",
            bool(storage["damaged"]),
        ),
    ]
