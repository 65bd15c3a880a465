"""The words of the wire: version, names of things, instants and topics, as plain Python.

The messages themselves are models (gateway/contract.py). Who writes them needs these words alone,
so that a running agent does without the library that checks models.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Literal

VERSION = 1
"""Major version of the contract; part of every topic and message."""

FigureUnit = Literal["t", "m3", "MW.h"]
FigureKind = Literal["material", "heat", "water", "gas"]
FigureDirection = Literal["surplus", "need"]
Mark = Literal["spread", "reset", "rollover", "reclassified", "clock-step", "late"]
Band = Literal["<40", "40-60", "60-90", "90-120", "120-200", ">200"]
Magnitude = Literal[
    "0-1",
    "1-10",
    "10-100",
    "100-1000",
    "1000-10000",
    "10000-100000",
    "100000-1000000",
    "1000000-10000000",
    "10000000-100000000",
    "100000000-1000000000",
    ">1000000000",
]
CellMagnitude = Literal[
    "0-100",
    "100-1000",
    "1000-10000",
    "10000-100000",
    "100000-1000000",
    "1000000-10000000",
    "10000000-100000000",
    "100000000-1000000000",
    ">1000000000",
]
Contributors = Literal["1-2", "3-5", "6-10", "11-20", ">20"]
Refusal = Literal[
    "malformed",
    "version",
    "oversized",
    "unsealable",
    "unknown-plant",
    "bad-signature",
    "misaddressed",
    "bad-window",
    "future",
    "conflict",
    "remade",
]
"""Why a message is not taken; `conflict` is a known record id with other content, `remade` one that
a plant made again after it lost its memory: the first stands. All but `remade` are quarantined."""

MEMBERS = 5000
"""Members a roster holds, at most."""
KEYS = 200
"""Keys of a hub that a roster holds beside the first, at most."""

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):\d{2}:\d{2}Z", re.ASCII)
_SLUG = re.compile(r"[^a-z0-9]+")


def rfc3339(instant: int) -> str:
    """Write nanoseconds since 1970 as RFC 3339 in UTC, to the second (rounded down)."""
    return datetime.fromtimestamp(instant // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def nanoseconds(instant: str) -> int:
    """Read an RFC 3339 instant in UTC; raises ValueError when it is not one."""
    if _INSTANT.fullmatch(instant) is None:
        raise ValueError(f"{instant!r:.40} is no instant such as 2026-03-01T00:00:00Z")
    return int(datetime.fromisoformat(instant).timestamp()) * 1_000_000_000


def record_id(plant: str, start: str, end: str, revision: int) -> str:
    """Give the identity of a record: the same plant, window and revision always give the same."""
    text = f"sidestream record|{plant}|{start}|{end}|{revision}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def quarter_start(instant: int) -> int:
    """Give the first instant (nanoseconds) of the period an instant is in."""
    moment = datetime.fromtimestamp(instant // 1_000_000_000, UTC)
    first = datetime(moment.year, (moment.month - 1) // 3 * 3 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * 1_000_000_000


def quarter(instant: int) -> str:
    """Name the period an instant (nanoseconds) is in: pseudonyms and partitions hold so long."""
    moment = datetime.fromtimestamp(instant // 1_000_000_000, UTC)
    return f"{moment.year}Q{(moment.month + 2) // 3}"


def slug(*parts: str) -> str:
    """Join parts into the name of a cell: lower case, digits and hyphens only."""
    named = (part.replace("<", "below-").replace(">", "above-").lower() for part in parts)
    return "-".join(_SLUG.sub("-", part).strip("-") for part in named if part)


def records_topic(cluster: str, pseudonym: str) -> str:
    """Name the topic an agent publishes its records on (`+` as pseudonym: all agents)."""
    return f"sidestream/v{VERSION}/{cluster}/records/{pseudonym}"


def presence_topic(cluster: str, pseudonym: str) -> str:
    """Name the topic of an agent's presence."""
    return f"sidestream/v{VERSION}/{cluster}/presence/{pseudonym}"


def receipts_topic(cluster: str, pseudonym: str) -> str:
    """Name the topic an agent hears the hub on."""
    return f"sidestream/v{VERSION}/{cluster}/receipts/{pseudonym}"


def request_topic(cluster: str, account: str) -> str:
    """Name the topic a request is sent on (`+` as account: all)."""
    return f"sidestream/v{VERSION}/{cluster}/join/{account}/request"


def answer_topic(cluster: str, account: str) -> str:
    """Name the retained topic of the answer to a request."""
    return f"sidestream/v{VERSION}/{cluster}/join/{account}/answer"


def cells_topic(cluster: str, cell: str) -> str:
    """Name the retained topic of a cell (`+` or `#` as cell: all)."""
    return f"sidestream/v{VERSION}/{cluster}/cells/{cell}"


def roster_topic(cluster: str) -> str:
    """Name the retained topic of the roster."""
    return f"sidestream/v{VERSION}/{cluster}/roster"


def partner_topic(cluster: str, partner: str) -> str:
    """Name the topic of what is sealed to a partner."""
    return f"sidestream/v{VERSION}/{cluster}/partner/{partner}"
